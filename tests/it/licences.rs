//! What dependencies may be licensed under: the part of `cargo deny` that needs no network, so it always runs.
//! The list is the one of `deny.toml`.

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

use serde_json::Value;

#[test]
fn every_dependency_is_under_a_permissive_licence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules: toml::Table = fs::read_to_string(root.join("deny.toml")).unwrap().parse().unwrap();
    let allowed: BTreeSet<&str> = texts(&rules["licenses"]["allow"]);
    let exceptions = rules["licenses"]["exceptions"].as_array().unwrap();
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(root)
        .output()
        .unwrap();
    if !output.status.success() {
        // Packages for other platforms may be missing where there is no network.
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("download") || error.contains("offline"), "{error}");
        return;
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50);
    for package in packages {
        let (name, licence) = (package["name"].as_str().unwrap(), package["license"].as_str().unwrap_or("none"));
        let mut allowed = allowed.clone();
        for exception in exceptions.iter().filter(|exception| exception["crate"].as_str() == Some(name)) {
            allowed.extend(texts(&exception["allow"]));
        }
        assert!(is_allowed(licence, &allowed), "{name} is under {licence:?}");
    }
}

fn texts(list: &toml::Value) -> BTreeSet<&str> {
    list.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// Whether an SPDX expression can be met: of each `OR` one side, of each `AND` both.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let expression = expression.trim();
    if let Some((left, right)) = split_outside(expression, " AND ") {
        return is_allowed(left, allowed) && is_allowed(right, allowed);
    }
    if let Some((left, right)) = split_outside(expression, " OR ").or_else(|| split_outside(expression, "/")) {
        return is_allowed(left, allowed) || is_allowed(right, allowed);
    }
    match expression.strip_prefix('(').and_then(|inside| inside.strip_suffix(')')) {
        Some(inside) => is_allowed(inside, allowed),
        None => allowed.contains(expression),
    }
}

/// Splits at the first `operator` that stands outside of brackets.
fn split_outside<'a>(expression: &'a str, operator: &str) -> Option<(&'a str, &'a str)> {
    let mut from = 0;
    while let Some(at) = expression[from..].find(operator).map(|at| at + from) {
        let left = &expression[..at];
        if left.matches('(').count() == left.matches(')').count() {
            return Some((left, &expression[at + operator.len()..]));
        }
        from = at + operator.len();
    }
    None
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0 WITH LLVM-exception"]);
    assert!(is_allowed("MIT OR GPL-3.0", &allowed));
    assert!(is_allowed("MIT/Apache-2.0", &allowed));
    assert!(is_allowed("(MIT OR GPL-3.0) AND Apache-2.0 WITH LLVM-exception", &allowed));
    assert!(!is_allowed("MIT AND GPL-3.0", &allowed));
    assert!(!is_allowed("(MIT AND GPL-3.0)", &allowed));
}
