use proptest::prelude::*;

use super::*;

fn query(text: &str) -> Result<Query, Problem> {
    Query::parse(&format!("/x?{text}").parse().unwrap(), &["q", "limit", "before", "session", "from", "traced"])
}

#[test]
fn parameters_are_read_strictly() {
    let read = query("q=a+b%26c&limit=10&session=").unwrap();
    assert_eq!(read.text("q"), Some("a b&c"));
    assert_eq!(read.number("limit", 1_usize..=500).unwrap(), Some(10));
    assert_eq!(read.text("session"), None);
    for bad in ["w=1", "q=1&q=2", "q=%ff", "%71%ff=1"] {
        assert!(query(bad).is_err(), "{bad}");
    }
    for (text, name) in [("limit=0", "limit"), ("limit=501", "limit"), ("limit=1e2", "limit"), ("limit=-1", "limit")] {
        assert!(query(text).unwrap().number(name, 1_usize..=500).is_err(), "{text}");
    }
    assert!(query("session=ABC").unwrap().id("session").is_err());
    assert!(query("from=99999999999999999999").unwrap().moment("from").is_err());
    assert!(query("traced=2").unwrap().word("traced", &[("1", ())]).is_err());
}

proptest! {
    #[test]
    fn a_cursor_leads_back_and_nothing_else_passes(start in any::<u64>(), id in any::<u128>(), text in "[A-Za-z0-9_%+=-]{1,64}") {
        let place = Cursor { start, id };
        prop_assert_eq!(query(&format!("before={place}")).unwrap().cursor("before").unwrap(), Some(place));
        if let Ok(read) = query(&format!("before={text}")) {
            // A cursor has 24 octets, and one spelling.
            if let Ok(Some(place)) = read.cursor("before") {
                prop_assert_eq!(place.to_string(), read.text("before").unwrap());
            }
        }
    }
}
