//! `[access]` and `[privacy]`: who may trace, how he proves who he is, whose word is taken for a client's address, and
//! what is kept of people.

use ipnet::IpNet;

use super::super::{
    document::{Table, Value},
    model::{Access, ClientAddress, Mapping, NamedToken, Oidc, Privacy, Proof, Role, Scope, Secret, SignIn},
    value::{DAY, GIB, HOUR, KIB, MIB, MINUTE, SECOND},
};
use crate::rules::route::HostPattern;

/// Shorter secrets can be guessed.
const SECRET_BYTES_MIN: usize = 32;
/// More named tokens are a table of users, which belongs into a provider.
const TOKENS_MAX: usize = 1000;

pub(super) fn access(table: &Table<'_>) -> Access {
    let secrets = secrets(table);
    let ttl = SECOND..=365 * DAY;
    let access = Access {
        secrets,
        trusted_proxies: table.or("trusted_proxies", Vec::new(), |value| value.list(network)),
        sign_in: table.or("sign_in", SignIn::Admin, |value| {
            value.choice(&[("admin", SignIn::Admin), ("public", SignIn::Public)])
        }),
        on_site: table.or("on_site", Scope::Session, |value| {
            value.choice(&[Scope::Session, Scope::All].map(|scope| (scope.word(), scope)))
        }),
        link_ttl: table.or("link_ttl", 10 * MINUTE, |value| value.duration(SECOND..=10 * MINUTE)),
        identity_ttl: table.or("identity_ttl", 12 * HOUR, |value| value.duration(ttl.clone())),
        session_ttl: table.or("session_ttl", HOUR, |value| value.duration(ttl)),
        session_spans_max: table.or("session_spans_max", 1_000_000, |value| value.count(1..=u64::MAX)),
        force_ttl: table.or("force_ttl", 5 * MINUTE, |value| value.duration(SECOND..=HOUR)),
        guest_ttl: table.or("guest_ttl", 10 * MINUTE, |value| value.duration(MINUTE..=DAY)),
        guest_requests_max: table.or("guest_requests_max", 500, |value| value.count(1..=1_000_000)),
        audit_bytes_max: table.or("audit_bytes_max", 4 * MIB, |value| value.size(64 * KIB..=GIB)),
        audit_files_max: table.or("audit_files_max", 4, |value| value.count(1..=100)),
        console_dir: table.opt("console_dir", Value::path),
        tokens: tokens(table),
        forward_auth: table.opt("forward_auth", Value::table).and_then(|inner| forward_auth(inner, table)),
        oidc: table.opt("oidc", Value::table).and_then(oidc),
    };
    if access.session_ttl > access.identity_ttl {
        let hint = Some("a session ends with the sign-in that started it".to_owned());
        table.document.warn(table.key_span("session_ttl"), "`session_ttl` is longer than `identity_ttl`", hint);
    }
    if access.forward_auth.is_some() && access.trusted_proxies.is_empty() {
        let hint = Some("add the proxy's network to `access.trusted_proxies`".to_owned());
        let what = "no proxy is trusted, so `forward_auth` signs nobody in";
        table.document.warn(table.key_span("forward_auth"), what, hint);
    }
    table.check();
    access
}

pub(super) fn privacy(table: &Table<'_>) -> Privacy {
    let words = [("full", ClientAddress::Full), ("truncated", ClientAddress::Truncated), ("off", ClientAddress::Off)];
    let privacy = Privacy {
        client_address: table.or("client_address", ClientAddress::Full, |value| value.choice(&words)),
        client_address_log: table.or("client_address_log", ClientAddress::Full, |value| value.choice(&words)),
    };
    table.check();
    privacy
}

fn secrets(table: &Table<'_>) -> Vec<Secret> {
    table.exclusive(&["secrets", "secrets_file"]);
    let secrets = table.or("secrets", Vec::new(), |value| value.list(|item| strong(item, item.secret()?)));
    let from_file = table.or("secrets_file", Vec::new(), |value| {
        let text = value.secret_file()?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Some(lines.filter_map(|line| strong(value, Secret::new(line))).collect())
    });
    if secrets.is_empty() { from_file } else { secrets }
}

fn tokens(access: &Table<'_>) -> Vec<NamedToken> {
    let mut tokens: Vec<NamedToken> = Vec::new();
    for table in access.tables("token") {
        table.exclusive(&["token", "token_file"]);
        let name = table.require("name", "whose token it is, for the audit log", Value::word);
        let role = table.require("role", "`viewer`, `tracer` or `admin`", role);
        let token = if table.has("token_file") {
            table.opt("token_file", |value| strong(value, Secret::new(value.secret_file()?)))
        } else {
            table.require("token", "at least 32 characters; or `token_file`", |value| strong(value, value.secret()?))
        };
        let hosts = table.or("hosts", Vec::new(), |value| value.list(host));
        if let (Some(name), Some(role), Some(token)) = (name, role, token) {
            let clash = |known: &NamedToken| known.name == name || known.token == token;
            if tokens.iter().any(clash) || tokens.len() == TOKENS_MAX {
                let hint = Some("names and tokens tell people apart: each stands once".to_owned());
                table.document.fault(table.key_span("name"), "there is such a token already", hint);
            }
            tokens.push(NamedToken { name, role, token, hosts });
        }
        table.finish();
    }
    tokens
}

