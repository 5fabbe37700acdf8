use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;

use super::*;

fn route(line: &str) -> Conditions {
    // `GET,POST /path header:x-a=1 query:q=2`
    let mut words = line.split(' ');
    let methods = words.next().unwrap();
    let methods = methods.split(',').filter(|m| *m != "-").map(|m| m.parse().unwrap()).collect();
    let path = PathPattern::parse(words.next().unwrap()).unwrap();
    let mut conditions = Conditions { path, methods, headers: Vec::new(), query: Vec::new() };
    for word in words {
        let (kind, rest) = word.split_once(':').unwrap();
        let (name, value) = rest.split_once('=').unwrap();
        let value = match value {
            "*" => ValueCondition::Present,
            "!" => ValueCondition::Absent,
            text => text
                .strip_suffix('*')
                .map_or(ValueCondition::Equals(text.into()), |prefix| ValueCondition::Prefix(prefix.into())),
        };
        match kind {
            "header" => conditions.headers.push(HeaderCondition { name: name.parse().unwrap(), value }),
            _ => conditions.query.push(QueryCondition { name: name.into(), value }),
        }
    }
    conditions
}

fn table(routes: &[&str]) -> Table<()> {
    Table::new(routes.iter().map(|line| (route(line), ())))
}

/// `GET /path?query header=value`, and what comes of it: `index name=value...`, `404`, or `405 A,B`.
fn ask(table: &Table<()>, request: &str) -> String {
    let mut words = request.split(' ');
    let method: Method = words.next().unwrap().parse().unwrap();
    let target = words.next().unwrap();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let headers: HeaderMap = words
        .map(|word| word.split_once('=').unwrap())
        .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect();
    let path = match RequestPath::parse(path) {
        Ok(path) => path,
        Err(error) => return format!("{error:?}"),
    };
    match table.find(&Ask { method: &method, path: &path, query, headers: &headers }) {
        Ok(found) => {
            let params = found.params.iter().map(|param| format!(" {}={}", param.name, param.value));
            format!("{}{}", found.index, params.collect::<String>())
        }
        Err(Miss::NotFound) => "404".into(),
        Err(Miss::MethodNotAllowed(methods)) => {
            format!("405 {}", methods.iter().map(Method::as_str).collect::<Vec<_>>().join(","))
        }
    }
}

fn check(routes: &[&str], cases: &[(&str, &str)]) {
    let table = table(routes);
    for (request, expected) in cases {
        assert_eq!(ask(&table, request), *expected, "{request}");
    }
}

#[test]
fn exact_before_parameter_before_wildcard_and_deeper_first() {
    check(
        &["- /*all", "- /products/*", "- /products/:slug", "- /products/new", "- /products/new/*rest", "- /a/:x/c"],
        &[
            ("GET /", "0 all="),
            ("GET /x/y", "0 all=x/y"),
            ("GET /products", "1"),
            ("GET /products/", "1"),
            ("GET /products/shoe", "2 slug=shoe"),
            ("GET /products/new", "3"),
            ("GET /products/new/", "4 rest="),
            ("GET /products/new/a/b", "4 rest=a/b"),
            ("GET /products/shoe/size", "1"),
            ("GET /a/b/c", "5 x=b"),
            ("GET /a/b/d", "0 all=a/b/d"),
            ("OPTIONS *", "0 all=*"),
        ],
    );
}

#[test]
fn more_conditions_before_fewer_then_the_order_of_the_file() {
    check(
        &[
            "- /p",
            "GET /p",
            "GET /p header:x-beta=1",
            "GET /p header:x-beta=1 query:v=2*",
            "- /p header:x-old=*",
            "- /p header:x-old=*",
        ],
        &[
            ("POST /p", "0"),
            ("GET /p", "1"),
            ("HEAD /p", "1"),
            ("GET /p x-beta=1", "2"),
            ("GET /p?v=21 x-beta=1", "3"),
            ("GET /p?v=3 x-beta=1", "2"),
            ("GET /p?a&v=%32%20+ x-beta=1", "3"),
            ("POST /p x-old=", "4"),
        ],
    );
}

