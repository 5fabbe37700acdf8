//! `[middleware.NAME]`: its `type` says which keys it has.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, header};
use toml::de::DeValue;

use super::{
    super::{
        document::{Table, Value},
        model::{Coding, Compress, CompressLevel, Cors, HeadersMiddleware, Middleware, Rewrite, Toggle},
        value::{DAY, MIB, nearest},
    },
    references::{Kind, References},
    site,
};
use crate::rules::route::PathPattern;

#[derive(Clone, Copy)]
enum Type {
    Headers,
    Redirect,
    Rewrite,
    Compress,
    Cors,
}

const TYPES: &[(&str, Type)] = &[
    ("headers", Type::Headers),
    ("redirect", Type::Redirect),
    ("rewrite", Type::Rewrite),
    ("compress", Type::Compress),
    ("cors", Type::Cors),
];

pub(super) fn all(table: &Table<'_>, references: &References<'_>) -> BTreeMap<String, Middleware> {
    let mut all = BTreeMap::new();
    for entry in table.entries() {
        references.define(Kind::Middleware, entry.key, entry.key_span);
        if let Some(middleware) = entry.value.table().and_then(middleware) {
            all.insert(entry.key.to_owned(), middleware);
        }
    }
    all
}

fn middleware(table: Table<'_>) -> Option<Middleware> {
    let hint = "one of `headers`, `redirect`, `rewrite`, `compress`, `cors`";
    // The schema names tables by their type, which says which keys there are.
    let kind = table.require("type", hint, |value| value.choice(TYPES))?;
    let table = table.renamed(match kind {
        Type::Headers => "middleware(headers)",
        Type::Redirect => "middleware(redirect)",
        Type::Rewrite => "middleware(rewrite)",
        Type::Compress => "middleware(compress)",
        Type::Cors => "middleware(cors)",
    });
    match kind {
        Type::Headers => Some(Middleware::Headers(headers(table))),
        Type::Redirect => site::redirect(table, None).map(Middleware::Redirect),
        Type::Rewrite => rewrite(table).map(Middleware::Rewrite),
        Type::Compress => Some(Middleware::Compress(compress(table))),
        Type::Cors => cors(table).map(Middleware::Cors),
    }
}

fn headers(table: Table<'_>) -> HeadersMiddleware {
    let names = |key| table.or(key, Vec::new(), |value| value.list(|item| ours(item, item.header_name()?)));
    let headers = HeadersMiddleware {
        request_remove: names("request_remove"),
        request_set: header_pairs(&table, "request_set"),
        request_add: header_pairs(&table, "request_add"),
        response_remove: names("response_remove"),
        response_set: header_pairs(&table, "response_set"),
        response_add: header_pairs(&table, "response_add"),
    };
    table.done(headers)
}

/// A table of header names and values; a list of values gives as many fields.
pub(super) fn header_pairs(table: &Table<'_>, key: &str) -> Vec<(HeaderName, HeaderValue)> {
    let Some(table) = table.opt(key, Value::table) else { return Vec::new() };
    let mut pairs = Vec::new();
    for entry in table.entries() {
        let Ok(name) = entry.key.parse::<HeaderName>() else {
            let what = format!("`{}` is not a header name", entry.key);
            table.document.fault(entry.key_span, what, Some("letters, digits and hyphens".to_owned()));
            continue;
        };
        if ours(&entry.value, name.clone()).is_none() {
            continue;
        }
        let values = match entry.value.inner {
            DeValue::Array(_) => entry.value.list(Value::header_value).unwrap_or_default(),
            _ => entry.value.header_value().into_iter().collect(),
        };
        pairs.extend(values.into_iter().map(|value| (name.clone(), value)));
    }
    pairs
}

/// Refuses headers that frame messages or name their target: they are Waylight's own business.
fn ours(value: &Value<'_>, name: HeaderName) -> Option<HeaderName> {
    let framing = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
    ];
    if framing.contains(&name) || name == "keep-alive" || name == "proxy-connection" {
        value.fault(
            format!("`{name}` is set by Waylight itself"),
            "it belongs to one connection (RFC 9110 section 7.6.1)",
        );
        return None;
    }
    if name == header::HOST {
        value.fault("`host` is not set here", "write `host = \"...\"` in the `[upstream.NAME]`");
        return None;
    }
    Some(name)
}

