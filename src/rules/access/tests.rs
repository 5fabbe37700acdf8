//! Every role against every action, and what makes a role.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

#[test]
fn every_role_against_every_action() {
    use Action::*;
    // The action; a guest, a viewer, a tracer, an admin.
    let table = [
        (Stop, [true, true, true, true]),
        (Read, [false, true, true, true]),
        (Export, [false, true, true, true]),
        (Trace, [false, false, true, true]),
        (Replay, [false, false, true, true]),
        (Invite, [false, false, true, true]),
        (Keep, [false, false, false, true]),
        (Revoke, [false, false, false, true]),
        (Erase, [false, false, false, true]),
        (Purge, [false, false, false, true]),
        (Settings, [false, false, false, true]),
        (Audit, [false, false, false, true]),
    ];
    assert_eq!(table.map(|(action, _)| action), Action::ALL);
    for (action, allowed) in table {
        for (role, expect) in Role::ALL.into_iter().zip(allowed) {
            assert_eq!(may(role, action), expect, "{role}: {action:?}");
        }
    }
}

#[test]
fn words_and_octets_lead_back() {
    for role in Role::GIVEN {
        assert_eq!(Role::parse(role.word()), Some(role));
    }
    assert_eq!(Role::parse("guest"), None, "nobody is given it");
    assert_eq!(Role::parse("Admin"), None);
    for role in Role::ALL {
        assert_eq!(Role::from_octet(role.octet()), Some(role));
    }
    for way in Way::ALL {
        assert_eq!(Way::from_octet(way.octet()), Some(way));
    }
    assert_eq!((Role::from_octet(4), Way::from_octet(5)), (None, None));
}

fn mapping() -> Mapping {
    let of = |pairs: &[(&str, Role)]| pairs.iter().map(|(name, role)| ((*name).to_owned(), *role)).collect();
    Mapping {
        groups: of(&[("dev", Role::Tracer), ("sre", Role::Admin)]),
        people: of(&[("ada@a.example", Role::Admin), ("bob@a.example", Role::Viewer)]),
        otherwise: None,
    }
}

#[test]
fn the_highest_role_counts() {
    let role = |person: Option<&str>, groups: &[&str]| mapping().role(person, groups.iter().copied());
    assert_eq!(role(Some("ADA@a.example"), &[]), Some(Role::Admin));
    assert_eq!(role(Some("bob@a.example"), &["dev"]), Some(Role::Tracer));
    assert_eq!(role(None, &["x", "dev", "sre"]), Some(Role::Admin));
    assert_eq!(role(Some("eve@a.example"), &["DEV"]), None);
    let open = Mapping { otherwise: Some(Role::Viewer), ..mapping() };
    assert_eq!(open.role(Some("eve@a.example"), std::iter::empty()), Some(Role::Viewer));
    assert_eq!(open.role(None, ["dev"].into_iter()), Some(Role::Tracer));
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    pairs.fold(HeaderMap::new(), |mut map, (name, value)| {
        map.append(name, value);
        map
    })
}

#[test]
fn a_proxy_names_user_and_role() {
    let name = HeaderName::from_static;
    let proof =
        Proof { user: name("x-user"), role: Some(name("x-role")), groups: Some(name("x-groups")), mapping: mapping() };
    let read = |pairs: &[(&'static str, &'static str)]| proof.read(&headers(pairs));
    let is = |user: &str, role| Some((user.to_owned(), role));
    assert_eq!(read(&[("x-user", " ada "), ("x-role", "viewer")]), is("ada", Role::Viewer));
    assert_eq!(read(&[("x-user", "eve"), ("x-groups", "x, sre")]), is("eve", Role::Admin));
    assert_eq!(read(&[("x-user", "bob@a.example")]), is("bob@a.example", Role::Viewer));
    assert_eq!(read(&[("x-user", "eve"), ("x-role", "guest")]), None);
    assert_eq!(read(&[("x-user", "eve")]), None);
    assert_eq!(read(&[("x-role", "admin")]), None);
    assert_eq!(read(&[("x-user", "ada"), ("x-user", "eve"), ("x-role", "admin")]), None, "two are none");
    assert_eq!(read(&[("x-user", ""), ("x-role", "admin")]), None);
    assert_eq!(proof.headers().count(), 3);
}

#[test]
fn bearer_tokens_are_found_and_compared() {
    assert_eq!(bearer(&headers(&[("authorization", "bearer  abc")])), Some("abc"));
    for value in ["Basic abc", "Bearer", "Bearer ", "abc"] {
        assert_eq!(bearer(&headers(&[("authorization", value)])), None, "{value}");
    }
    assert_eq!(bearer(&headers(&[("authorization", "Bearer a"), ("authorization", "Bearer a")])), None);
    let same = |left: &str, right: &str| Fingerprint::of(left).is(Fingerprint::of(right));
    assert!(same("a", "a") && !same("a", "b") && !same("a", "aa") && !same("", "a"));
    assert_eq!(format!("{:?}", Fingerprint::of("a")), "Fingerprint(***)");
}
