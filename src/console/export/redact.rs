//! What is hidden of a trace that leaves: by kinds that a person chooses from, since he knows to whom he gives it.
//! What the redaction rules of the configuration hide was never kept.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use serde::Serialize;

use crate::{
    rules::headers::redact::REDACTED,
    trace::{
        kept::Kept,
        requests::row::{HeaderSets, RequestRow},
    },
};

/// A kind of what may be hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Cookies.
    Cookies,
    /// Tokens, keys and passwords.
    Tokens,
    /// The values of queries.
    Query,
    /// All header fields.
    Headers,
    /// Who it was: addresses, browsers, names.
    People,
    /// The text of database statements.
    Statements,
}

impl Kind {
    /// Every kind, with its word.
    pub const WORDS: [(&str, Self); 6] = [
        ("cookies", Self::Cookies),
        ("tokens", Self::Tokens),
        ("query", Self::Query),
        ("headers", Self::Headers),
        ("people", Self::People),
        ("statements", Self::Statements),
    ];
}

/// The kinds that are hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hide(u8);

impl Hide {
    /// These kinds.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | 1 << kind as u8))
    }

    /// From a token's octet. Unknown kinds are none.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// As an octet.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether a kind is hidden.
    pub fn hides(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }
}

/// How much of each kind a trace holds: what a person sees before he gives it away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// Cookies.
    pub cookies: usize,
    /// Tokens, keys and passwords.
    pub tokens: usize,
    /// Queries.
    pub query: usize,
    /// Header fields.
    pub headers: usize,
    /// Addresses, browsers and names.
    pub people: usize,
    /// Database statements.
    pub statements: usize,
}

/// Looks through a trace. What is hidden already is not counted.
pub fn contents(kept: &Kept, requests: &[RequestRow]) -> Contents {
    let mut contents = Contents::default();
    let mut count = |kind: Kind| match kind {
        Kind::Cookies => contents.cookies += 1,
        Kind::Tokens => contents.tokens += 1,
        Kind::Query => contents.query += 1,
        Kind::Headers => contents.headers += 1,
        Kind::People => contents.people += 1,
        Kind::Statements => contents.statements += 1,
    };
    let mut request = kept.request().clone();
    each_value(&mut request, &mut |keys, value| {
        if text(value) != REDACTED {
            all_kinds(keys, text(value)).into_iter().for_each(&mut count);
        }
    });
    for row in requests {
        let fields = row.headers.iter().flat_map(|sets| fields(sets)).filter(|(_, value)| *value != REDACTED);
        fields.flat_map(|(name, value)| all_kinds(&[&header_key(name)], value)).for_each(&mut count);
        if has_values(&row.query) {
            count(Kind::Query);
        }
        [&row.client, &row.person].into_iter().filter(|text| !text.is_empty()).for_each(|_| count(Kind::People));
    }
    contents
}

/// The spans without what is hidden.
pub fn spans(kept: &Kept, hide: Hide) -> Kept {
    if hide == Hide::default() {
        return kept.clone();
    }
    let mut request = kept.request().clone();
    each_span(&mut request, &mut |span| span.name = name(span, hide));
    each_value(&mut request, &mut |keys, value| {
        if let Some(shown) = shown(keys, text(value), hide) {
            *value = Value::StringValue(shown);
        }
    });
    Kept::of(request)
}

/// A request without what is hidden.
pub fn row(row: &RequestRow, hide: Hide) -> RequestRow {
    let mut row = row.clone();
    if hide.hides(Kind::Query) {
        row.query = without_values(&row.query).into();
    }
    if hide.hides(Kind::People) {
        (row.client, row.person) = (Box::default(), Box::default());
    }
    if let Some(sets) = &mut row.headers {
        for (name, value) in
            [&mut sets.received, &mut sets.forwarded, &mut sets.upstream, &mut sets.sent].into_iter().flatten()
        {
            if let Some(shown) = shown(&[&header_key(name)], value, hide) {
                *value = shown.into();
            }
        }
    }
    row
}

fn fields(sets: &HeaderSets) -> impl Iterator<Item = (&str, &str)> {
    [&sets.received, &sets.forwarded, &sets.upstream, &sets.sent]
        .into_iter()
        .flatten()
        .map(|(name, value)| (&**name, &**value))
}

/// What a value becomes; `None`: it stays.
fn shown(keys: &[&str], value: &str, hide: Hide) -> Option<String> {
    let mut hidden = all_kinds(keys, value);
    hidden.retain(|kind| hide.hides(*kind));
    if hidden.is_empty() {
        return None;
    }
    // Of an address the path says much, and its query's values too much.
    if hidden == [Kind::Query] {
        return Some(match value.split_once('?') {
            Some((path, query)) => format!("{path}?{}", without_values(query)),
            None => without_values(value),
        });
    }
    Some(REDACTED.to_owned())
}

/// The name of a span, as it is shown: some instrumentations name spans by an address or by a whole statement.
fn name(span: &Span, hide: Hide) -> String {
    let is_statement = |attribute: &KeyValue| {
        let value = attribute.value.as_ref().and_then(|any| any.value.as_ref()).map_or("", text);
        is_of_statement(&attribute.key) && !value.is_empty() && span.name.contains(value)
    };
    if hide.hides(Kind::Tokens) && is_credential(&span.name)
        || hide.hides(Kind::Statements) && span.attributes.iter().any(is_statement)
    {
        return REDACTED.to_owned();
    }
    match span.name.split_once('?') {
        Some((head, query)) if hide.hides(Kind::Query) => format!("{head}?{}", without_values(query)),
        _ => span.name.clone(),
    }
}

