//! The API and the commands that use it, with the real binary: who is answered, and what a traced request leaves there.

use serde_json::Value;

use crate::{
    people::browser::echo,
    support::instance::{HEAD, Instance, answering, ask, output},
};

const TOKENS: &str = r#"
[[access.token]]
name = "script"
role = "viewer"
token = "a-token-of-some-length-for-tests"
[[access.token]]
name = "operator"
role = "admin"
token = "an-admins-token-of-some-length-for-tests"
"#;

const ADMIN: (&str, &str) = ("authorization", "Bearer an-admins-token-of-some-length-for-tests");
const BEARER: (&str, &str) = ("authorization", "Bearer a-token-of-some-length-for-tests");

fn config() -> String {
    format!("{HEAD}{TOKENS}{}", answering("hello"))
}

/// The API's answer at the admin listener.
fn api(instance: &Instance, path: &str) -> Value {
    let answer = instance.admin("GET", &format!("/_waylight/api/v1{path}"), &[BEARER]);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

#[test]
fn nobody_is_answered_without_a_sign_in() {
    let instance = Instance::start(&config());
    for path in ["/me", "/requests", "/traces/07070707070707070707070707070707", "/settings", "/nowhere"] {
        let path = format!("/_waylight/api/v1{path}");
        assert_eq!(instance.admin("GET", &path, &[]).status, 404, "{path}");
        // At a site the address is the site's own.
        assert_eq!(instance.get(&path).body, "hello", "{path}");
        let wrong = ("authorization", "Bearer another-token-of-some-length");
        assert_eq!(instance.admin("GET", &path, &[wrong]).status, 404, "{path}");
    }
    assert_eq!(api(&instance, "/me")["role"], "viewer");
    let at_site = ask(&instance.address.to_string(), "GET", "/_waylight/api/v1/me", &[BEARER]);
    assert_eq!(at_site.json()["name"], "script");
    let refused = instance.admin("GET", "/_waylight/api/v1/settings", &[BEARER]);
    assert_eq!((refused.status, refused.json()["title"].as_str()), (403, Some("Forbidden")));
    let evil = instance.admin("GET", "/_waylight/api/v1/me", &[BEARER, ("host", "evil.example")]);
    assert_eq!(evil.status, 421);
    assert_eq!(instance.stop(), Some(0));
}

#[test]
fn commands_say_when_no_instance_runs() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("proxy.toml"), config()).unwrap();
    for arguments in [&["trace", "http://127.0.0.1:1/"][..], &["traces"]] {
        let (code, stdout, stderr) = output(directory.path(), arguments);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    }
    let (code, _, stderr) = output(directory.path(), &["trace", "http://127.0.0.1:1/", "--expect", "ttfb<200"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("ttfb<200\n       ^"), "{stderr}");
}

#[test]
fn a_request_is_traced_printed_and_checked() {
    let instance = Instance::start(&config());
    let url = format!("http://{}/", instance.address);
    let run = |more: &[&str]| {
        let arguments: Vec<&str> = ["trace", &url].into_iter().chain(more.iter().copied()).collect();
        output(instance.directory.path(), &arguments)
    };
    let (code, stdout, stderr) = run(&["--expect", "status=200", "--expect", "spans(kind=server)=1"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    for part in ["Route", "100 %", "Quick, with most of the time in the edge", "✓ status=200  (200)"] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    let (code, stdout, _) = run(&["--json", "--expect", "status=404"]);
    assert_eq!(code, Some(4));
    let read: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&read["state"], &read["expect"][0]["passed"]), (&"done".into(), &false.into()));
    let trace = read["trace_id"].as_str().unwrap();
    let listed = api(&instance, &format!("/requests?trace={trace}"));
    assert_eq!(listed["items"][0]["trigger"], "force");
    let (code, stdout, _) = run(&["--otlp", "--html", "trace.html"]);
    assert_eq!(code, Some(0));
    assert!(stdout.starts_with("{\"resourceSpans\""), "{stdout}");
    assert!(std::fs::read_to_string(instance.path("trace.html")).unwrap().starts_with("<!doctype html>"));
    let (code, stdout, _) = output(instance.directory.path(), &["traces", "--since", "1h", "--q", "status:200"]);
    assert_eq!((code, stdout.lines().count()), (Some(0), 3), "{stdout}");
    assert!(stdout.contains(trace));
    let (code, _, stderr) = output(instance.directory.path(), &["traces", "--q", "path:/nowhere"]);
    assert_eq!(code, Some(0));
    assert!(stderr.starts_with("nothing found"), "{stderr}");
}

#[test]
fn a_check_does_not_pass_on_an_apps_spans_that_never_came() {
    let site = "[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n";
    let instance = Instance::start(&format!("{HEAD}{site}[upstream.app]\nendpoints = [\"http://{}\"]\n", echo()));
    let url = format!("http://{}/", instance.address);
    let run = |expectations: &[&str]| {
        let expected = expectations.iter().flat_map(|text| ["--expect", text]);
        let arguments: Vec<_> = ["trace", &url, "--timeout", "1s"].into_iter().chain(expected).collect();
        output(instance.directory.path(), &arguments)
    };
    let (code, stdout, stderr) = run(&["status=200", "spans(name=db.query)<10"]);
    assert_eq!(code, Some(5), "{stdout}{stderr}");
    let undecided = "? spans(name=db.query)<10  (0 so far: an upstream that answered sent no spans)";
    assert!(stdout.contains(undecided) && stdout.contains("✓ status=200"), "{stdout}");
    assert_eq!(run(&["spans(name=db.query)<10", "status=404"]).0, Some(4), "one that failed says more");
    assert_eq!(
        run(&["status=200", "spans>0", "spans(stage=upstream.request)=1", "span(route).duration<10s"]).0,
        Some(0)
    );
}

#[test]
fn a_request_that_nobody_traced_is_kept_by_a_click() {
    let instance = Instance::start(&config());
    assert_eq!(instance.get("/late").body, "hello");
    // Records of requests come in batches.
    let id = (0..500)
        .find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            api(&instance, "/requests?q=path:/late")["items"][0]["id"].as_str().map(str::to_owned)
        })
        .unwrap();
    let keep = |id: &str, more: &[(&str, &str)]| {
        instance.admin(
            "POST",
            &format!("/_waylight/api/v1/requests/{id}/keep"),
            &[more, &[("waylight-request", "1")]].concat(),
        )
    };
    assert_eq!(keep(&id, &[BEARER]).status, 403, "viewers keep nothing");
    assert_eq!(keep("00000000000000000000000000000000", &[ADMIN]).status, 404);
    let kept = keep(&id, &[ADMIN]);
    assert_eq!(kept.status, 200, "{}", kept.body);
    let trace = kept.json()["trace_id"].as_str().unwrap().to_owned();
    assert_eq!(keep(&id, &[ADMIN]).json()["trace_id"], trace.as_str(), "kept once");
    let stored = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        instance.admin("GET", &format!("/_waylight/api/v1/traces/{trace}"), &[BEARER]).status == 200
    });
    assert!(stored, "its coarse trace is stored");
    assert_eq!(api(&instance, &format!("/requests?trace={trace}"))["items"][0]["trigger"], "kept");
    assert_eq!(instance.stop(), Some(0));
}
