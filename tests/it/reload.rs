//! Reloads: every way to ask for one, what they apply, and what a faulty file does not do.

use std::{fs, io::BufReader, net::TcpStream, os::unix::fs::symlink};

use rustix::process::Signal;

use crate::support::instance::{HEAD, Instance, answering, ask, exchange};

fn config(body: &str) -> String {
    format!("{HEAD}{}", answering(body))
}

#[test]
fn a_file_renamed_into_place_is_seen_and_kept_alive_connections_follow() {
    let instance = Instance::start(&config("one"));
    let mut connection = BufReader::new(TcpStream::connect(instance.address).unwrap());
    assert_eq!(exchange(&mut connection, "/").1, "one");
    instance.save(&config("two"));
    assert_eq!(instance.line("reloaded")["generation"], 2);
    assert_eq!(exchange(&mut connection, "/").1, "two");
    assert_eq!(instance.get("/").body, "two");
    assert_eq!(instance.stop(), Some(0));
}

#[test]
fn a_symlink_that_is_swapped_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("two.toml"), config("two")).unwrap();
    let instance = Instance::start_in(directory, &config("one"));
    symlink("two.toml", instance.path("swap")).unwrap();
    fs::rename(instance.path("swap"), instance.path("proxy.toml")).unwrap();
    instance.line("reloaded");
    assert_eq!(instance.get("/").body, "two");
}

#[test]
fn sighup_reloads_at_once() {
    let instance = Instance::start(&config("one"));
    instance.save(&config("two"));
    instance.signal(Signal::HUP);
    instance.line("reloaded");
    assert_eq!(instance.get("/").body, "two");
}

#[test]
fn a_faulty_file_changes_nothing_and_says_why() {
    let instance = Instance::start(&config("one"));
    instance.save(&format!("{}[limits]\nconections_max = 7\n", config("two")));
    let line = instance.line("nothing was reloaded");
    assert!(line["message"].as_str().unwrap().contains("conections_max"), "{line}");
    assert_eq!(instance.get("/").body, "one");
    let last = instance.admin("GET", "/reload", &[]);
    assert_eq!(last.status, 422);
    assert!(last.json()["error"].as_str().unwrap().contains("did you mean `connections_max`"), "{}", last.body);
    assert!(instance.admin("GET", "/metrics", &[]).body.contains("waylight_config_reload_failed 1\n"));
    instance.save(&config("three"));
    instance.line("reloaded");
    assert_eq!(instance.get("/").body, "three");
}

#[test]
fn the_admin_call_reloads_and_names_what_needs_a_restart() {
    let instance = Instance::start(&config("one"));
    instance.save(&config("two").replace("workers = 2", "workers = 3"));
    let answer = instance.admin("POST", "/reload", &[("waylight-admin", "1")]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["needs_restart"], serde_json::json!(["workers"]));
    assert_eq!(instance.get("/").body, "two");
    assert!(instance.admin("GET", "/config", &[]).body.contains("workers = 2\n"), "what runs is what is shown");
}

#[test]
fn listeners_come_and_go() {
    let instance = Instance::start(&config("one"));
    let before = instance.address;
    let other = config("two").replacen("127.0.0.1:0", "127.0.0.2:0", 1);
    instance.save(&other);
    let after = instance.listening();
    instance.line("reloaded");
    assert_ne!(after.ip(), before.ip());
    assert_eq!(ask(&after.to_string(), "GET", "/", &[]).body, "two");
    // The old one is closed as soon as each worker has heard of it.
    while TcpStream::connect(before).is_ok() {
        std::thread::yield_now();
    }
}

#[test]
fn certificates_and_secret_files_are_seen_too() {
    let directory = tempfile::tempdir().unwrap();
    let renew = |name: &str| {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    };
    let (cert, key) = renew("one.example");
    fs::write(directory.path().join("cert.pem"), cert).unwrap();
    fs::write(directory.path().join("key.pem"), key).unwrap();
    let secure = "[[certificate]]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n\
                  [[listener]]\naddress = \"127.0.0.1:0\"\ntls = true\n";
    let instance = Instance::start_in(directory, &format!("{}{secure}", config("one")));
    let (cert, key) = renew("two.example");
    // Half a change is refused, or comes as a whole.
    fs::write(instance.path("key.pem"), key).unwrap();
    fs::write(instance.path("cert.pem"), cert).unwrap();
    instance.line("reloaded");

    let secret = format!("{}{secure}[access]\nsecrets_file = \"missing\"\n", config("two"));
    instance.save(&secret);
    instance.line("nothing was reloaded");
    fs::write(instance.path("missing"), "a-secret-that-is-long-enough-to-be-taken\n").unwrap();
    instance.line("reloaded");
    assert_eq!(instance.get("/").body, "two");
}

#[test]
fn an_address_that_is_taken_leaves_everything_as_it_was() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let instance = Instance::start(&config("one"));
    instance.save(&config("two").replacen("127.0.0.1:0", &address, 1));
    let line = instance.line("nothing was reloaded");
    assert!(line["message"].as_str().unwrap().contains(&address), "{line}");
    assert_eq!(instance.get("/").body, "one");
}

#[test]
fn the_log_changes_format_and_level() {
    let instance = Instance::start(&config("one"));
    instance.save(&config("two").replace("format = \"json\"", "format = \"json\"\nlevel = \"error\""));
    let answer = instance.admin("POST", "/reload", &[("waylight-admin", "1")]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    instance.save(&config("three").replace("format = \"json\"", "format = \"json\"\nlevel = \"waylight=loud\""));
    let answer = instance.admin("POST", "/reload", &[("waylight-admin", "1")]);
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert_eq!(instance.get("/").body, "two");
}