#[test]
fn a_path_without_its_method_is_405_and_falls_through_to_what_takes_it() {
    check(
        &["GET /a", "PUT,POST /a", "GET /b/:x", "- /b/*", "DELETE /a header:x-admin=*", "GET /c query:q=!"],
        &[
            ("PATCH /a", "405 GET,HEAD,PUT,POST"),
            ("PATCH /a x-admin=1", "405 DELETE,GET,HEAD,PUT,POST"),
            ("POST /b/1", "3"),
            ("GET /c?q=1", "404"),
            ("GET /c", "5"),
            ("GET /nowhere", "404"),
        ],
    );
}

#[test]
fn paths_are_compared_in_their_normal_form() {
    check(
        &["- /a/b", "- /admin/*", "- /files/:name", "- /caf%C3%A9", "- /a"],
        &[
            ("GET /a/./b", "0"),
            ("GET /x/../a//b", "0"),
            ("GET /x/%2e%2E/a/b", "0"),
            ("GET /%61/b", "0"),
            ("GET /a/", "404"),
            ("GET /public/../admin/x", "1"),
            ("GET //admin/x", "1"),
            ("GET /../a", "AboveRoot"),
            ("GET /a/%2e%2e/../b", "AboveRoot"),
            ("GET /files/a%2Fb", "2 name=a/b"),
            ("GET /files/a%2f..%2fadmin", "Hidden"),
            ("GET /files/..%5cadmin", "Hidden"),
            ("GET /files/a%00", "Hidden"),
            ("GET /files/a\\..\\..\\admin", "Hidden"),
            ("GET /files\\..\\admin", "Hidden"),
            ("GET /files/..;/admin", "Hidden"),
            ("GET /files/%2e.;a=b/admin", "Hidden"),
            ("GET /files/a%2f..;x", "Hidden"),
            ("GET /files/..%3bx%2fadmin", "Hidden"),
            ("GET /files/...;a", "2 name=...;a"),
            ("GET /files/a;jsessionid=0.1", "2 name=a;jsessionid=0.1"),
            ("GET /files/;v=..", "2 name=;v=.."),
            ("GET /files/100%", "2 name=100%"),
            ("GET /caf%c3%a9", "3"),
            ("GET /a/b/..", "404"),
            ("GET /files/", "404"),
        ],
    );
}

#[test]
fn dot_segments_are_resolved_for_the_upstream_too_and_nothing_else_is() {
    let forward = |path| RequestPath::parse(path).unwrap().forward().map(str::to_owned);
    assert_eq!(forward("/a//b/%7e"), None);
    assert_eq!(forward("/a/../b%20c/./d"), Some("/b%20c/d".into()));
    assert_eq!(forward("/a/b/.."), Some("/a/".into()));
    assert_eq!(forward("/."), Some("/".into()));
}

#[test]
fn it_says_why_the_others_missed() {
    let table = table(&["- /a", "GET /a/:x header:x-a=1", "POST /a/:x", "- /a/*", "GET /a/:x query:q=1", "GET /a/:x"]);
    let path = RequestPath::parse("/a/b").unwrap();
    let ask = Ask { method: &Method::GET, path: &path, query: None, headers: &HeaderMap::new() };
    let taken = table.find(&ask).unwrap().index;
    assert_eq!(taken, 5);
    let missed = table.explain(&ask, Some(taken));
    let told: Vec<_> = missed.iter().map(|missed| (missed.route, missed.why.describe())).collect();
    let expected = [(1, "header x-a"), (4, "query q"), (2, "method"), (3, "outranked"), (0, "path")];
    assert_eq!(told, expected.map(|(route, why)| (route, why.to_owned())));
}

