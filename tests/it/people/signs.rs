//! The admin listener's own pages, and trace links from the command line.

use super::browser::{Browser, echo, send};
use crate::support::instance::{HEAD, Instance, output};

fn instance() -> Instance {
    Instance::start(&format!(
        "{HEAD}[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n\
         [upstream.app]\nendpoints = [\"http://{}\"]\n[access]\nguest_requests_max = 5\n",
        echo()
    ))
}

#[test]
fn people_sign_in_at_the_admin_listener_too() {
    let instance = instance();
    let mut browser = Browser::at(&instance.admin);
    let page = browser.get("/_waylight/");
    assert!(page.status == 200 && page.body.contains("<h1>Sign in</h1>"), "{}", page.body);
    assert_eq!(browser.get("/_waylight/people").status, 404, "signed in, one sees more");
    let site = format!("http%3A%2F%2F{}", instance.admin.replace(':', "%3A"));
    let link =
        instance.admin("POST", &format!("/link?site={site}&role=admin&name=Ada"), &[("waylight-admin", "1")]).body;
    let path = format!("/{}", link.trim().splitn(4, '/').nth(3).unwrap());
    for field in [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(send(&instance.admin, "POST", &path, &[field], "").status, 403, "{field:?}");
    }
    assert_eq!(send(&instance.admin, "GET", &path, &[("host", "evil.example")], "").status, 421, "DNS rebinding");
    assert_eq!(browser.follow(&link).status, 303);
    let page = browser.get("/_waylight/people");
    assert!(page.status == 200 && page.body.contains("</b> signed in"), "{}", page.body);
    assert_eq!(browser.press("/_waylight/sign-out", "").status, 303);
    assert_eq!(browser.get("/_waylight/people").status, 404);
}

#[test]
fn a_trace_link_of_the_command_line_traces_a_visitor() {
    let instance = instance();
    let arguments = ["link", "--trace", "--path", "/cart", "--minutes", "2", "--requests", "9", "--name", "Ada"];
    let (code, link, complaint) = output(instance.directory.path(), &arguments);
    assert_eq!(code, Some(0), "{complaint}");
    let mut visitor = Browser::at(&instance.address);
    let path = format!("/{}", link.trim().splitn(4, '/').nth(3).unwrap());
    let page = visitor.get(&path).body;
    assert!(page.contains("Ada asks to trace your visit") && page.contains("2 minutes") && page.contains("5 requests"));
    let agreed = visitor.follow(&link);
    assert_eq!((agreed.status, agreed.field("location")), (303, Some("/cart")));
    for _ in 0..12 {
        let answer = visitor.get("/cart");
        assert!(answer.body.starts_with("GET /cart") && !answer.body.contains("waylight="), "{}", answer.body);
    }
    let metrics = instance.admin("GET", "/metrics", &[]).body;
    assert!(
        metrics.contains("\nwaylight_requests_traced_total 5\n"),
        "the bound of the configuration is the lower one: {metrics}"
    );
    assert!(visitor.get("/_waylight/").body.contains("no longer traced"));
    for path in ["/_waylight/people", "/_waylight/api/v1/requests"] {
        assert!(visitor.get(path).body.starts_with("GET /_waylight/"), "he sees no console");
    }
    assert_eq!(visitor.press("/_waylight/stop", "").status, 303);
    assert!(visitor.cookies.is_empty() && visitor.get("/_waylight/").body.starts_with("GET /_waylight/"));
    assert!(visitor.get(&path).body.contains("used before"));
}
