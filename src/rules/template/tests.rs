use proptest::prelude::*;

use super::*;
use crate::rules::route::Param;

fn fill(template: &str, path: &str, query: Option<&str>) -> String {
    let params = vec![
        Param { name: "slug".into(), value: "a b/ü?#".into(), kind: ParamKind::Segment },
        Param { name: "rest".into(), value: "/evil.com/\\x".into(), kind: ParamKind::Rest },
    ];
    Template::parse(template).unwrap().fill(&Values { params: &params, path, query, host: "shop.example:81" })
}

#[test]
fn names_are_filled_in_and_encoded_for_where_they_stand() {
    for (template, expected) in [
        ("/new/{slug}", "/new/a%20b%2F%C3%BC%3F%23"),
        ("/new?slug={slug}&x=1", "/new?slug=a%20b%2F%C3%BC%3F%23&x=1"),
        ("/new{path}", "/new/old/x%20y"),
        ("/new/{path}", "/new/old/x%20y"),
        ("{path}", ""),
        ("/x?{query}", "/x?a=1&b"),
        ("https://{host}{path}?{query}", "https://shop.example:81/old/x%20y?a=1&b"),
        ("https://example.com{path}", "https://example.com/old/x%20y"),
        ("/none/{unknown}/x", "/none//x"),
    ] {
        if !expected.is_empty() {
            assert_eq!(fill(template, "/old/x%20y", Some("a=1&b")), expected, "{template}");
        }
    }
}

#[test]
fn an_empty_query_takes_its_mark_along() {
    assert_eq!(fill("/x?{query}", "/", None), "/x");
    assert_eq!(fill("/x?a=1&{query}", "/", Some("")), "/x?a=1");
}

#[test]
fn no_request_leads_to_another_host() {
    assert_eq!(fill("/{rest}", "/", None), "/evil.com/%5Cx");
    assert_eq!(fill("/{path}", "//evil.com", None), "/evil.com");
    assert_eq!(fill("/{path}", "/\\evil.com", None), "/evil.com");
    for template in
        ["https://{slug}", "https://a.{slug}/", "https://example.com{rest}", "//evil.com", "{slug}", "ftp://x"]
    {
        assert!(Template::parse(template).is_err(), "{template}");
    }
}

#[test]
fn wrong_templates_are_refused() {
    for template in ["", "x", "/{", "/}", "/{a", "/{a-b}", "/{}", "/{query}", "/{host}", "/?{path}", "/a b", "/a\\b"] {
        assert!(Template::parse(template).is_err(), "{template}");
    }
}

proptest! {
    #[test]
    fn whatever_is_filled_in_is_a_uri_on_this_host(rest in "\\PC*", segment in "\\PC*") {
        let params = vec![
            Param { name: "rest".into(), value: rest, kind: ParamKind::Rest },
            Param { name: "segment".into(), value: segment, kind: ParamKind::Segment },
        ];
        let values = Values { params: &params, path: "/", query: None, host: "h" };
        let target = Template::parse("/{rest}/{segment}?q={rest}").unwrap().fill(&values);
        prop_assert!(!target.starts_with("//") && target.starts_with('/'));
        prop_assert!(target.parse::<http::Uri>().is_ok(), "{target}");
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        if let Ok(template) = Template::parse(&text) {
            prop_assert!(template.names().count() <= text.len());
        }
    }
}
