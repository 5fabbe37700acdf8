//! Which origin a link leads to.

use http::Uri;

use super::{counts, origin};
use crate::{app::state::State, clock, config::model::Config, rules::route::HostPattern};

fn config(hosts: &[&[&str]]) -> Config {
    let mut config = Config::minimal(&Uri::from_static("http://127.0.0.1:3000"), ([127, 0, 0, 1], 0).into()).unwrap();
    let site = config.sites.remove(0);
    config.sites.extend(hosts.iter().map(|hosts| {
        let hosts = hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect();
        crate::config::model::Site { hosts, ..site.clone() }
    }));
    config
}

#[track_caller]
fn check(hosts: &[&[&str]], asked: Option<&str>, listeners: &[&str], expect: Result<&str, &str>) {
    let listeners: Vec<_> = listeners.iter().map(|&origin| origin.to_owned()).collect();
    match (origin(&config(hosts), asked, &listeners), expect) {
        (Ok(origin), Ok(expect)) => assert_eq!(origin, expect),
        (Err(error), Err(expect)) => assert!(error.to_string().contains(expect), "{error}"),
        (got, expect) => panic!("{got:?}, not {expect:?}"),
    }
}

const HTTP: &str = "http://127.0.0.1:8080";

#[test]
fn the_only_site_is_meant() {
    check(&[&["*"]], None, &[HTTP], Ok(HTTP));
    check(&[&["shop.example"]], None, &[HTTP], Ok("http://shop.example:8080"));
    check(&[&["shop.example"]], None, &[HTTP, "https://localhost:443"], Ok("https://shop.example"));
    check(&[&["*.example", "shop.example"]], None, &["http://[::1]:80"], Ok("http://shop.example"));
}

#[test]
fn several_sites_need_a_name() {
    let sites: &[&[&str]] = &[&["a.example"], &["*.b.example"]];
    check(sites, None, &[HTTP], Err("a.example, *.b.example"));
    check(sites, Some("x.B.example"), &[HTTP], Ok("http://x.b.example:8080"));
    check(sites, Some("c.example"), &[HTTP], Err("no site"));
    check(sites, Some("https://a.example/"), &[HTTP], Ok("https://a.example"));
}

#[test]
fn an_instance_without_a_listener_has_no_link() {
    check(&[&["*"]], None, &[], Err("no listener"));
}

#[test]
fn a_name_that_was_revoked_has_no_link_until_it_is_lifted() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config { state_dir: directory.path().into(), ..config(&[&["*"]]) };
    assert!(counts(&config, "Ada L").is_ok(), "nobody was revoked yet");
    let sessions = State::take(directory.path()).unwrap().sessions(100).unwrap();
    sessions.revoke_person("Ada L", clock::unix_seconds()).unwrap();
    let refused = counts(&config, "Ada L").unwrap_err().to_string();
    assert!(refused.contains("`waylight lift \"Ada L\"`"), "{refused}");
    assert!(counts(&config, "Ada").is_ok());
    sessions.lift_person("Ada L", clock::unix_seconds()).unwrap();
    assert!(counts(&config, "Ada L").is_ok());
}