fn is_of_statement(key: &str) -> bool {
    matches!(key, "db.statement" | "db.query.text")
}

/// What a value holds by any of its keys.
fn all_kinds(keys: &[&str], value: &str) -> Vec<Kind> {
    let mut found: Vec<Kind> = keys.iter().flat_map(|key| kinds(key, value)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Attributes, and header fields, that hold an address with its query.
const ADDRESSES: [&str; 7] = [
    "url.full",
    "http.url",
    "http.target",
    "url.original",
    "cache.key",
    "waylight.redirect.to",
    "waylight.rewrite.path",
];
const ADDRESS_HEADERS: [&str; 3] = ["referer", "location", "content-location"];

/// What an attribute holds.
fn kinds(key: &str, value: &str) -> impl Iterator<Item = Kind> + use<> {
    let key = key.to_ascii_lowercase();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| key.starts_with(prefix));
    let query = value.split_once('?').map_or("", |(_, query)| query);
    let header = ["http.request.header.", "http.response.header."].iter().find_map(|prefix| key.strip_prefix(prefix));
    let is_address = ADDRESSES.contains(&&*key) || header.is_some_and(|name| ADDRESS_HEADERS.contains(&name));
    [
        (Kind::Cookies, key.contains("cookie")),
        (Kind::Tokens, is_secret(&key) || is_credential(value)),
        (Kind::Query, (key == "url.query" && has_values(value)) || (is_address && has_values(query))),
        (Kind::Headers, header.is_some()),
        (
            Kind::People,
            starts(&["client.", "enduser.", "user.", "network.peer.", "net.peer.", "net.sock.peer.", "user_agent."])
                || matches!(&*key, "http.client_ip" | "http.user_agent" | "session.id" | "waylight.imported_by")
                || header.is_some_and(is_of_people),
        ),
        (Kind::Statements, is_of_statement(&key) || key.starts_with("db.query.parameter.")),
    ]
    .into_iter()
    .filter_map(|(kind, is)| is.then_some(kind))
    .collect::<Vec<_>>()
    .into_iter()
}

/// The attribute that holds a header field.
fn header_key(name: &str) -> String {
    format!("http.request.header.{name}")
}

fn is_of_people(header: &str) -> bool {
    matches!(
        header,
        "user-agent"
            | "forwarded"
            | "x-forwarded-for"
            | "x-real-ip"
            | "x-client-ip"
            | "true-client-ip"
            | "cf-connecting-ip"
            | "from"
            | "referer"
    )
}

fn is_secret(key: &str) -> bool {
    [
        "token",
        "secret",
        "password",
        "passwd",
        "authorization",
        "api_key",
        "api-key",
        "apikey",
        "credential",
        "signature",
    ]
    .iter()
    .any(|part| key.contains(part))
}

/// Whether a value looks like what lets somebody in: `Bearer …`, or a JSON web token.
fn is_credential(value: &str) -> bool {
    let starts = |prefix: &str| value.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let is_jwt = value.starts_with("eyJ") && value.split('.').count() == 3 && !value.contains(' ');
    starts("bearer ") || starts("basic ") || is_jwt
}

/// Whether a query says more than names.
fn has_values(query: &str) -> bool {
    let mut values = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
    values.any(|value| !value.is_empty() && value != REDACTED)
}

fn without_values(query: &str) -> String {
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if !value.is_empty() => format!("{name}={REDACTED}"),
        _ => pair.to_owned(),
    });
    shown.collect::<Vec<_>>().join("&")
}

fn text(value: &Value) -> &str {
    match value {
        Value::StringValue(text) => text,
        _ => "",
    }
}

/// Looks at one value, which is no list and no map, by its keys: its own, and with those around it.
pub(super) type Look<'a> = &'a mut dyn FnMut(&[&str], &mut Value);

/// Every value of every attribute: of resources, scopes, spans, events and links, at every depth.
pub(super) fn each_value(request: &mut ExportTraceServiceRequest, look: Look<'_>) {
    let mut all =
        |attributes: &mut Vec<KeyValue>| attributes.iter_mut().for_each(|attribute| look_at(attribute, &mut *look));
    for resource in &mut request.resource_spans {
        resource.resource.iter_mut().for_each(|resource| all(&mut resource.attributes));
        for scope in &mut resource.scope_spans {
            scope.scope.iter_mut().for_each(|scope| all(&mut scope.attributes));
        }
    }
    each_span(request, &mut |span| {
        all(&mut span.attributes);
        span.events.iter_mut().for_each(|event| all(&mut event.attributes));
        span.links.iter_mut().for_each(|link| all(&mut link.attributes));
    });
}

fn each_span(request: &mut ExportTraceServiceRequest, look: &mut dyn FnMut(&mut Span)) {
    let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans).for_each(look);
}

fn look_at(KeyValue { key, value, .. }: &mut KeyValue, look: Look<'_>) {
    if let Some(value) = value.as_mut().and_then(|value| value.value.as_mut()) {
        within(&[key], value, look);
    }
}

/// The items of a list have the key of the list; those of a map their own, and the one around it before that.
fn within(keys: &[&str], value: &mut Value, look: Look<'_>) {
    match value {
        Value::ArrayValue(list) => {
            list.values.iter_mut().filter_map(|any| any.value.as_mut()).for_each(|value| within(keys, value, look));
        }
        Value::KvlistValue(map) => {
            for KeyValue { key, value, .. } in &mut map.values {
                let whole = format!("{}.{key}", keys.first().copied().unwrap_or_default());
                if let Some(value) = value.as_mut().and_then(|value| value.value.as_mut()) {
                    within(&[&whole, key], value, look);
                }
            }
        }
        value => look(keys, value),
    }
}
