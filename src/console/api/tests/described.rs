//! The description of the API against the API: every address and method is in both, and answers are as described. The
//! validator knows the words of JSON Schema that the description uses, and refuses others.

use std::collections::BTreeSet;

use super::*;

/// The words of JSON Schema that are understood here.
const WORDS: [&str; 13] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
    "enum",
    "const",
    "anyOf",
    "pattern",
    "minimum",
    "maximum",
    "description",
];

fn document() -> Value {
    serde_json::from_str(include_str!("../../../../docs/openapi.json")).unwrap()
}

/// What is wrong with a value; empty if nothing is.
fn faults(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.trim_start_matches('#');
        return faults(document, document.pointer(pointer).unwrap(), value, at);
    }
    let object = schema.as_object().unwrap();
    if let Some(unknown) = object.keys().find(|word| !WORDS.contains(&word.as_str())) {
        panic!("the schema at {at} uses {unknown}");
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let tried: Vec<_> = any.iter().map(|schema| faults(document, schema, value, at)).collect();
        return if tried.iter().any(Vec::is_empty) { Vec::new() } else { tried.concat() };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![kind],
    };
    let fits = kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"));
    if !fits {
        return vec![format!("{at}: {kind} instead of {kinds:?}")];
    }
    let mut found = Vec::new();
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        found.push(format!("{at}: {value} is not in the list"));
    }
    if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str()) {
        let digits = if pattern.contains("{32}") { 32 } else { 16 };
        if text.len() != digits || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            found.push(format!("{at}: {text} is not like {pattern}"));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        let schema = schema["prefixItems"].get(index).unwrap_or(&schema["items"]);
        if !schema.is_null() {
            found.extend(faults(document, schema, item, &format!("{at}[{index}]")));
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{at}: {name} is missing"));
        }
    }
    for (name, item) in value.as_object().into_iter().flatten() {
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => found.push(format!("{at}: {name} is not described")),
            (Value::Null, more @ Value::Object(_)) => {
                found.extend(faults(document, more, item, &format!("{at}.{name}")))
            }
            (Value::Null, _) => {}
            (schema, _) => found.extend(faults(document, schema, item, &format!("{at}.{name}"))),
        }
    }
    found
}

#[test]
fn every_address_is_described_and_none_beside() {
    let document = document();
    let described: BTreeSet<(String, String, Option<String>)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(move |(method, operation)| {
                let action = operation["x-action"].as_str().map(str::to_owned);
                (path.clone(), method.to_uppercase(), action)
            })
        })
        .collect();
    let there: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| {
            let action = route.action.map(|action| format!("{action:?}").to_lowercase());
            (route.path.to_owned(), route.method.to_string(), action)
        })
        .collect();
    assert_eq!(described, there);
}

#[tokio::test]
async fn answers_are_as_described() {
    let document = document();
    let desk = Desk::new().await;
    let share = format!("/traces/{TRACE}/share");
    let import = serde_json::to_value(message(vec![span((5, 0), "x", (0, 1))])).unwrap();
    let run = [
        ("/me", Request::get("/me"), json!(null)),
        ("/quota", Request::get("/quota"), json!(null)),
        ("/requests", Request::get("/requests"), json!(null)),
        ("/requests", Request::get("/requests?q=nowhere"), json!(null)),
        ("/requests", Request::get("/requests?q=status:9x9"), json!(null)),
        ("/requests/histogram", Request::get("/requests/histogram"), json!(null)),
        ("/requests/{id}", Request::get(format!("/requests/{ROW}")), json!(null)),
        ("/traces/{trace}", Request::get(format!("/traces/{TRACE}")), json!(null)),
        ("/traces/{trace}/status", Request::get(format!("/traces/{TRACE}/status")), json!(null)),
        (
            "/traces/{trace}/expect",
            Request::get(format!("/traces/{TRACE}/expect?e=ttfb%3C1s%0Aspeed%3C9")),
            json!(null),
        ),
        ("/traces/{trace}/runs", Request::get(format!("/traces/{TRACE}/runs")), json!(null)),
        ("/traces/{trace}/spans", Request::get(format!("/traces/{TRACE}/spans?q=shop")), json!(null)),
        ("/traces/{trace}/spans/{span}", Request::get(format!("/traces/{TRACE}/spans/0000000000000002")), json!(null)),
        ("/traces/{trace}/share", Request::post(&share), json!({})),
        ("/traces/{trace}/share", Request::post(&share), json!({ "give": "link" })),
        ("/traces/import", Request::post("/traces/import"), import),
        ("/session", Request::post("/session"), json!({ "action": "start" })),
        ("/page-trace", Request::post("/page-trace"), json!({ "path": "/" })),
        ("/sessions", Request::get("/sessions"), json!(null)),
        ("/sessions", Request::post("/sessions"), json!({})),
        ("/sessions/{id}", Request::patch(format!("/sessions/{ROW}")), json!({ "action": "stop" })),
        ("/requests/{id}/keep", Request::post(format!("/requests/{ROW}/keep")), json!({})),
        ("/openapi.json", Request::get("/openapi.json"), json!(null)),
        ("/sessions/{id}", Request::delete(format!("/sessions/{ROW}")), json!({})),
        ("/trace-links", Request::post("/trace-links"), json!({ "path": "/", "site": "http://app.example" })),
        ("/trace-links", Request::get("/trace-links"), json!(null)),
        ("/trace-links/{id}", Request::delete(format!("/trace-links/{ROW}")), json!({})),
        ("/audit", Request::get("/audit"), json!(null)),
        ("/audit", Request::get("/audit?limit=1"), json!(null)),
        ("/settings", Request::get("/settings"), json!(null)),
        ("/replays", Request::post("/replays"), json!({ "request_id": ROW })),
        ("/spans", Request::post("/spans"), json!({})),
        ("/erase", Request::post("/erase"), json!({ "session": ROW })),
        ("/cache/purge", Request::post("/cache/purge"), json!({ "tag": "shoes", "soft": true })),
        ("/revoke", Request::post("/revoke"), json!({ "person": "Bob" })),
        ("/lift", Request::post("/lift"), json!({ "person": "Bob" })),
        ("/sign-out", Request::post("/sign-out"), json!({})),
    ];
    let mut asked = BTreeSet::new();
    for (path, request, body) in run {
        let (head, ()) = request.body(()).unwrap().into_parts();
        asked.insert((path, head.method.to_string()));
        let request = write(head.method.clone(), &head.uri.to_string(), &body);
        let answer = desk.send(Some(Role::Admin), request).await;
        let responses = &document["paths"][path][head.method.as_str().to_lowercase()]["responses"];
        let status = answer.status().as_u16().to_string();
        let response = responses.get(&status).unwrap_or(&responses["default"]);
        let kind = answer.headers()["content-type"].to_str().unwrap();
        let schema = &response["content"][kind]["schema"];
        assert!(!schema.is_null(), "{path}: {status} {kind} is not described");
        let found = faults(&document, schema, &parsed(&answer), path);
        assert!(found.is_empty(), "{path}: {found:#?}");
    }
    // A stream has no end, and a shared trace is a file.
    let others = ROUTES.iter().filter(|route| !["/stream", "/shared/{token}"].contains(&route.path));
    assert_eq!(asked, others.map(|route| (route.path, route.method.to_string())).collect());
}
