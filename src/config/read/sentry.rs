//! `[sentry]`: the project, and the tunnel to it.

use std::time::Duration;

use super::{
    super::{
        document::{Table, Value},
        model::{Endpoint, Sentry, SentryTunnel, Site, Toggle},
        value::{GIB, KIB, MIB, MINUTE, SECOND},
    },
    references::References,
};
use crate::rules::{reserved, route::RequestPath, sentry::Dsn};

const HINT: &str = "the DSN as Sentry shows it: `https://key@o1.ingest.sentry.io/1`";
/// More projects are an installation of Sentry's own, which has other ways.
const DSNS_MAX: usize = 64;

pub(super) fn sentry(table: Table<'_>, sites: &[Site], references: &References<'_>) -> Option<Sentry> {
    table.exclusive(&["dsn", "dsn_file"]);
    let span = table.key_span(if table.has("dsn_file") { "dsn_file" } else { "dsn" });
    let text = if table.has("dsn_file") {
        table.opt("dsn_file", Value::secret_file)
    } else {
        table.require("dsn", HINT, |value| value.secret().map(|secret| secret.expose().to_owned()))
    };
    let dsn = text.and_then(|text| {
        let dsn = Dsn::parse(&text);
        if dsn.is_none() {
            table.document.fault(span.clone(), "not a DSN", Some(HINT.to_owned()));
        }
        dsn
    });
    let environment = table.opt("environment", Value::word);
    let release = table.opt("release", Value::word);
    let org_id = table.opt("org_id", |value| {
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.to_owned());
        value.parsed("an organisation", "the digits after `o` in the DSN's host", |text| {
            digits(text).filter(|_| !text.is_empty())
        })
    });
    let others = table.or("tunnel_dsns", Vec::new(), |value| value.list(other_dsn));
    if others.len() > DSNS_MAX {
        let hint = Some(format!("at most {DSNS_MAX}"));
        table.document.fault(table.key_span("tunnel_dsns"), "too many DSNs", hint);
    }
    let dsns: Vec<Dsn> = dsn.iter().cloned().chain(others).collect();
    let is_on = table.or("tunnel", Toggle::On, Value::toggle).is_on();
    let tunnel = tunnel(&table, dsns);
    if is_on {
        let spans = [span, table.key_span("tunnel_dsns")];
        for (at, dsn) in tunnel.dsns.iter().enumerate() {
            let endpoint = Endpoint { scheme: dsn.scheme(), host: dsn.host().to_owned(), port: dsn.port() };
            references.endpoint(&endpoint, spans[at.min(1)].clone());
        }
        routed(&table, &tunnel, sites);
    } else if let Some(key) = ["tunnel_path", "tunnel_dsns"].into_iter().find(|key| table.has(key)) {
        let what = format!("`{key}` has no effect");
        table.document.warn(table.key_span(key), what, Some("`tunnel = false` switches the tunnel off".to_owned()));
    }
    table.finish();
    let dsn = dsn?;
    let org_id = org_id.or_else(|| dsn.org_id().map(str::to_owned));
    Some(Sentry { dsn, environment, release, org_id, tunnel: is_on.then_some(tunnel) })
}

fn tunnel(table: &Table<'_>, dsns: Vec<Dsn>) -> SentryTunnel {
    SentryTunnel {
        path: table.opt("tunnel_path", path),
        dsns,
        bytes_max: table.or("tunnel_bytes_max", 20 * MIB, |value| value.size(64 * KIB..=GIB)),
        copy_bytes_max: table
            .or("tunnel_copy_bytes_max", MIB as usize, |value| value.size(KIB as usize..=64 * MIB as usize)),
        requests_max: table.or("tunnel_requests_max", 64, |value| value.count(1..=65_536)),
        requests_per_minute_max: table.or("tunnel_requests_per_minute_max", 600, |value| value.count(1..=1_000_000)),
        timeout: table
            .or("tunnel_timeout", 30 * SECOND, |value| value.duration(Duration::from_millis(1)..=10 * MINUTE)),
        ca_file: table.opt("tunnel_ca_file", Value::path),
    }
}

fn other_dsn(value: &Value<'_>) -> Option<Dsn> {
    let text = value.secret()?;
    let dsn = Dsn::parse(text.expose());
    if dsn.is_none() {
        value.fault("not a DSN", HINT);
    }
    dsn
}

fn path(value: &Value<'_>) -> Option<String> {
    let hint = "write a plain path, like `/monitoring`";
    let text = value.parsed("a path", hint, |text| {
        let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"/-_.~".contains(&octet);
        let is_path = text.len() > 1 && text.starts_with('/') && text.bytes().all(is_plain);
        (is_path && RequestPath::parse(text).is_ok()).then(|| text.to_owned())
    })?;
    if reserved::is_reserved(&text) {
        value.fault("the path is Waylight's own", "everybody may know of the tunnel: choose another path");
        return None;
    }
    Some(text)
}

/// Warns of a route that the tunnel stands in front of.
fn routed(table: &Table<'_>, tunnel: &SentryTunnel, sites: &[Site]) {
    let Some(path) = &tunnel.path else { return };
    let routes = sites.iter().flat_map(|site| &site.routes);
    if routes.into_iter().any(|route| route.path.as_str() == path) {
        let hint = Some("choose another path, or remove the route".to_owned());
        let what = format!("a route is meant for `{path}`, and the tunnel answers there");
        table.document.warn(table.key_span("tunnel_path"), what, hint);
    }
}
