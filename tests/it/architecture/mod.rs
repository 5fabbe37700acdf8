//! The house keeps its promises: imports point down, every file says what it is, no file grows too long, and every
//! word of the span vocabulary is spoken.

mod source;

use std::{fmt::Write as _, fs};

use source::{Segments, Source, files, root, sources, words};

/// The longest file, in lines; tests are not counted.
const LINES_MAX: usize = 500;

/// The values below the floors.
const GROUND: &[&str] = &["body", "clock", "error", "service"];

/// What each floor may import of ours, beside itself.
const FLOORS: &[(&str, &[&str])] = &[
    ("rules", &["error"]),
    ("config", &["rules"]),
    ("trace", &["body", "clock", "error", "service", "rules", "config"]),
    ("proxy", &["body", "clock", "error", "service", "rules", "config", "trace"]),
    ("console", &["body", "clock", "error", "service", "rules", "config", "trace", "proxy::inspect"]),
    ("app", &["body", "clock", "error", "service", "rules", "config", "trace", "proxy", "console"]),
];

/// What `rules` and `config` may use of others: crates that compute, and never reach out.
const PURE: &[&str] = &[
    "base64",
    "bytes",
    "cookie",
    "foldhash",
    "hkdf",
    "hmac",
    "http",
    "httpdate",
    "ipnet",
    "memchr",
    "opentelemetry",
    "percent_encoding",
    "serde_json",
    "sha2",
    "strsim",
    "subtle",
];

/// What only `config` needs: reading TOML, colours for diagnostics, and a constant of the machine.
const PURE_CONFIG: &[&str] = &["anstyle", "serde", "toml", "std::thread::available_parallelism"];

/// Of `std`, what computes: everything but these.
const IMPURE_STD: &[&str] =
    &["env", "fs", "io", "os", "process", "thread", "sync::mpsc", "time::Instant", "time::SystemTime"];

/// Of `std::net`, what is a value.
const NET_VALUES: &[&str] =
    &["AddrParseError", "IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr", "SocketAddrV4", "SocketAddrV6"];

/// Where the stages of the request path meet: these they may all import, and `stack` imports them all.
const MEETING_PLACES: &[&str] = &[
    "attempt",
    "context",
    "decode",
    "drain",
    "entry",
    "handler",
    "inspect",
    "permits",
    "room",
    "snapshot",
    "stack",
    "tasks",
    "timer",
    "testing",
    "tracer",
    "upstreams",
    "wire",
];

