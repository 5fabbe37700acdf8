//! `[access]`: who may trace, and whose word is taken for a client's address.

use ipnet::IpNet;

use super::super::{
    document::{Table, Value},
    model::{Access, Secret, SignIn},
    value::{DAY, HOUR, MINUTE, SECOND},
};

/// Shorter secrets can be guessed.
const SECRET_BYTES_MIN: usize = 32;

pub(super) fn access(table: &Table<'_>) -> Access {
    table.exclusive(&["secrets", "secrets_file"]);
    let secrets = table.or("secrets", Vec::new(), |value| value.list(|item| strong(item, item.secret()?)));
    let from_file = table.or("secrets_file", Vec::new(), |value| {
        let text = value.secret_file()?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Some(lines.filter_map(|line| strong(value, Secret::new(line))).collect())
    });
    let ttl = SECOND..=365 * DAY;
    let access = Access {
        secrets: if secrets.is_empty() { from_file } else { secrets },
        trusted_proxies: table.or("trusted_proxies", Vec::new(), |value| value.list(network)),
        sign_in: table.or("sign_in", SignIn::Admin, |value| {
            value.choice(&[("admin", SignIn::Admin), ("public", SignIn::Public)])
        }),
        link_ttl: table.or("link_ttl", 10 * MINUTE, |value| value.duration(SECOND..=10 * MINUTE)),
        identity_ttl: table.or("identity_ttl", 12 * HOUR, |value| value.duration(ttl.clone())),
        session_ttl: table.or("session_ttl", HOUR, |value| value.duration(ttl)),
        session_spans_max: table.or("session_spans_max", 1_000_000, |value| value.count(1..=u64::MAX)),
        force_ttl: table.or("force_ttl", 5 * MINUTE, |value| value.duration(SECOND..=HOUR)),
    };
    if access.session_ttl > access.identity_ttl {
        let hint = Some("a session ends with the sign-in that started it".to_owned());
        table.document.warn(table.key_span("session_ttl"), "`session_ttl` is longer than `identity_ttl`", hint);
    }
    table.check();
    access
}

fn strong(value: &Value<'_>, secret: Secret) -> Option<Secret> {
    if secret.expose().len() < SECRET_BYTES_MIN {
        let hint = "at least 32 characters, random: `openssl rand -base64 32`";
        value.fault("a secret is too short", hint);
        return None;
    }
    Some(secret)
}

fn network(value: &Value<'_>) -> Option<IpNet> {
    value.parsed("a network", "write an address or a network: `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`", |text| {
        text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.into()))
    })
}
