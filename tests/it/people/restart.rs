//! What was revoked or used stays so: on every worker, and in the next process.

use rustix::process::Signal;
use waylight::clock::unix_seconds;

use super::browser::{Browser, echo};
use crate::support::instance::{HEAD, Instance, output};

fn config() -> String {
    format!(
        "{HEAD}[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n\
         [upstream.app]\nendpoints = [\"http://{}\"]\n[access]\non_site = \"all\"\n",
        echo()
    )
}

fn link(instance: &Instance, name: &str, role: &str) -> String {
    instance.admin("POST", &format!("/link?name={name}&role={role}"), &[("waylight-admin", "1")]).body
}

/// Whether the pages are there for a browser, on whatever worker answers.
fn is_somebody(browser: &mut Browser) -> bool {
    let answers: Vec<_> =
        (0..8).map(|_| browser.get("/_waylight/").field("content-security-policy").is_some()).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "workers disagree");
    answers[0]
}

#[test]
fn a_revoked_person_stays_out() {
    let mut instance = Instance::start(&config());
    let (mut ada, mut admin) = (Browser::at(&instance.address), Browser::at(&instance.address));
    let unused = link(&instance, "Ada", "tracer");
    let used = link(&instance, "Ada", "tracer");
    ada.follow(&used);
    admin.follow(&link(&instance, "Root", "admin"));
    ada.press("/_waylight/start", "");
    assert!(is_somebody(&mut ada) && is_somebody(&mut admin));
    assert_eq!(admin.press("/_waylight/revoke", "person=Ada").status, 303);
    let revoked = unix_seconds();
    assert!(!is_somebody(&mut ada));
    assert!(ada.follow(&unused).body.starts_with("POST /"), "nor by a link he still had");
    let cookies = (ada.cookies.clone(), admin.cookies.clone());
    instance.signal(Signal::KILL);
    instance.wait();
    let directory = instance.take_directory();
    let again = Instance::start_in(directory, &config());
    let mut browser = Browser { address: again.address.to_string(), cookies: cookies.0 };
    assert!(!is_somebody(&mut browser), "after a restart");
    browser.cookies = cookies.1;
    assert!(is_somebody(&mut browser), "others are still signed in");
    browser.cookies.clear();
    let page = browser.get(&format!("/{}", used.trim().splitn(4, '/').nth(3).unwrap()));
    assert!(page.body.starts_with("GET /"), "a link of a revoked person is no link: {}", page.body);
    let told = again.admin("POST", "/link?name=Ada&role=tracer", &[("waylight-admin", "1")]);
    assert_eq!(told.status, 409, "{}", told.body);
    let lift = || output(again.directory.path(), &["lift", "Ada"]);
    let (code, told, complaint) = lift();
    assert_eq!((code, told.trim()), (Some(0), "Ada may sign in again"), "{complaint}");
    assert!(lift().2.contains("nobody of this name is kept out"));
    assert!(!browser.follow(&unused).body.is_empty() && !is_somebody(&mut browser), "what she had stays revoked");
    // Times are whole seconds, and what was given within that of the revocation does not count.
    while unix_seconds() <= revoked {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    browser.follow(&link(&again, "Ada", "tracer"));
    assert!(is_somebody(&mut browser));
    let audit = std::fs::read_to_string(again.path(".waylight/audit.jsonl")).unwrap();
    assert!(audit.contains("\"deed\":\"revoke\",\"person\":\"Root\""), "{audit}");
    assert!(audit.contains("\"deed\":\"lift\"") && audit.contains("person Ada"), "{audit}");
    for token in [&used, &unused].map(|link| link.trim().split("token=").nth(1).unwrap()) {
        assert!(!audit.contains(token), "no token stands there");
    }
}

#[test]
fn a_guest_has_no_more_requests_after_a_restart() {
    let mut instance = Instance::start(&config());
    let arguments = ["link", "--trace", "--path", "/cart", "--minutes", "5", "--requests", "6", "--name", "Ada"];
    let (code, link, complaint) = output(instance.directory.path(), &arguments);
    assert_eq!(code, Some(0), "{complaint}");
    let mut guest = Browser::at(&instance.address);
    guest.follow(&link);
    let traced = |instance: &Instance| {
        let metrics = instance.admin("GET", "/metrics", &[]).body;
        let line = metrics.lines().find_map(|line| line.strip_prefix("waylight_requests_traced_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    (0..4).for_each(|_| drop(guest.get("/cart")));
    assert_eq!(traced(&instance), 4);
    instance.signal(Signal::TERM);
    instance.wait();
    let again = Instance::start_in(instance.take_directory(), &config());
    guest.address = again.address.to_string();
    (0..6).for_each(|_| drop(guest.get("/cart")));
    assert_eq!(traced(&again), 2, "six in all");
}