#[test]
fn imports_point_down() {
    let mut faults = String::new();
    for source in product() {
        let module = source.module();
        let Some(floor) = module.first() else { continue };
        let allowed = FLOORS.iter().find(|(name, _)| name == floor).map_or(GROUND, |(_, allowed)| *allowed);
        if floor == "main" {
            continue; // the binary is the roof
        }
        for path in source.own_paths() {
            let Some(first) = path.first() else { continue };
            let known = FLOORS.iter().any(|(name, _)| name == first) || GROUND.contains(&first.as_str());
            if known && first != floor && !allowed.iter().any(|allowed| covers(allowed, &path)) {
                writeln!(faults, "{} names {}", source.path, path.join("::")).unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "imports that do not point down:\n{faults}");
}

#[test]
fn rules_and_config_reach_nothing_outside() {
    let mut faults = String::new();
    for source in product() {
        let module = source.module();
        let extra = match module.first().map(String::as_str) {
            Some("rules") => &[][..],
            Some("config") => PURE_CONFIG,
            _ => continue,
        };
        if is_test(&source) {
            continue;
        }
        for path in source.foreign_paths() {
            if !is_pure(&path, extra) {
                writeln!(faults, "{} names {}", source.path, path.join("::")).unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "not pure:\n{faults}");
}

#[test]
fn stages_do_not_import_each_other() {
    let mut faults = String::new();
    for source in product() {
        let module = source.module();
        let [floor, stage, ..] = module.as_slice() else { continue };
        if floor != "proxy" || MEETING_PLACES.contains(&stage.as_str()) {
            continue;
        }
        for path in source.own_paths() {
            let [floor, other, ..] = path.as_slice() else { continue };
            let is_module = other.starts_with(|first: char| first.is_ascii_lowercase());
            if floor == "proxy" && is_module && other != stage && !MEETING_PLACES.contains(&other.as_str()) {
                writeln!(faults, "{} names {}", source.path, path.join("::")).unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "stages that name each other:\n{faults}");
}

#[test]
fn every_file_says_what_it_is() {
    let faults: Vec<String> = everything()
        .into_iter()
        .filter(|source| !source.path.ends_with("/tests.rs") && !source.text.trim_start().starts_with("//!"))
        .map(|source| source.path)
        .collect();
    assert!(faults.is_empty(), "without a `//!` head: {faults:#?}");
}

#[test]
fn no_file_is_too_long() {
    let faults: Vec<(String, usize)> = everything()
        .into_iter()
        .filter(|source| !source.path.ends_with("/tests.rs"))
        .map(|source| (source.path, source.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .collect();
    assert!(faults.is_empty(), "longer than {LINES_MAX} lines: {faults:#?}");
}

#[test]
fn every_stage_is_recorded_somewhere() {
    let text = fs::read_to_string(root().join("src/trace/stage.rs")).unwrap();
    let body = text.split("pub enum Stage {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    let variants: Vec<&str> = body
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .map(|line| line.split(['(', ',']).next().unwrap())
        .collect();
    assert!(variants.len() > 10, "the vocabulary was not found");
    let sources = product();
    let spoken = |variant: &str| {
        let path = format!("Stage::{variant}");
        let mut code = sources.iter().filter(|source| source.path != "src/trace/stage.rs" && !is_test(source));
        code.any(|source| {
            words(&source.code).any(|(at, word)| word == variant && source.code[..at + word.len()].ends_with(&path))
        })
    };
    let silent: Vec<&str> = variants.into_iter().filter(|variant| !spoken(variant)).collect();
    assert!(silent.is_empty(), "stages that nothing records: {silent:?}");
}

#[test]
fn nothing_is_left_unwritten() {
    let faults: Vec<String> = product()
        .into_iter()
        .filter(|source| ["todo!", "unimplemented!"].iter().any(|word| source.code.contains(word)))
        .map(|source| source.path)
        .collect();
    assert!(faults.is_empty(), "unfinished: {faults:#?}");
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let homes = [["/ro", "ot/"].concat(), ["/wo", "rk/"].concat(), ["/Us", "ers/"].concat()];
    let mut faults = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz", "docs", ".ci"] {
        for path in files(folder) {
            let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
            if homes.iter().any(|home| text.contains(home.as_str())) {
                faults.push(path);
            }
        }
    }
    assert!(faults.is_empty(), "absolute paths of one machine: {faults:#?}");
}

/// What is shipped.
fn product() -> Vec<Source> {
    let sources = sources("src");
    assert!(sources.len() > 20, "the source was not found");
    sources
}

fn everything() -> Vec<Source> {
    ["src", "tests", "benches", "fuzz"].into_iter().flat_map(sources).collect()
}

fn is_test(source: &Source) -> bool {
    source.path.ends_with("/tests.rs") || source.path.contains("/tests/")
}

fn covers(allowed: &str, path: &Segments) -> bool {
    allowed.split("::").zip(path).filter(|(allowed, segment)| allowed == segment).count() == allowed.split("::").count()
}

fn is_pure(path: &Segments, extra: &[&str]) -> bool {
    match path.first().map_or("", String::as_str) {
        "core" | "alloc" => true,
        "std" if path.get(1).is_some_and(|module| module == "net") => {
            path.get(2).is_some_and(|name| NET_VALUES.contains(&name.as_str()))
        }
        "std" if extra.contains(&&*path.join("::")) => true,
        "std" => {
            let below = path[1..].join("::");
            !IMPURE_STD.iter().any(|impure| below == *impure || below.starts_with(&format!("{impure}::")))
        }
        // A name that is no crate is a module or a function of ours, or a primitive type.
        name => PURE.contains(&name) || extra.contains(&name) || !is_crate(name),
    }
}

/// Whether Cargo.toml names a crate so.
fn is_crate(name: &str) -> bool {
    let manifest = include_str!("../../../Cargo.toml");
    let named = |line: &str| line.split([' ', '=']).next().is_some_and(|first| first.replace('-', "_") == name);
    manifest.lines().any(named)
}
