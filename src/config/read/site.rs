//! `[[site]]` and `[[site.route]]`.

use http::{HeaderMap, StatusCode, header};
use toml::de::DeValue;

use super::{
    super::{
        document::{Table, Value},
        model::{
            Action, HeaderCondition, Inject, Propagation, QueryCondition, Redirect, Respond, Route, RouteTrace, Site,
            Toggle, ValueCondition,
        },
        value::GIB,
    },
    cache,
    middleware::{header_pairs, template},
    references::{Kind, References},
};
use crate::rules::route::PathPattern;

pub(super) const INJECT: &[(&str, Inject)] =
    &[("traced", Inject::Traced), ("deferred", Inject::Deferred), ("off", Inject::Off)];
pub(super) const PROPAGATION: &[(&str, Propagation)] =
    &[("accept", Propagation::Accept), ("restart", Propagation::Restart), ("reject", Propagation::Reject)];

pub(super) fn site(table: Table<'_>, references: &References<'_>) -> Option<Site> {
    let document = table.document;
    let hosts = table.require("hosts", "write `hosts = [\"example.com\"]`, or `[\"*\"]` for every host", |value| {
        let hosts = value.list(|item| references.host(item))?;
        if value.items().is_empty() {
            value.fault("a site needs a host", "write `[\"*\"]` for every host");
        }
        Some(hosts)
    });
    let toolbar = table.or("toolbar", Toggle::On, Value::toggle);
    let console = table.or("console", Toggle::Off, Value::toggle);
    let inject = table.or("inject", Inject::Traced, |value| value.choice(INJECT));
    let inject_errors = table.or("inject_errors", Toggle::Off, Value::toggle);
    let inject_toolbar = table.or("inject_toolbar", Toggle::On, Value::toggle);
    let propagation = table.or("propagation", Propagation::Restart, |value| value.choice(PROPAGATION));
    let middleware = middleware_names(&table, references);
    let mut routes: Vec<Route> = Vec::new();
    let tables = table.tables("route");
    if console.is_on() {
        alone(&table, toolbar);
    } else if tables.is_empty() && !document.is_broken() {
        let hint = Some("add `[[site.route]]` with `path = \"/*\"`".to_owned());
        document.warn(table.span.clone(), "a site without a route answers 404 to everything", hint);
    }
    for route_table in tables {
        let span = route_table.key_span("path");
        let Some(route) = route(route_table, references) else { continue };
        if let Some(first) = routes.iter().find(|first| first.conditions() == route.conditions()) {
            let hint = Some(format!("`{}` stands before it and demands the same", first.name));
            document.warn(span, "this route is never taken", hint);
        }
        routes.push(route);
    }
    table.done(Some(Site {
        hosts: hosts?,
        toolbar,
        console,
        inject,
        inject_errors,
        inject_toolbar,
        propagation,
        middleware,
        routes,
    }))
}

/// The console's own site has nothing beside it: what an app answers could hold a script, which would reach the console.
fn alone(table: &Table<'_>, toolbar: Toggle) {
    if table.has("route") {
        let hint = Some("give the app a site of its own, with another host".to_owned());
        table.document.fault(table.key_span("console"), "the console's own site has no routes", hint);
    }
    if !toolbar.is_on() {
        let hint = Some("leave `toolbar` out".to_owned());
        table.document.fault(table.key_span("toolbar"), "the console is where the toolbar is on", hint);
    }
}

fn middleware_names(table: &Table<'_>, references: &References<'_>) -> Vec<String> {
    table.or("middleware", Vec::new(), |value| value.list(|item| references.name(Kind::Middleware, item)))
}

fn route(table: Table<'_>, references: &References<'_>) -> Option<Route> {
    let hint = "write `/a`, `/products/:slug`, `/api/*` or `/*`";
    let path = table.require("path", hint, |value| match PathPattern::parse(&value.string()?) {
        Ok(path) => Some(path),
        Err(error) => {
            value.fault(error.what, error.hint);
            None
        }
    });
    let name = table.opt("name", Value::word);
    let methods = table.or("methods", Vec::new(), |value| value.list(Value::method));
    let headers = conditions(&table, "headers", |entry_key, key_value, value| {
        let Ok(name) = entry_key.parse() else {
            key_value.fault(format!("`{entry_key}` is not a header name"), "letters, digits and hyphens");
            return None;
        };
        Some(HeaderCondition { name, value })
    });
    let query = conditions(&table, "query", |name, _, value| Some(QueryCondition { name: name.to_owned(), value }));
    let middleware = middleware_names(&table, references);
    let action = action(&table, references, path.as_ref());
    let inject = table.opt("inject", |value| value.choice(INJECT));
    let propagation = table.opt("propagation", |value| value.choice(PROPAGATION));
    let trace = table.opt("trace", Value::table).map(route_trace);
    let tail = table.or("tail", Toggle::Off, Value::toggle);
    let cached = table.opt("cache", Value::table);
    if let (Some(cached), Some(Action::Redirect(_) | Action::Respond(_))) = (&cached, &action) {
        let hint = Some("leave `cache` out".to_owned());
        table.document.fault(cached.span.clone(), "only what an upstream answers is cached", hint);
    }
    let cache = cached.map(cache::policy);
    let request_body_bytes_max = table.opt("request_body_bytes_max", |value| value.size(0..=1024 * GIB));
    table.finish();
    let path = path?;
    let name = name.unwrap_or_else(|| path.as_str().to_owned());
    let action = action?;
    Some(Route {
        name,
        path,
        methods,
        headers,
        query,
        middleware,
        action,
        inject,
        propagation,
        trace,
        tail,
        cache,
        request_body_bytes_max,
    })
}

