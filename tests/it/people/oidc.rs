//! Sign-in at an OpenID provider, and everything that can be wrong with its answer.

use serde_json::json;

use super::browser::{Browser, echo};
use crate::support::{
    instance::{HEAD, Instance},
    openid::{CLIENT_ID, CLIENT_SECRET, OpenId, Wrong},
};

fn instance(provider: &OpenId) -> Instance {
    instance_with(provider, "")
}

/// With these settings of `access.oidc` beside its own.
fn instance_with(provider: &OpenId, more: &str) -> Instance {
    Instance::start(&format!(
        "{HEAD}[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n\
         [upstream.app]\nendpoints = [\"http://{}\"]\n[access]\nsign_in = \"public\"\n[access.oidc]\n\
         issuer = \"http://{}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \"{CLIENT_SECRET}\"\n\
         groups = {{ dev = \"tracer\" }}\nemails = {{ \"ada@a.example\" = \"admin\" }}\n{more}\n",
        echo(),
        provider.address
    ))
}

/// Sends a browser to the provider; gives where to.
fn depart(browser: &mut Browser) -> String {
    let answer = browser.get("/_waylight/sign-in/oidc");
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.field("location").unwrap().to_owned()
}

/// The role on the plain page of whoever signs in with these claims.
fn role(instance: &Instance, provider: &OpenId, claims: serde_json::Value) -> Option<String> {
    let mut browser = Browser::at(&instance.address);
    let back = provider.approve(&depart(&mut browser), claims);
    let answer = browser.get(&back);
    if answer.status != 303 {
        assert_eq!(answer.status, 403, "{}", answer.body);
        assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
        return None;
    }
    let page = browser.get("/_waylight/plain").body;
    let name = page.split("Signed in as <b>").nth(1).unwrap();
    Some(name.split("), for").next().unwrap().replace("</b> (", " "))
}

#[test]
fn claims_make_a_role() {
    let provider = OpenId::start();
    let instance = instance(&provider);
    assert!(Browser::at(&instance.address).get("/_waylight/").body.contains("/_waylight/sign-in/oidc"));
    let role = |claims| role(&instance, &provider, claims);
    let ada = json!({ "preferred_username": "ada", "email": "Ada@a.example", "email_verified": true });
    assert_eq!(role(ada).as_deref(), Some("ada@a.example admin"));
    let unverified = json!({ "email": "ada@a.example", "email_verified": false });
    assert_eq!(role(unverified), None, "anybody can say that an address is his");
    let subject = format!("http://{}#person-1 tracer", provider.address);
    assert_eq!(role(json!({ "groups": ["x", "dev"] })).as_deref(), Some(&*subject));
    assert_eq!(role(json!({ "groups": ["x"] })), None, "no role");
    let audit = std::fs::read_to_string(instance.path(".waylight/audit.jsonl")).unwrap();
    assert_eq!(audit.lines().count(), 2, "{audit}");
    assert!(audit.lines().all(|line| line.contains("\"way\":\"oidc\"")), "{audit}");
}

#[test]
fn nobody_takes_the_name_of_somebody_else() {
    let provider = OpenId::start();
    let by_default = instance(&provider);
    let subject = |sub: &str| format!("http://{}#{sub} tracer", provider.address);
    let eve = |more: serde_json::Value| {
        let mut claims = json!({ "sub": "eve", "groups": ["dev"] });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    for chosen in [
        json!({ "email": "ada@a.example" }),
        json!({ "email": "ada@a.example", "email_verified": false }),
        json!({ "email": "ada@a.example", "email_verified": "yes" }),
        json!({ "preferred_username": "ada@a.example", "name": "ada@a.example", "nickname": "ada@a.example" }),
    ] {
        let name = role(&by_default, &provider, eve(chosen.clone()));
        // A claim of another type than it must have spoils the token.
        assert!(name.is_none() || name == Some(subject("eve")), "{chosen}: {name:?}");
    }
    assert_eq!(role(&by_default, &provider, eve(json!({ "sub": "ada@a.example" }))), Some(subject("ada@a.example")));

    let by_subject = instance_with(&provider, "name_claim = \"sub\"");
    let verified = json!({ "email": "ada@a.example", "email_verified": true });
    let admin = format!("http://{}#eve admin", provider.address);
    assert_eq!(role(&by_subject, &provider, eve(verified)), Some(admin), "a new address is nobody new");

    let by_claim = instance_with(&provider, "name_claim = \"upn\"");
    assert_eq!(role(&by_claim, &provider, eve(json!({ "upn": "eve@corp" }))).as_deref(), Some("eve@corp tracer"));
    assert_eq!(
        role(&by_claim, &provider, eve(json!({ "email": "e@a", "email_verified": true }))),
        None,
        "it names nobody"
    );
}

#[test]
fn wrong_answers_let_nobody_in() {
    let provider = OpenId::start();
    let instance = instance(&provider);
    for wrong in [Wrong::Issuer, Wrong::Audience, Wrong::Nonce, Wrong::Expiry, Wrong::Signature, Wrong::Unsigned] {
        provider.goes_wrong(wrong);
        assert_eq!(role(&instance, &provider, json!({ "groups": ["dev"] })), None, "{wrong:?}");
    }
}

#[test]
fn an_answer_counts_once_in_the_browser_that_asked() {
    let provider = OpenId::start();
    let instance = instance(&provider);
    let mut browser = Browser::at(&instance.address);
    let back = provider.approve(&depart(&mut browser), json!({ "groups": ["dev"] }));
    // In a browser that asked for nothing the address does not exist.
    let stranger = Browser::at(&instance.address).get(&back);
    assert!(stranger.body.starts_with("GET /_waylight/sign-in/oidc/callback"), "{}", stranger.body);
    // Another browser has a question of its own open.
    let mut other = Browser::at(&instance.address);
    depart(&mut other);
    assert_eq!(other.get(&back).status, 403);
    let kept = browser.cookies.clone();
    assert_eq!(browser.get(&back.replace("state=", "state=0")).status, 403, "another state");
    browser.cookies.clone_from(&kept);
    assert_eq!(browser.get(&back).status, 303);
    browser.cookies = kept;
    assert_eq!(browser.get(&back).status, 403, "it was used");
}

#[test]
fn a_provider_that_is_away_or_denies_is_told() {
    let provider = OpenId::start();
    let running = instance(&provider);
    let mut browser = Browser::at(&running.address);
    let back = provider.approve(&depart(&mut browser), json!({}));
    let state = back.split("state=").nth(1).unwrap();
    let denied = browser.get(&format!("/_waylight/sign-in/oidc/callback?error=access_denied&state={state}"));
    assert_eq!(denied.status, 403);
    assert!(denied.body.contains("did not let you in"), "{}", denied.body);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = std::fs::read_to_string(running.path("proxy.toml")).unwrap();
    let config =
        config.replace(&format!("issuer = \"http://{}\"", provider.address), &format!("issuer = \"http://{closed}\""));
    let away = Instance::start(&config);
    let answer = Browser::at(&away.address).get("/_waylight/sign-in/oidc");
    assert_eq!(answer.status, 502);
    assert!(answer.field("set-cookie").is_none());
}
