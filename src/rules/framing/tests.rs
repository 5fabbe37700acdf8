use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds { head_bytes_max: 400, fields_max: 5, target_bytes_max: 100 };

fn scan(octets: &[u8]) -> (Scan, u64) {
    let mut scanner = Scanner::new(BOUNDS);
    (scanner.scan(octets), scanner.heads())
}

/// As [`scan`], but the octets come in pieces that end at `cuts`.
fn scan_pieces(octets: &[u8], cuts: &[usize]) -> (Scan, u64) {
    let mut scanner = Scanner::new(BOUNDS);
    let mut passed = 0;
    let mut scan = Scan { passed: 0, rest: Rest::Partial };
    for &cut in cuts.iter().chain([&octets.len()]) {
        scan = scanner.scan(&octets[passed..cut]);
        passed += scan.passed;
    }
    (Scan { passed, ..scan }, scanner.heads())
}

fn check(octets: &str, heads: u64, rest: Rest) -> usize {
    let octets = octets.as_bytes();
    let whole = scan(octets);
    assert_eq!((whole.1, whole.0.rest), (heads, rest), "{:?}", String::from_utf8_lossy(octets));
    for cut in 0..=octets.len() {
        assert_eq!(scan_pieces(octets, &[cut]), whole, "cut at {cut}");
    }
    let every: Vec<usize> = (0..=octets.len()).collect();
    assert_eq!(scan_pieces(octets, &every), whole, "octet by octet");
    whole.0.passed
}

#[track_caller]
fn accepted(octets: &str, heads: u64) {
    assert_eq!(check(octets, heads, Rest::Partial), octets.len());
}

#[track_caller]
fn refused(octets: &str, heads: u64, status: u16) {
    let (Scan { rest, .. }, _) = scan(octets.as_bytes());
    let Rest::Refused(fault) = rest else { panic!("accepted: {octets:?}") };
    assert_eq!(fault.status.as_u16(), status, "{}", fault.reason);
    check(octets, heads, rest);
}

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

fn post(body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

#[test]
fn requests_follow_one_another() {
    accepted(&get(""), 1);
    accepted(&format!("{}{}", get("Content-Length: 5\r\n") + "hello", get("")), 2);
    accepted(&format!("{}\r\n\r\n{}", get("content-length:\t5 \r\n") + "hello", get("")), 2);
    accepted(&format!("{}{}", post("5\r\nhello\r\n0;last=\"1\"\r\nX: y\r\n\r\n"), get("")), 2);
    accepted(&format!("{}{}", post("0\r\n\r\n"), get("")), 2);
    accepted("GET http://a:80/b?c HTTP/1.1\r\nhost: A:80\r\n\r\n", 1);
    accepted("OPTIONS * HTTP/1.0\r\n\r\n", 1);
}

#[test]
fn what_follows_a_request_to_change_protocols_waits_for_the_answer() {
    let octets = get("Upgrade: websocket\r\n") + "frames";
    assert_eq!(check(&octets, 1, Rest::Undecided), octets.len() - "frames".len());
    let mut scanner = Scanner::new(BOUNDS);
    let passed = scanner.scan(octets.as_bytes()).passed;
    scanner.open();
    assert_eq!(scanner.scan(&octets.as_bytes()[passed..]).passed, "frames".len());
    assert_eq!(scanner.place(), Place::Open);

    let mut scanner = Scanner::new(BOUNDS);
    let _ = scanner.scan(octets.as_bytes());
    scanner.decline();
    assert_eq!(scanner.place(), Place::Head);
}

#[test]
fn two_framings_are_refused() {
    refused(&get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 0, 400);
    refused(&get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 0, 400);
    refused(&get("Content-Length: 5\r\nContent-Length: 5\r\n"), 0, 400);
    refused(&get("Content-Length: 5\r\nContent-Length: 6\r\n"), 0, 400);
    refused(&get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 0, 400);
    refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 400);
}

