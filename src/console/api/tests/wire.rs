//! The types of what the API answers, as the console's scripts know them: written from the description, which answers are
//! held against, too. `WAYLIGHT_WRITE_TYPES=1 cargo test wire_types` writes them anew.

use std::fmt::Write as _;

use serde_json::Map;

use super::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/console/web/types/wire.d.ts");
const HEAD: &str = "// What the API answers. Written from docs/openapi.json by a test, which fails where this file differs:\n\
                    // WAYLIGHT_WRITE_TYPES=1 cargo test wire_types\n";

#[test]
fn wire_types_are_those_of_the_description() {
    let written = types();
    if std::env::var_os("WAYLIGHT_WRITE_TYPES").is_some() {
        std::fs::write(FILE, &written).unwrap();
    }
    let committed = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        committed == written,
        "src/console/web/types/wire.d.ts is out of date: WAYLIGHT_WRITE_TYPES=1 cargo test wire_types"
    );
}

fn types() -> String {
    let document: Value = serde_json::from_str(include_str!("../../../../docs/openapi.json")).unwrap();
    let mut text = HEAD.to_owned();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        writeln!(text, "\n{}export type {name} = {};", comment(schema, ""), of(schema, "")).unwrap();
    }
    text
}

/// A schema as a type; lines within it begin with `indent`.
fn of(schema: &Value, indent: &str) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return name.rsplit('/').next().unwrap().to_owned();
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().map(|schema| of(schema, indent)).collect::<Vec<_>>().join(" | ");
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(literal).collect::<Vec<_>>().join(" | ");
    }
    if let Some(word) = schema.get("const") {
        return literal(word);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return "unknown".to_owned(),
    };
    kinds.into_iter().map(|kind| of_kind(kind, schema, indent)).collect::<Vec<_>>().join(" | ")
}

fn of_kind(kind: &str, schema: &Value, indent: &str) -> String {
    match kind {
        "integer" | "number" => "number".to_owned(),
        "array" => match schema["prefixItems"].as_array() {
            Some(items) => {
                format!("[{}]", items.iter().map(|item| of(item, indent)).collect::<Vec<_>>().join(", "))
            }
            None => format!("Array<{}>", of(&schema["items"], indent)),
        },
        "object" => match schema["properties"].as_object() {
            Some(properties) => object(properties, schema, indent),
            None => match schema.get("additionalProperties").filter(|values| values.is_object()) {
                Some(values) => format!("Record<string, {}>", of(values, indent)),
                None => "Record<string, unknown>".to_owned(),
            },
        },
        kind => kind.to_owned(),
    }
}

fn object(properties: &Map<String, Value>, schema: &Value, indent: &str) -> String {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let inner = format!("{indent}  ");
    let mut text = String::from("{\n");
    for (name, schema) in properties {
        let mark = if required.contains(&name.as_str()) { "" } else { "?" };
        let quoted = if name.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
            name.clone()
        } else {
            format!("'{name}'")
        };
        writeln!(text, "{}{inner}{quoted}{mark}: {};", comment(schema, &inner), of(schema, &inner)).unwrap();
    }
    // What is there for sure, and of which kind is told elsewhere.
    for name in required.iter().filter(|name| !properties.contains_key(**name)) {
        writeln!(text, "{inner}{name}: unknown;").unwrap();
    }
    write!(text, "{indent}}}").unwrap();
    text
}

fn comment(schema: &Value, indent: &str) -> String {
    schema["description"].as_str().map_or_else(String::new, |text| format!("{indent}/** {text} */\n"))
}

fn literal(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |word| format!("'{word}'"))
}
