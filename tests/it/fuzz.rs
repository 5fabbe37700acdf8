//! The fuzz targets on stable Rust: every seed, and a bounded number of inputs made from seeds. `WAYLIGHT_FUZZ_CASES`
//! asks for more of them.

use std::{env, fs, path::Path};

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};

/// What is done to a seed.
#[derive(Clone, Debug)]
enum Change {
    /// One octet becomes another.
    Set(Index, u8),
    /// Some octets go.
    Remove(Index, Index),
    /// Some octets are written twice.
    Repeat(Index, Index),
    /// Something is put in.
    Insert(Index, Vec<u8>),
    /// The end of another seed follows.
    Splice(Index, Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        4 => (index(), any::<u8>()).prop_map(|(at, octet)| Change::Set(at, octet)),
        2 => (index(), index()).prop_map(|(from, to)| Change::Remove(from, to)),
        2 => (index(), index()).prop_map(|(from, to)| Change::Repeat(from, to)),
        2 => (index(), prop::collection::vec(any::<u8>(), 1..16)).prop_map(|(at, octets)| Change::Insert(at, octets)),
        1 => (index(), index(), index()).prop_map(|(at, seed, from)| Change::Splice(at, seed, from)),
    ]
}

impl Change {
    fn apply(&self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let place = |index: &Index, length: usize| index.index(length + 1);
        match self {
            Self::Set(at, octet) if !input.is_empty() => *at.get_mut(input) = *octet,
            Self::Set(_, octet) => input.push(*octet),
            Self::Remove(from, to) | Self::Repeat(from, to) => {
                let (from, to) = (place(from, input.len()), place(to, input.len()));
                let range = from.min(to)..from.max(to);
                match self {
                    Self::Remove(..) => drop(input.drain(range)),
                    _ => input.extend_from_within(range),
                }
            }
            Self::Insert(at, octets) => {
                let at = place(at, input.len());
                input.splice(at..at, octets.iter().copied());
            }
            Self::Splice(at, seed, from) => {
                input.truncate(place(at, input.len()));
                let seed = seed.get(seeds);
                input.extend_from_slice(&seed[place(from, seed.len())..]);
            }
        }
    }
}

/// Runs a target over its seeds and what is made from them.
fn explore(name: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let mut seeds: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    let seeds: Vec<Vec<u8>> = seeds.into_iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty(), "{name} has no seeds");
    run(&[]);
    seeds.iter().for_each(|seed| run(seed));
    let cases = env::var("WAYLIGHT_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(256);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let inputs = (any::<Index>(), prop::collection::vec(change(), 0..12));
    TestRunner::new(config)
        .run(&inputs, |(seed, changes)| {
            let mut input = seed.get(&seeds).clone();
            changes.iter().for_each(|change| change.apply(&mut input, &seeds));
            run(&input);
            Ok(())
        })
        .unwrap();
}

#[path = "../../fuzz/targets/cache.rs"]
mod cache_target;
#[path = "../../fuzz/targets/certificate.rs"]
mod certificate_target;
#[path = "../../fuzz/targets/config.rs"]
mod config_target;
#[path = "../../fuzz/targets/context.rs"]
mod context_target;
#[path = "../../fuzz/targets/csp.rs"]
mod csp_target;
#[path = "../../fuzz/targets/envelope.rs"]
mod envelope_target;
#[path = "../../fuzz/targets/expect.rs"]
mod expect_target;
#[path = "../../fuzz/targets/find.rs"]
mod find_target;
#[path = "../../fuzz/targets/framing.rs"]
mod framing_target;
#[path = "../../fuzz/targets/headers.rs"]
mod headers_target;
#[path = "../../fuzz/targets/html.rs"]
mod html_target;
#[path = "../../fuzz/targets/otlp.rs"]
mod otlp_target;
#[path = "../../fuzz/targets/query.rs"]
mod query_target;
#[path = "../../fuzz/targets/response.rs"]
mod response_target;
#[path = "../../fuzz/targets/routing.rs"]
mod routing_target;
#[path = "../../fuzz/targets/split.rs"]
mod split_target;
#[path = "../../fuzz/targets/template.rs"]
mod template_target;
#[path = "../../fuzz/targets/token.rs"]
mod token_target;

#[test]
fn cache() {
    explore("cache", cache_target::run);
}

#[test]
fn certificate() {
    explore("certificate", certificate_target::run);
}

#[test]
fn config() {
    explore("config", config_target::run);
}

#[test]
fn context() {
    explore("context", context_target::run);
}

#[test]
fn csp() {
    explore("csp", csp_target::run);
}

#[test]
fn envelope() {
    explore("envelope", envelope_target::run);
}

#[test]
fn expect() {
    explore("expect", expect_target::run);
}

#[test]
fn find() {
    explore("find", find_target::run);
}

#[test]
fn framing() {
    explore("framing", framing_target::run);
}

#[test]
fn headers() {
    explore("headers", headers_target::run);
}

#[test]
fn html() {
    explore("html", html_target::run);
}

#[test]
fn otlp() {
    explore("otlp", otlp_target::run);
}

#[test]
fn query() {
    explore("query", query_target::run);
}

#[test]
fn response() {
    explore("response", response_target::run);
}

#[test]
fn routing() {
    explore("routing", routing_target::run);
}

#[test]
fn split() {
    explore("split", split_target::run);
}

#[test]
fn template() {
    explore("template", template_target::run);
}

#[test]
fn token() {
    explore("token", token_target::run);
}
