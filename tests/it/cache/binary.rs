//! The cache of the real binary: purging needs authority, `waylight explain` and `purge` ask the running instance, and what is
//! on disk outlives it.

use std::{
    ffi::OsStr,
    process::{Command, Stdio},
    thread,
};

use super::large;
use crate::support::instance::{Answer, HEAD, Instance, ask, output, waylight};

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
    let explained = explain(&instance).1;
    assert!(explained.contains("stored on disk: status 200, 3 octets"), "{explained}");
    assert!(told(&get(&instance)).contains("waylight; hit"), "it was on disk");
    assert!(explain(&instance).1.contains("stored in memory: status 200, 3 octets"));

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
fn a_url_is_explained_with_its_route_and_its_key() {
    let origin = origin();
    let instance = Instance::start(&format!(
        "{HEAD}[[site]]\nhosts = [\"shop.example\"]\n[[site.route]]\npath = \"/plain/*\"\nupstream = \"app\"\n\
         [[site.route]]\nname = \"shop\"\npath = \"/*\"\nupstream = \"app\"\n\
         cache = {{ query_ignore = [\"utm_*\"], key_cookies = [\"currency\"], bypass_cookies = [\"basket\"] }}\n\
         [upstream.app]\nendpoints = [\"http://{}\"]\n",
        origin.address
    ));
    let fields = [("host", "shop.example"), ("cookie", "currency=eur")];
    ask(&instance.address.to_string(), "GET", "/a?utm_source=x&b=1", &fields);
    let explain = |url: &str, field: &str| {
        let (code, told, complaint) = output(instance.directory.path(), &["explain", url, "-H", field]);
        assert_eq!(code, Some(0), "{complaint}");
        told
    };
    let told = explain("http://shop.example/a?b=1&utm_medium=y", "cookie: currency=eur");
    for part in [
        "route shop of shop.example: the cache is asked",
        "under the key http://shop.example/a?b=1\n      with cookie:currency=eur",
        "would answer: the stored response is ",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = explain("http://shop.example/a?b=1", "cookie: currency=usd");
    assert!(told.contains("would not answer: what is stored is for another value of the cookie currency"), "{told}");
    let told = explain("http://shop.example/a?b=1", "cookie: basket=7");
    assert!(told.contains("the cache is not asked: requests with this cookie pass the cache by"), "{told}");
    let told = explain("http://shop.example/plain/a", "a: b");
    assert!(
        told.contains("route /plain/* of shop.example: the cache is not asked: the route has no `cache`"),
        "{told}"
    );
    assert!(explain("http://other.example/", "a: b").contains("no site has this host"));
}

/// A file system of this size, where one can be had without rights: Waylight runs in a name space of its own.
fn with_small_disk(size: &str) -> Option<Command> {
    let script = &format!("mount -t tmpfs -o size={size} none stored && exec \"$0\"");
    let apart = |script: &str, program: &OsStr| {
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script]).arg(program);
        command
    };
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("stored")).unwrap();
    let tried = apart(script, OsStr::new("true")).current_dir(directory.path()).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success()).then(|| apart(script, waylight().get_program()))
}

fn metric(instance: &Instance, name: &str) -> f64 {
    let body = instance.admin("GET", "/metrics", &[]).body;
    let line = body.lines().find_map(|line| line.strip_prefix(&format!("waylight_{name} ")).map(str::to_owned));
    line.unwrap_or_default().parse().unwrap_or_default()
}

#[test]
fn a_disk_that_fills_up_cuts_no_answer_short() {
    let Some(command) = with_small_disk("4m") else { return };
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("stored")).unwrap();
    let config = format!(
        "{HEAD}[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n\
         cache = {{ object_bytes_max = \"1GiB\" }}\n\
         [upstream.app]\nendpoints = [\"http://{}\"]\n[cache]\ndirectory = \"stored\"\n",
        large::origin()
    );
    let instance = Instance::start_by(command, directory, &config);
    let get = |path: &str| ask(&instance.address.to_string(), "GET", path, &[("host", "shop.example")]);
    assert!(told(&get("/small")).contains("fwd=uri-miss"));
    while metric(&instance, "cache_disk_files") < 1.0 {
        thread::yield_now();
    }
    let film = get("/film");
    let whole: Vec<u8> = (0..large::BLOCKS).flat_map(large::block).collect();
    assert!(film.status == 200 && film.body.as_bytes() == whole, "{} octets", film.body.len());
    let line = instance.line("the cache could not write; it goes on without for a while");
    assert!(line["error"].as_str().unwrap().contains("No space left"), "{line}");
    assert_eq!(metric(&instance, "cache_disk_given_up_total"), 1.0);
    // What was begun goes; what was there stays.
    while metric(&instance, "cache_disk_bytes") > 100_000.0 {
        thread::yield_now();
    }
    let (_, explained, complaint) = output(instance.directory.path(), &["explain", "http://shop.example/film"]);
    assert!(explained.contains(&waylight::rules::cache::Why::DiskBusy.to_string()), "{explained} {complaint}");
    assert!(told(&get("/small")).contains("waylight; hit"));
}

#[test]
fn a_full_disk_takes_its_help_away_only() {
    let Some(command) = with_small_disk("64k") else { return };
    let origin = Instance::start(&format!(
        "{HEAD}[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\n\
         respond = {{ status = 200, body = \"{}\", headers = {{ cache-control = \"max-age=600\" }} }}\n",
        "x".repeat(20_000)
    ));
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("stored")).unwrap();
    let instance = Instance::start_by(command, directory, &edge(&origin, "stored"));
    let get =
        |number: u32| ask(&instance.address.to_string(), "GET", &format!("/{number}"), &[("host", "shop.example")]);
    for number in 0..8 {
        let answer = get(number);
        assert_eq!((answer.status, answer.body.len()), (200, 20_000));
    }
    let line = instance.line("the cache could not write; it goes on without for a while");
    assert!(line["error"].as_str().unwrap().contains("No space left"), "{line}");
    for number in 0..8 {
        assert!(told(&get(number)).contains("waylight; hit"), "all of it is in memory");
    }
    assert!(metric(&instance, "cache_disk_files") > 0.0, "what there was room for is there");
    assert!(metric(&instance, "cache_disk_failed_total") >= 1.0, "{}", instance.admin("GET", "/metrics", &[]).body);
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
