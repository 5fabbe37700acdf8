use opentelemetry_proto::tonic::trace::v1::Span;

use super::*;

fn decoded(attributes: &Attributes) -> Vec<(String, String)> {
    let span = Span::decode(attributes.octets()).unwrap();
    let shown = |key: &str| attributes.shown(key).unwrap();
    span.attributes.iter().map(|attribute| (attribute.key.clone(), shown(&attribute.key))).collect()
}

#[test]
fn a_later_value_replaces_an_earlier_one() {
    let mut attributes = Attributes::default();
    attributes.set("server.port", 80_i64);
    attributes.set("http.request.method", "GET");
    attributes.set("server.port", 8080_i64);
    let expect = [("http.request.method", "GET"), ("server.port", "8080")];
    assert_eq!(decoded(&attributes), expect.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(attributes.text("http.request.method"), Some("GET"));
    assert_eq!(attributes.text("server.port"), None);
}

#[test]
fn many_are_set_as_if_one_by_one() {
    let mut known = Attributes::default();
    known.set("server.address", "127.0.0.1");
    known.set("server.port", 8080_i64);
    let mut attributes = Attributes::default();
    attributes.set("http.request.method", "GET");
    attributes.set_all(&known);
    attributes.set("server.port", 9090_i64);
    attributes.set_all(&known);
    let expect = [("http.request.method", "GET"), ("server.address", "127.0.0.1"), ("server.port", "8080")];
    assert_eq!(decoded(&attributes), expect.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let mut full = Attributes::default();
    (0..127).for_each(|number: i64| full.set(&number.to_string(), number));
    full.set_all(&known);
    assert_eq!((full.dropped(), full.text("server.address")), (1, Some("127.0.0.1")));
}

#[test]
fn keys_that_share_a_mark_are_two() {
    let mut attributes = Attributes::default();
    let keys: Vec<String> = (0..100).map(|number| format!("key {number}")).collect();
    keys.iter().for_each(|key| attributes.set(key, &**key));
    assert_eq!(decoded(&attributes).len(), 100);
    assert!(keys.iter().all(|key| attributes.text(key) == Some(key)));
}

#[test]
fn the_keys_of_a_usual_request_share_no_mark() {
    let server = "waylight.stage waylight.trigger waylight.request_id session.id http.request.method url.scheme url.path url.query \
                  server.address server.port client.address network.peer.address network.peer.port \
                  network.protocol.version user_agent.original tls.protocol.version tls.cipher tls.resumed http.route \
                  waylight.route.name http.response.body.size http.response.status_code waylight.upstream cache.status \
                  cache.explanation error.type";
    let client = "waylight.stage http.request.method server.address server.port waylight.upstream url.full \
                  network.protocol.name network.protocol.version http.request.resend_count network.peer.address \
                  network.peer.port waylight.upstream.connection_reused waylight.upstream.request_sent_us \
                  waylight.upstream.first_byte_us http.response.status_code http.response.body.size waylight.body.pieces \
                  waylight.body.upstream_us waylight.body.stall_us waylight.body.client_us error.type";
    for keys in [server, client] {
        let mut marks = 0;
        for key in keys.split_whitespace() {
            assert_eq!(marks & mark(key), 0, "{key}");
            marks |= mark(key);
        }
    }
}

#[test]
fn what_is_too_much_is_counted_and_known_keys_still_change() {
    let mut attributes = Attributes::default();
    (0..130).for_each(|number: i64| attributes.set(&number.to_string(), number));
    assert_eq!(attributes.dropped(), 2);
    attributes.set("7", "seven");
    assert_eq!((attributes.dropped(), attributes.shown("7").as_deref()), (2, Some("seven")));
}

#[test]
fn long_values_and_pieces_are_whole() {
    let mut attributes = Attributes::default();
    for length in [0, 1, 100, 119, 120, 127, 128, 129, 16_383, 16_384, 70_000] {
        let long = "x".repeat(length);
        attributes.set("long", &*long);
        assert_eq!(attributes.text("long"), Some(&*long));
        attributes.set("pieces", ["http://", &long, "?"]);
        assert_eq!(attributes.text("pieces"), Some(&*format!("http://{long}?")));
        attributes.set("after", true);
        assert_eq!(decoded(&attributes).len(), 3);
    }
}

#[test]
fn addresses_and_numbers_are_written_as_everywhere() {
    let mut attributes = Attributes::default();
    for address in ["0.0.0.0", "127.0.0.1", "255.10.100.99", "::1", "2001:db8::7"] {
        attributes.set("address", address.parse::<IpAddr>().unwrap());
        assert_eq!(attributes.text("address"), Some(address));
    }
    attributes.set("id", Hex([0x0a, 0xff]));
    assert_eq!(attributes.text("id"), Some("0aff"));
}

#[test]
fn what_is_hidden_keeps_its_key() {
    let mut attributes = Attributes::default();
    attributes.set("enduser.id", 7_i64);
    attributes.set("http.route", "/");
    attributes.hide(|key| key == "enduser.id", "REDACTED");
    assert_eq!(attributes.text("enduser.id"), Some("REDACTED"));
    assert_eq!(attributes.text("http.route"), Some("/"));
}