#[test]
fn malformed_framings_are_refused() {
    for value in ["", "+5", "-5", "5, 5", "0x5", "5 5", "9999999999999999999", "five"] {
        refused(&get(&format!("Content-Length: {value}\r\n")), 0, 400);
    }
    for value in ["", "identity", "chunked, gzip", "xchunked", "chunked;a=b", "\"chunked\""] {
        refused(&get(&format!("Transfer-Encoding: {value}\r\n")), 0, 400);
    }
    refused(&get("Transfer-Encoding: gzip, chunked\r\n"), 0, 501);
    for body in
        ["x", "\r\n", ";a\r\n", "5 \r\n", "5\n", "5\r\nhellox", "5\r\nhello\n", "0\r\nX : y\r\n\r\n", "1;\n", "1;\rx"]
    {
        refused(&post(body), 1, 400);
    }
    refused(&post("fffffffffffffffff\r\n"), 1, 400);
    refused(&post("0\r\nContent-Length: 5\r\n\r\n"), 1, 400);
}

#[test]
fn malformed_lines_are_refused() {
    for fields in [
        "X : y\r\n",
        "X: y\r\n z\r\n",
        " X: y\r\n",
        "X: a\rb\r\n",
        "X: y\n",
        "X: \0\r\n",
        "X\r\n",
        ": y\r\n",
        "X(: y\r\n",
        "X: \x7f\r\n",
    ] {
        refused(&get(fields), 0, 400);
    }
    for line in [
        "GET /\r\n",
        "GET  / HTTP/1.1\r\n",
        "GET / HTTP/1.1 \r\n",
        "G(T / HTTP/1.1\r\n",
        " GET / HTTP/1.1\r\n",
        "GET /# HTTP/1.1\r\n",
        "GET a HTTP/1.1\r\n",
        "GET * HTTP/1.1\r\n",
        "GET ftp://a/ HTTP/1.1\r\n",
        "GET http://u@a/ HTTP/1.1\r\n",
        "GET / HTTP/1.1\n",
        "\n",
    ] {
        refused(&format!("{line}Host: a\r\n\r\n"), 0, 400);
    }
    refused("GET / HTTP/2.0\r\n\r\n", 0, 505);
    refused("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 0, 501);
}

#[test]
fn hosts_are_one_and_valid() {
    refused("GET / HTTP/1.1\r\n\r\n", 0, 400);
    refused(&get("Host: a\r\n"), 0, 400);
    refused("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 0, 400);
    for host in ["", "a b", "a@b", "a/b", "a:b", "[::1", "a,b"] {
        refused(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), 0, 400);
    }
}

#[test]
fn what_is_over_a_bound_is_refused() {
    refused(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(100)), 0, 414);
    refused(&format!("GET /{}", "a".repeat(500)), 0, 414);
    refused(&get(&format!("X: {}\r\n", "a".repeat(400))), 0, 431);
    refused(&get(&"X: y\r\n".repeat(5)), 0, 431);
}

#[test]
fn an_earlier_request_is_passed_on_before_a_refusal() {
    let octets = get("") + &get("Host: b\r\n");
    let (Scan { passed, rest }, heads) = scan(octets.as_bytes());
    assert_eq!((passed, heads), (get("").len(), 1));
    assert!(matches!(rest, Rest::Refused(_)));
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(get("")),
        Just(get("Content-Length: 3\r\n") + "abc"),
        Just(post("3\r\nabc\r\n0\r\n\r\n")),
        Just("\r\n".to_owned()),
        "[ -~\r\n\0]{0,20}",
    ]
}

proptest! {
    #[test]
    fn pieces_change_nothing(pieces in prop::collection::vec(piece(), 0..6), cuts in prop::collection::vec(0usize..600, 0..8)) {
        let octets = pieces.concat();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(octets.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(scan_pieces(octets.as_bytes(), &cuts), scan(octets.as_bytes()));
    }

    #[test]
    fn nothing_panics(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = scan(&octets);
    }
}
