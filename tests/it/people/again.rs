//! A recorded request, sent again by the real binary: as whom it comes to the edge, and which traces it leaves.

use serde_json::{Value, json};

use super::browser::{echo, send};
use crate::support::instance::{Answer, HEAD, Instance, output};

const TOKENS: &str = r#"
[[access.token]]
name = "operator"
role = "admin"
token = "an-admins-token-of-some-length-for-tests"
[[access.token]]
name = "reader"
role = "viewer"
token = "a-readers-token-of-some-length-for-tests"
"#;
const ADMIN: (&str, &str) = ("authorization", "Bearer an-admins-token-of-some-length-for-tests");
const READER: (&str, &str) = ("authorization", "Bearer a-readers-token-of-some-length-for-tests");

fn config() -> String {
    format!(
        "{HEAD}{TOKENS}[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n\
         [upstream.app]\nendpoints = [\"http://{}\"]\n",
        echo()
    )
}

fn get(instance: &Instance, path: &str) -> Value {
    let answer = instance.admin("GET", &format!("/_waylight/api/v1{path}"), &[ADMIN]);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

/// The first request that is listed, as soon as one is: records come in batches.
fn first(instance: &Instance, query: &str) -> Value {
    let listed = (0..500).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        get(instance, &format!("/requests?{query}"))["items"].get(0).cloned()
    });
    listed.unwrap_or_else(|| panic!("{query} lists nothing"))
}

fn replay(instance: &Instance, who: (&str, &str), wish: &Value) -> Answer {
    let fields = [who, ("waylight-request", "1"), ("content-type", "application/json")];
    send(&instance.admin, "POST", "/_waylight/api/v1/replays", &fields, &wish.to_string())
}

#[test]
fn a_recorded_request_is_sent_again_through_the_edge() {
    let instance = Instance::start(&config());
    let address = instance.address.to_string();
    let theirs = send(&address, "GET", "/cart?a=b", &[("cookie", "theirs=1")], "");
    assert!(theirs.body.contains("theirs=1"), "{}", theirs.body);
    let recorded = first(&instance, "q=path:/cart");
    assert_eq!(recorded["trace_id"], Value::Null, "nobody traced it");
    let wish = json!({ "request_id": recorded["id"], "runs": 2 });
    assert_eq!(replay(&instance, READER, &wish).status, 403, "viewers send nothing");
    let answer = replay(&instance, ADMIN, &wish);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = answer.json();
    let traces: Vec<&str> =
        told["runs"].as_array().unwrap().iter().map(|run| run["trace_id"].as_str().unwrap()).collect();
    assert_eq!(traces.len(), 2);
    assert_ne!(traces[0], traces[1]);
    for trace in traces {
        let again = first(&instance, &format!("trace={trace}"));
        assert_eq!((&again["path"], &again["query"], &again["status"]), (&json!("/cart"), &json!("a=b"), &json!(200)));
        assert_eq!((&again["session_id"], &again["person"]), (&told["session_id"], &json!("operator")));
        let one = get(&instance, &format!("/requests/{}", again["id"].as_str().unwrap()));
        let forwarded = one["headers"]["forwarded"].to_string();
        assert!(!forwarded.contains("cookie") && !forwarded.contains("waylight-trace"), "{forwarded}");
    }
    assert_eq!(get(&instance, "/audit?limit=1")["items"][0]["deed"], "replay");
    // What may change something is not sent.
    send(&address, "POST", "/order", &[], "a=b");
    let order = first(&instance, "q=path:/order");
    assert_eq!(replay(&instance, ADMIN, &json!({ "request_id": order["id"] })).status, 422);
    assert_eq!(instance.stop(), Some(0));
}

#[test]
fn the_consoles_own_host_gives_all_that_a_role_allows() {
    let instance = Instance::start(&format!("{}[[site]]\nhosts = [\"console.test\"]\nconsole = true\n", config()));
    let address = instance.address.to_string();
    let at =
        |host: &str, path: &str, cookie: &str| send(&address, "GET", path, &[("host", host), ("cookie", cookie)], "");
    assert_eq!(at("console.test", "/", "").status, 404, "a stranger cannot tell");
    let link = |site: &str| {
        let arguments = ["link", "--site", site, "--role", "admin", "--name", "Ada"];
        let (code, link, error) = output(instance.directory.path(), &arguments);
        assert_eq!(code, Some(0), "{error}");
        link
    };
    let sign_in = |host: &str| {
        let path = format!("/{}", link(host).trim().splitn(4, '/').nth(3).unwrap());
        let answer = send(&address, "POST", &path, &[("host", host)], "");
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.field("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    };
    let (on_site, on_own) = (sign_in("shop.test"), sign_in("console.test"));
    assert_eq!(at("console.test", "/", &on_own).field("location"), Some("/_waylight/"));
    let api = |host: &str, cookie: &str, path: &str| at(host, &format!("/_waylight/api/v1{path}"), cookie);
    assert_eq!(api("console.test", &on_own, "/settings").status, 200);
    assert_eq!(api("console.test", &on_own, "/me").json()["scope"], "all");
    let refused = api("shop.test", &on_site, "/settings");
    assert_eq!(refused.status, 403);
    let told = "here you reach your own sessions only; the whole console is at console.test";
    assert_eq!(refused.json()["detail"], told);
    assert_eq!(api("shop.test", &on_site, "/me").json()["elsewhere"], told);
    assert_eq!(instance.stop(), Some(0));
}
