//! The search grammar: what is found, and what is refused where.

use proptest::prelude::*;

use super::*;

struct Sample {
    texts: Vec<(TextField, &'static str)>,
    status: u16,
    attributes: Vec<(&'static str, &'static str)>,
}

impl Record for Sample {
    fn text(&self, field: TextField) -> &str {
        self.texts.iter().find(|(name, _)| *name == field).map_or("", |(_, text)| text)
    }

    fn number(&self, field: NumberField) -> Option<u64> {
        match field {
            NumberField::Duration => Some(60_000_000),
            NumberField::FirstByte => None,
            NumberField::Bytes => Some(2_048),
        }
    }

    fn id(&self, field: IdField) -> Option<u128> {
        (field == IdField::Request).then_some(0x3f2a_0000_0000_0000_0000_0000_0000_00ff)
    }

    fn status(&self) -> u16 {
        self.status
    }

    fn failed(&self) -> bool {
        self.status == 0 || self.status >= 500
    }

    fn any_attribute(&self, name: Option<&str>, like: &mut dyn FnMut(&str) -> bool) -> bool {
        self.attributes.iter().any(|(key, text)| name.is_none_or(|name| name == *key) && like(text))
    }
}

fn sample() -> Sample {
    Sample {
        texts: vec![
            (TextField::Method, "POST"),
            (TextField::Host, "shop.example"),
            (TextField::Path, "/api/Checkout/straße"),
            (TextField::Route, "/api/*"),
            (TextField::Upstream, "app"),
            (TextField::Cache, "miss"),
        ],
        status: 503,
        attributes: vec![("svc", "redis"), ("db.system", "postgresql 16")],
    }
}

#[track_caller]
fn check(text: &str, expected: bool) {
    let find = Find::parse(text).unwrap_or_else(|error| panic!("`{text}`: {error}"));
    assert_eq!(find.matches(&sample()), expected, "`{text}`: {find:?}");
}

#[test]
fn what_is_found() {
    for found in [
        "",
        "   ",
        "checkout",
        "CHECKOUT SHOP",
        "STRAßE",
        "\"api/checkout\"",
        "method:post",
        "METHOD:POST",
        "host:shop",
        "host:*.example",
        "path:/api/*",
        "path:*checkout*",
        "path:/a*c*e",
        "route:\"/api/*\"",
        "upstream:app",
        "cache:miss",
        "-cache:hit",
        "-error:*",
        "-person:*",
        "status:503",
        "status:5xx",
        "status:5XX",
        "status:error",
        "status:>=400",
        "status>=400",
        "status=503",
        "-status:4xx",
        ">50ms",
        "<2s",
        ">=60ms",
        "<=0.06s",
        "duration>59.9ms",
        "duration:>50ms",
        "-ttfb>100ms",
        "-ttfb<100ms",
        "bytes>1KiB",
        "bytes=2048",
        "bytes<=2.048kB",
        "id:3f2a",
        "id:3F2A-0000",
        "-trace:3f",
        "svc:redis",
        "db.system:postgres",
        "db.system:\"postgresql 16\"",
        "postgresql",
        "-db.system:mysql",
        "redis checkout >50ms status:5xx",
    ] {
        check(found, true);
    }
    for missed in [
        "basket",
        "checkout basket",
        "-checkout",
        "method:pos",
        "host:example.*",
        "path:/apis",
        "path:checkout*",
        "route:\"/api/x\"",
        "cache:mis",
        "error:*",
        "status:500",
        "status:4xx",
        "status<500",
        ">60ms",
        "ttfb>1ms",
        "ttfb<1h",
        "bytes>1MiB",
        "id:3f2b",
        "trace:0",
        "svc:redis2",
        "unknown:x",
        "a=b",
        "-",
    ] {
        check(missed, false);
    }
}

#[test]
fn what_is_refused_and_where() {
    for (text, at, message) in [
        ("a \"open", 2, "never closed"),
        ("\"a\"b", 3, "a space must follow"),
        ("\"\"", 0, "nothing stands"),
        ("x status:", 9, "needs a value"),
        ("status:abc", 7, "is no status"),
        ("status:6xx", 7, "is no status"),
        ("status:>=4", 7, "is no status"),
        ("status>x", 7, "three digits"),
        (">50", 1, "is no amount"),
        (">", 1, "is no amount"),
        ("<1parsec", 1, "is no amount"),
        ("ttfb>1.2.3s", 5, "is no amount"),
        ("ttfb:100ms", 5, "write `ttfb>`"),
        ("bytes>1ms", 6, "is no amount"),
        ("foo>3", 0, "cannot be compared"),
        ("id:xyz", 3, "an id begins"),
        ("id:000000000000000000000000000000000", 3, "an id begins"),
    ] {
        let error = Find::parse(text).unwrap_err();
        assert!(error.message.contains(message), "`{text}`: {error}");
        assert_eq!(error.at, at, "`{text}`: {error}");
    }
    let many = "a ".repeat(TERMS_MAX + 1);
    assert!(Find::parse(&many).unwrap_err().to_string().contains("at most 32 terms"));
    let long = "a".repeat(FIND_BYTES_MAX + 1);
    assert!(Find::parse(&long).unwrap_err().to_string().contains("at most 2048 octets"));
}

#[test]
fn stars_cover_and_do_not_overlap() {
    for (pattern, text, like) in [
        ("ab*ba", "aba", false),
        ("ab*ba", "abba", true),
        ("*", "x", true),
        ("*", "", false),
        ("**", "x", true),
        ("a*", "a", true),
        ("*b*c", "abcbc", true),
        ("a*b*c", "acb", false),
    ] {
        let condition = Find::parse(&format!("path:{pattern}")).unwrap();
        let record = Sample { texts: vec![(TextField::Path, text)], status: 200, attributes: Vec::new() };
        assert_eq!(condition.matches(&record), like, "{pattern} {text}");
    }
}

#[test]
fn letters_of_an_address_are_found_as_people_read_them() {
    let path = "/shop/caf%C3%A9/\u{30c6}.html";
    let record = Sample { texts: vec![(TextField::Path, path)], status: 200, attributes: Vec::new() };
    for found in ["café", "path:café", "path:/shop/café*", "\"café/\"", "caf%c3%a9", "テ", "-tea", "-thé"] {
        assert!(Find::parse(found).unwrap().matches(&record), "{found}");
    }
    for missed in ["-café", "cafe", "thé", "path:/café*"] {
        assert!(!Find::parse(missed).unwrap().matches(&record), "{missed}");
    }
}

/// How a pattern with stars is meant, written as one would explain it.
fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|skipped| like(rest, &text[skipped..])),
        Some((first, rest)) => text.split_first().is_some_and(|(c, text)| c == first && like(rest, text)),
    }
}

proptest! {
    #[test]
    fn anything_is_read_or_refused(text in "\\PC{0,64}") {
        match Find::parse(&text) {
            Ok(find) => {
                find.matches(&sample());
            }
            Err(error) => prop_assert!(error.at <= text.len() && text.is_char_boundary(error.at), "{error}"),
        }
    }

    #[test]
    fn stars_mean_any_characters(pattern in "[ab*]{1,6}", text in "[ab]{1,8}") {
        let stars = pattern.contains('*');
        let expected = if stars {
            like(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
        } else {
            text.contains(&pattern)
        };
        let place = pattern::Place::Somewhere;
        prop_assert_eq!(Pattern::new(&pattern, place).is_like(&text), expected);
    }

    #[test]
    fn not_is_the_opposite(word in "[a-z]{1,3}") {
        let (is, is_not) = (Find::parse(&word).unwrap(), Find::parse(&format!("-{word}")).unwrap());
        prop_assert_ne!(is.matches(&sample()), is_not.matches(&sample()));
    }
}