fn conditions<'d, T>(
    table: &Table<'d>,
    key: &str,
    build: impl Fn(&str, &Value<'d>, ValueCondition) -> Option<T>,
) -> Vec<T> {
    let Some(table) = table.opt(key, Value::table) else { return Vec::new() };
    let entries = table.entries().into_iter();
    entries.filter_map(|entry| build(entry.key, &entry.value, condition(&entry.value)?)).collect()
}

/// `"text"` exactly, `"text*"` as a prefix, `true` there, `false` not there.
fn condition(value: &Value<'_>) -> Option<ValueCondition> {
    match value.inner {
        DeValue::Boolean(true) => Some(ValueCondition::Present),
        DeValue::Boolean(false) => Some(ValueCondition::Absent),
        DeValue::String(_) => {
            let text = value.string()?;
            let prefix = text.strip_suffix('*').map(str::to_owned);
            Some(prefix.map_or(ValueCondition::Equals(text), ValueCondition::Prefix))
        }
        _ => {
            let hint = "`\"text\"` exactly, `\"text*\"` as a prefix, `true` if it must be there, `false` if not";
            value.mismatch("a string, true or false", Some(hint));
            None
        }
    }
}

fn route_trace(table: Table<'_>) -> RouteTrace {
    let ratio = table.or("ratio", 1.0, Value::ratio);
    let spans_per_minute_max = table.or("spans_per_minute_max", 60_000, |value| value.count(0..=u64::MAX));
    table.done(RouteTrace { ratio, spans_per_minute_max })
}

fn action(table: &Table<'_>, references: &References<'_>, path: Option<&PathPattern>) -> Option<Action> {
    const KEYS: &[&str] = &["upstream", "redirect", "respond"];
    table.exclusive(KEYS);
    if !KEYS.iter().any(|key| table.has(key)) {
        if !table.document.is_broken() {
            let hint = "add `upstream = \"name\"`, `redirect = { to = \"...\" }` or `respond = { status = 200 }`";
            table.document.fault(table.span.clone(), "the route leads nowhere", Some(hint.to_owned()));
        }
        return None;
    }
    let upstream = table.opt("upstream", |value| references.name(Kind::Upstream, value)).map(Action::Upstream);
    let redirect = table.opt("redirect", Value::table).and_then(|inner| redirect(inner, path)).map(Action::Redirect);
    let respond = table.opt("respond", Value::table).and_then(respond).map(Action::Respond);
    upstream.or(redirect).or(respond)
}

/// `{ to, status }`. `path` is the pattern whose parameters the template may use, where that is one.
pub(super) fn redirect(table: Table<'_>, path: Option<&PathPattern>) -> Option<Redirect> {
    let to = table.require("to", "where the client is sent, like `/new/{path}`", |value| template(value, path));
    let status = table.or("status", StatusCode::FOUND, |value| {
        let status = StatusCode::from_u16(value.count(0..=u16::MAX)?).ok();
        let known = status.filter(|status| matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308));
        if known.is_none() {
            value.fault("not the status of a redirect", "one of 301, 302, 303, 307, 308; 307 and 308 keep the method");
        }
        known
    });
    table.done(Some(Redirect { to: to?, status }))
}

fn respond(table: Table<'_>) -> Option<Respond> {
    let status = table.or("status", StatusCode::OK, |value| StatusCode::from_u16(value.count(200..=599)?).ok());
    let mut headers = header_pairs(&table, "headers");
    let body = table.or("body", String::new(), Value::string);
    if !body.is_empty() && matches!(status.as_u16(), 204 | 205 | 304) {
        let hint = Some("leave `body` out, or answer with 200".to_owned());
        table.document.fault(table.key_span("body"), format!("a response with status {status} has no body"), hint);
    }
    let names: HeaderMap = headers.iter().cloned().collect();
    if !body.is_empty() && !names.contains_key(header::CONTENT_TYPE) {
        headers.push((header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8")));
    }
    table.done(Some(Respond { status, headers, body }))
}
