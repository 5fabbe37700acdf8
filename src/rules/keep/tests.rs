use super::*;

const FACTS: Facts<'static> = Facts {
    status: 503,
    duration: 1_500_000_000,
    first_byte: Some(200_000_000),
    bytes: 4_096,
    error: "connection_timeout",
    route: "/checkout",
    method: "POST",
};

#[test]
fn rules_hold_or_not() {
    for (rule, kept) in [
        ("status>=500", true),
        ("status > 503", false),
        ("status=503", true),
        ("status<500", false),
        ("status<=503", true),
        ("duration>1s", true),
        ("duration>1.5s", false),
        ("duration>=1500ms", true),
        ("duration>2m", false),
        ("ttfb>=200000us", true),
        ("bytes>4_000", true),
        ("error=*", true),
        ("error=connection_timeout", true),
        ("error=dns_error", false),
        ("route=/checkout, method=POST", true),
        ("route=/checkout and method=GET", false),
        ("status>=500 and duration>1s, route=/checkout", true),
    ] {
        assert_eq!(Keep::parse(rule).unwrap().keeps(&FACTS), kept, "{rule}");
    }
}

#[test]
fn what_was_not_reached_satisfies_nothing() {
    let facts = Facts { first_byte: None, error: "", ..FACTS };
    for rule in ["ttfb>0ms", "ttfb<1s", "error=*"] {
        assert!(!Keep::parse(rule).unwrap().keeps(&facts), "{rule}");
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    for (rule, what) in [
        ("", "a condition is missing"),
        ("status>=500,", "a condition is missing"),
        ("status", "`status` compares nothing"),
        ("status>=", "`` in `status>=` cannot be read"),
        ("status>=many", "`many` in `status>=many` cannot be read"),
        ("duration>1", "`1` in `duration>1` cannot be read"),
        ("duration>-1s", "`-1s` in `duration>-1s` cannot be read"),
        ("duration>1h", "`1h` in `duration>1h` cannot be read"),
        ("route>5", "a text in `route>5` is no number"),
        ("method=", "`method=` is compared with nothing"),
        ("colour=red", "`colour` is nothing that a rule looks at"),
    ] {
        let error = Keep::parse(rule).unwrap_err();
        assert_eq!(error.what, what);
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(rule in "\\PC{0,64}") {
        drop(Keep::parse(&rule));
    }
}