fn forward_auth(table: Table<'_>, access: &Table<'_>) -> Option<Proof> {
    let hint = "the header with the user's name, like `x-forwarded-user`";
    let user = table.require("user_header", hint, Value::header_name);
    let proof = |user| Proof {
        user,
        role: table.opt("role_header", Value::header_name),
        groups: table.opt("groups_header", Value::header_name),
        mapping: mapping(&table, "users"),
    };
    let proof = proof(user.clone().unwrap_or(http::header::FROM));
    if user.is_some() && proof.role.is_none() && proof.mapping == Mapping::default() {
        let hint = Some("set `role_header`, `groups`, `users` or `role`".to_owned());
        access.document.fault(access.key_span("forward_auth"), "nobody is given a role", hint);
    }
    table.finish();
    user.map(|_| proof)
}

fn oidc(table: Table<'_>) -> Option<Oidc> {
    table.exclusive(&["client_secret", "client_secret_file"]);
    let issuer = table.require("issuer", "the provider's issuer: `https://id.example`", issuer);
    let client_id = table.require("client_id", "what the provider knows Waylight as", Value::word);
    let client_secret = if table.has("client_secret_file") {
        table.opt("client_secret_file", |value| value.secret_file().map(Secret::new))
    } else {
        table.opt("client_secret", Value::secret)
    };
    let scopes = ["profile", "email"].map(str::to_owned).to_vec();
    let oidc = Oidc {
        issuer: issuer.clone().unwrap_or_default(),
        client_id: client_id.clone().unwrap_or_default(),
        client_secret,
        scopes: table.or("scopes", scopes, |value| value.list(Value::word)),
        name_claim: table.opt("name_claim", name_claim),
        groups_claim: table.or("groups_claim", "groups".to_owned(), Value::word),
        mapping: mapping(&table, "emails"),
        ca_file: table.opt("ca_file", Value::path),
        timeout: table.or("timeout", 10 * SECOND, |value| value.duration(SECOND..=MINUTE)),
    };
    if oidc.mapping == Mapping::default() {
        let hint = Some("set `groups`, `emails` or `role`".to_owned());
        table.document.fault(table.span.clone(), "nobody is given a role", hint);
    }
    table.finish();
    issuer.and(client_id).map(|_| oidc)
}

/// Claims that the standard has people fill in themselves, or that are no name: OpenID Connect Core section 5.1.
const OF_PEOPLE: [&str; 19] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "email_verified",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "phone_number_verified",
    "address",
    "updated_at",
];

fn name_claim(value: &Value<'_>) -> Option<String> {
    let claim = value.word()?;
    if OF_PEOPLE.contains(&&*claim) {
        let hint = "name `sub`, or one that your provider gives out and nobody can choose, like `upn`; without it a person's \
                    name is his verified e-mail address, else `sub`";
        value.fault(format!("whoever signs in may have written `{claim}` himself"), hint);
        return None;
    }
    Some(claim)
}

fn mapping(table: &Table<'_>, people: &str) -> Mapping {
    let read = |key: &str| {
        let entries = table.opt(key, Value::table).map(|inner| inner.entries()).unwrap_or_default();
        entries.into_iter().filter_map(|entry| Some((entry.key.to_owned(), role(&entry.value)?))).collect()
    };
    Mapping { groups: read("groups"), people: read(people), otherwise: table.opt("role", role) }
}

fn role(value: &Value<'_>) -> Option<Role> {
    value.choice(&Role::GIVEN.map(|role| (role.word(), role)))
}

fn host(value: &Value<'_>) -> Option<HostPattern> {
    value.parsed("a host", "write `shop.example`, `*.shop.example` or `*`", |text| HostPattern::parse(text).ok())
}

fn issuer(value: &Value<'_>) -> Option<String> {
    let hint = "write the issuer as the provider's discovery document has it: `https://id.example`";
    value.parsed("an issuer", hint, |text| {
        let uri: http::Uri = text.parse().ok()?;
        let host = uri.host()?;
        let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let safe = uri.scheme_str() == Some("https") || uri.scheme_str() == Some("http") && local;
        (safe && uri.query().is_none()).then(|| text.to_owned())
    })
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