#[test]
fn what_is_said_is_bounded() {
    let lines: Vec<_> = (0..100).map(|n| format!("- /r{n}")).collect();
    let table = table(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let path = RequestPath::parse("/none").unwrap();
    let ask = Ask { method: &Method::GET, path: &path, query: None, headers: &HeaderMap::new() };
    assert_eq!(table.explain(&ask, None).len(), 16);
}

#[test]
fn wrong_paths_are_refused_with_a_hint() {
    for (text, what) in [
        ("a", "begins with"),
        ("/a/*/b", "only at the end"),
        ("/a*", "whole segment"),
        ("/:", "needs a name"),
        ("/:a/:a", "named twice"),
        ("/:path", "reserved"),
        ("/a/../b", "never match"),
        ("/a//b", "empty segment"),
        ("/a?b", "no query"),
        ("/:a-b", "not a parameter name"),
    ] {
        let error = PathPattern::parse(text).unwrap_err();
        assert!(error.what.contains(what), "{text}: {error}");
    }
}

#[test]
fn hosts_exact_before_longest_wildcard_before_any() {
    let patterns = ["*", "*.example.com", "*.a.example.com", "www.example.com", "[::1]", "127.0.0.1"];
    let hosts = Hosts::new(patterns.iter().map(|text| (HostPattern::parse(text).unwrap(), *text)));
    for (host, expected) in [
        ("www.example.com", "www.example.com"),
        ("WWW.Example.com.", "www.example.com"),
        ("x.example.com", "*.example.com"),
        ("x.y.example.com", "*.example.com"),
        ("x.a.example.com", "*.a.example.com"),
        ("a.example.com", "*.example.com"),
        ("example.com", "*"),
        ("[::1]", "[::1]"),
        ("127.0.0.1", "127.0.0.1"),
        ("", "*"),
    ] {
        assert_eq!(hosts.find(host), Some(&expected), "{host}");
        assert!(HostPattern::parse(expected).unwrap().matches(host));
    }
}

#[test]
fn wrong_hosts_are_refused_with_a_hint() {
    for text in ["", "http://a", "a:80", "a..b", "a.*", "*a.com", "bücher.de", "[::1", "[x]", "*.[::1]", "a b"] {
        assert!(HostPattern::parse(text).is_err(), "{text}");
    }
}

fn pattern() -> impl Strategy<Value = String> {
    let segment = prop_oneof!["[abc]", Just(":x".to_owned()), Just(":y".to_owned())];
    (proptest::collection::vec(segment, 0..4), any::<bool>()).prop_map(|(segments, tail)| {
        let mut seen = Vec::new();
        let mut text = String::new();
        for segment in segments {
            let segment = if seen.contains(&segment) { "c".to_owned() } else { segment };
            text += &format!("/{segment}");
            seen.push(segment);
        }
        if tail || text.is_empty() { text + "/*" } else { text }
    })
}

proptest! {
    #[test]
    fn the_table_finds_what_looking_at_every_route_finds(
        patterns in proptest::collection::vec(pattern(), 1..12),
        path in "(/[abc]{0,1}){1,4}",
    ) {
        let table = Table::new(patterns.iter().map(|text| {
            let path = PathPattern::parse(text).unwrap();
            (Conditions { path, methods: Vec::new(), headers: Vec::new(), query: Vec::new() }, ())
        }));
        let request = RequestPath::parse(&path).unwrap();
        let headers = HeaderMap::new();
        let ask = Ask { method: &Method::GET, path: &request, query: None, headers: &headers };
        let fits = patterns.iter().any(|text| PathPattern::parse(text).unwrap().matches(&request));
        match table.find(&ask) {
            Ok(found) => prop_assert!(found.conditions.path.matches(&request)),
            Err(_) => prop_assert!(!fits),
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC*") {
        for read in [HostPattern::parse(&text).is_ok(), PathPattern::parse(&text).is_ok()] {
            prop_assert!(!read || !text.is_empty());
        }
        if let Ok(path) = RequestPath::parse(&text)
            && let Some(forward) = path.forward()
        {
            // Resolving is idempotent: the upstream's path leads to the same route.
            prop_assert_eq!(&RequestPath::parse(forward).unwrap().segments, &path.segments);
        }
    }
}
