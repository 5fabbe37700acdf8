use proptest::prelude::*;

use super::*;

/// Types and payloads of an envelope's items.
fn items(octets: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let envelope = Envelope::parse(octets)?;
    Some(envelope.items.iter().map(|item| (item.kind().to_owned(), item.payload.to_vec())).collect())
}

fn expect(kind: &str, payload: &[u8]) -> (String, Vec<u8>) {
    (kind.to_owned(), payload.to_vec())
}

#[test]
fn the_head_is_read() {
    let head = Head::parse(
        br#"{"event_id":"9ec79c33ec9942ab8353589fcb2e04dc","dsn":"https://k@h/1","sdk":{"name":"sentry.javascript.browser","version":"11.12.0"},"x":[1]}"#,
    );
    let sdk = Sdk { name: Some("sentry.javascript.browser".to_owned()), version: Some("11.12.0".to_owned()) };
    assert_eq!(head, Some(Head { dsn: Some("https://k@h/1".to_owned()), sdk }));
    assert_eq!(Head::parse(b"{}"), Some(Head::default()));
    assert_eq!(Head::parse(br#"{"dsn":7,"sdk":"x"}"#), Some(Head::default()));
    for bad in [&b""[..], b"[]", b"null", b"{", b"\"{}\"", b"\xff", b"{}{}"] {
        assert_eq!(Head::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn items_are_read_with_and_without_a_length() {
    let all = [expect("event", b"{}"), expect("attachment", b"\xEF\xBB\r\nHello\n"), expect("later", b"\r")];
    let text = b"{}\n{\"type\":\"event\"}\n{}\n{\"type\":\"attachment\",\"length\":10}\n\xEF\xBB\r\nHello\n\n{\"type\":\"later\"}\n\r\n";
    assert_eq!(items(text).unwrap(), all);
    // The last newline may be missing, in both ways.
    assert_eq!(items(&text[..text.len() - 1]).unwrap(), all);
    assert_eq!(items(b"{}\n{\"type\":\"a\",\"length\":2}\nab").unwrap(), [expect("a", b"ab")]);
    assert_eq!(
        items(b"{}\n{\"type\":\"a\",\"length\":0}\n\n{\"type\":\"b\"}").unwrap(),
        [expect("a", b""), expect("b", b"")]
    );
    assert_eq!(items(b"{}\n{}\nx").unwrap(), [expect("", b"x")]);
    for empty in [&b"{}"[..], b"{}\n", b"{}\n\n\n"] {
        assert_eq!(items(empty).unwrap(), []);
    }
}

#[test]
fn what_is_cut_off_or_none_is_refused() {
    for bad in [
        &b""[..],
        b"\n{}",
        b"{}\n{\"length\":3}\nab",
        b"{}\n{\"length\":3}",
        b"{}\n{\"length\":1}\nab\n",
        b"{}\n{\"length\":-1}\na",
        b"{}\n{\"length\":1.0}\na",
        b"{}\n{\"length\":1e1}\na",
        b"{}\n{\"length\":\"1\"}\na",
        b"{}\n{\"length\":99999999999999999999}\na",
        b"{}\nx\ny",
    ] {
        assert_eq!(items(bad), None, "{}", bad.escape_ascii());
    }
    let many = |count| [&b"{}\n"[..], &b"{}\n\n".repeat(count)].concat();
    assert_eq!(items(&many(ITEMS_MAX)).unwrap().len(), ITEMS_MAX);
    assert_eq!(items(&many(ITEMS_MAX + 1)), None);
}

proptest! {
    #[test]
    fn what_is_written_is_read(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6)) {
        let mut text = b"{\"dsn\":\"x\"}".to_vec();
        for payload in &payloads {
            text.extend(format!("\n{{\"type\":\"t\",\"length\":{}}}\n", payload.len()).bytes());
            text.extend(payload);
        }
        let read: Vec<_> = items(&text).unwrap().into_iter().map(|(_, payload)| payload).collect();
        prop_assert_eq!(read, payloads);
    }

    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = items(&octets);
    }
}
