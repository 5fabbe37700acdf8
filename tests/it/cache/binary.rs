//! The cache of the real binary: purging needs authority, `waylight explain` and `purge` ask the running instance, and what is
//! on disk outlives it.

use std::thread;

use crate::support::instance::{Answer, HEAD, Instance, ask, output};

/// An origin: Waylight itself, with a fixed answer.
fn origin() -> Instance {
    Instance::start(&format!(
        "{HEAD}[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\n\
         respond = {{ status = 200, body = \"one\", headers = {{ cache-control = \"max-age=600\", cache-tag = \"shoes\" }} }}\n"
    ))
}

fn edge(origin: &Instance, cache: &str) -> String {
    format!(
        "{HEAD}[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\ncache = {{}}\n\
         [upstream.app]\nendpoints = [\"http://{}\"]\n[cache]\ndirectory = \"{cache}\"\n",
        origin.address
    )
}

fn get(instance: &Instance) -> Answer {
    ask(&instance.address.to_string(), "GET", "/a", &[("host", "shop.example")])
}

fn told(answer: &Answer) -> String {
    answer.field("cache-status").unwrap_or_default().to_owned()
}

#[test]
fn it_is_explained_purged_and_found_again_after_a_restart() {
    let origin = origin();
    let config = edge(&origin, "stored");
    let mut instance = Instance::start(&config);
    assert!(told(&get(&instance)).contains("fwd=uri-miss"));
    assert!(told(&get(&instance)).contains("waylight; hit"), "{}", told(&get(&instance)));
    let url = "http://shop.example/a";
    let explain = |instance: &Instance| output(instance.directory.path(), &["explain", url]);
    let (code, explained, complaint) = explain(&instance);
    assert_eq!(code, Some(0), "{complaint}");
    assert!(explained.contains("would answer: the stored response is "), "{explained}");
    // Written in the background.
    while !instance.admin("GET", "/metrics", &[]).body.contains("\nwaylight_cache_disk_files 1\n") {
        thread::yield_now();
    }
    let directory = instance.take_directory();
    assert_eq!(instance.stop(), Some(0));

    let instance = Instance::start_in(directory, &config);
    while !instance.admin("GET", "/metrics", &[]).body.contains("\nwaylight_cache_disk_files 1\n") {
        thread::yield_now();
    }
    assert!(told(&get(&instance)).contains("waylight; hit"), "it was on disk");

    assert_eq!(instance.admin("POST", "/cache/purge?tag=shoes", &[]).status, 403, "purging needs authority");
    assert_eq!(instance.admin("GET", "/cache/purge?tag=shoes", &[]).status, 405);
    let unclear = instance.admin("POST", "/cache/purge?tag=a&all=1", &[("waylight-admin", "1")]);
    assert_eq!(unclear.status, 400);
    assert!(told(&get(&instance)).contains("waylight; hit"), "nothing was purged");
    let (code, purged, complaint) = output(instance.directory.path(), &["purge", "--tag", "shoes"]);
    assert_eq!((code, purged.trim()), (Some(0), "1 stored response was purged"), "{complaint}");
    assert!(explain(&instance).1.contains("nothing is stored"));
    assert!(told(&get(&instance)).contains("fwd=uri-miss"));
    let audit = std::fs::read_to_string(instance.path(".waylight/audit.jsonl")).unwrap();
    assert!(audit.contains("\"deed\":\"purge\"") && audit.contains("tag shoes (hard)"), "{audit}");
}

#[test]
fn two_processes_do_not_share_a_directory() {
    let origin = origin();
    let first = Instance::start(&edge(&origin, "stored"));
    let other = tempfile::tempdir().unwrap();
    let taken = first.path("stored");
    std::fs::write(other.path().join("proxy.toml"), edge(&origin, taken.to_str().unwrap())).unwrap();
    let (code, _, complaint) = output(other.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("another process uses the cache's directory"), "{complaint}");
}