fn rewrite(table: Table<'_>) -> Option<Rewrite> {
    const KEYS: &[&str] = &["strip_prefix", "add_prefix", "to"];
    table.exclusive(KEYS);
    let strip = table.opt("strip_prefix", prefix).map(Rewrite::StripPrefix);
    let add = table.opt("add_prefix", prefix).map(Rewrite::AddPrefix);
    let to = table.opt("to", |value| {
        let text = template(value, None)?;
        if !text.starts_with('/') {
            value.fault("a path begins with `/`", "write `/new/{path}`");
            return None;
        }
        Some(Rewrite::To(text))
    });
    if !KEYS.iter().any(|key| table.has(key)) {
        let hint = Some("add `strip_prefix`, `add_prefix` or `to`".to_owned());
        table.document.fault(table.span.clone(), "the rewrite changes nothing", hint);
    }
    table.done(strip.or(add).or(to))
}

fn prefix(value: &Value<'_>) -> Option<String> {
    let check = |text: &str| {
        let text = text.strip_suffix('/').unwrap_or(text);
        let plain = text.starts_with('/') && text.len() > 1 && !text.contains("//") && !text.contains(['?', '#', ' ']);
        plain.then(|| text.to_owned())
    };
    value.parsed("a prefix of a path", "write whole segments, like `/api` or `/api/v2`", check)
}

/// A template whose names are known: `{path}`, `{query}`, `{host}` and the parameters of `path`.
pub(super) fn template(value: &Value<'_>, path: Option<&PathPattern>) -> Option<String> {
    let text = value.word()?;
    if let Err(error) = crate::rules::template::Template::parse(&text) {
        value.fault(error.what, error.hint);
        return None;
    }
    if let Some(path) = path {
        let known: Vec<_> = path.names().chain(["path", "query", "host"]).collect();
        let template = crate::rules::template::Template::parse(&text).ok()?;
        for name in template.names() {
            if !known.contains(&name) {
                let hint = nearest(name, known.iter().copied()).map_or_else(
                    || format!("the path `{path}` has no parameter of that name"),
                    |near| format!("did you mean `{{{near}}}`?"),
                );
                value.fault(format!("nothing is called `{{{name}}}` here"), &hint);
            }
        }
    }
    Some(text)
}

fn compress(table: Table<'_>) -> Compress {
    const CODINGS: &[(&str, Coding)] = &[("zstd", Coding::Zstd), ("br", Coding::Brotli), ("gzip", Coding::Gzip)];
    let all = CODINGS.iter().map(|(_, coding)| *coding).collect();
    let compress = Compress {
        codings: table.or("codings", all, |value| value.list(|item| item.choice(CODINGS))),
        bytes_min: table.or("bytes_min", 1024, |value| value.size(0..=100 * MIB)),
        level: table.or("level", CompressLevel::Default, |value| {
            let levels = [
                ("fastest", CompressLevel::Fastest),
                ("default", CompressLevel::Default),
                ("best", CompressLevel::Best),
            ];
            value.choice(&levels)
        }),
    };
    table.done(compress)
}

fn cors(table: Table<'_>) -> Option<Cors> {
    let origins =
        table.require("origins", "write `origins = [\"https://app.example.com\"]`", |value| value.list(origin));
    let methods = table.or("methods", Vec::new(), |value| value.list(Value::method));
    let headers = table.or("headers", Vec::new(), |value| value.list(Value::header_name));
    let credentials = table.or("credentials", Toggle::Off, Value::toggle);
    let max_age = table.opt("max_age", |value| value.duration(std::time::Duration::ZERO..=DAY));
    if credentials.is_on() && origins.as_ref().is_some_and(|origins| origins.iter().any(|origin| origin == "*")) {
        let hint = Some("name the origins; every site could act for your users otherwise".to_owned());
        let what = "`credentials` cannot stand with the origin `*`";
        table.document.fault(table.key_span("credentials"), what, hint);
    }
    table.done(Some(Cors { origins: origins?, methods, headers, credentials, max_age }))
}

fn origin(value: &Value<'_>) -> Option<String> {
    let hint = "scheme and host, without a path: `https://app.example.com`, or `*`";
    value.parsed("an origin", hint, |text| {
        if text == "*" {
            return Some(text.to_owned());
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let valid =
            !rest.is_empty() && !rest.contains(['/', '?', '#', '@', '*', ' ']) && HeaderValue::from_str(text).is_ok();
        valid.then(|| text.to_ascii_lowercase())
    })
}
