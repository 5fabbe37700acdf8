use bytes::BytesMut;
use http::HeaderMap;
use proptest::prelude::*;

use super::{
    content::Part,
    request::{Head, Requests},
    *,
};

const BOUNDS: Bounds = Bounds { head_bytes_max: 400, fields_max: 5, target_bytes_max: 100 };

/// What of some octets is left when as much as possible was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// A request that is not complete, or nothing.
    Partial,
    /// What follows a request to change protocols.
    Undecided,
    /// What is refused.
    Refused(Fault),
}

/// What was read: heads, and everything that came with them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    heads: Vec<Head>,
    content: Vec<u8>,
    trailers: Vec<HeaderMap>,
}

/// How many octets were taken, what was read, and what of the rest.
type Scan = (usize, Read, Rest);

fn scan(octets: &[u8]) -> Scan {
    scan_pieces(octets, &[])
}

/// As [`scan`], but the octets come in pieces that end at `cuts`.
fn scan_pieces(octets: &[u8], cuts: &[usize]) -> Scan {
    let (mut requests, mut input, mut read) = (Requests::new(BOUNDS), BytesMut::new(), Read::default());
    let mut rest = Rest::Partial;
    let (mut arrived, mut refused) = (0, 0);
    for &cut in cuts.iter().chain([&octets.len()]) {
        input.extend_from_slice(&octets[arrived..cut]);
        arrived = cut;
        match take(&mut requests, &mut input, &mut read) {
            Ok(()) => rest = if requests.is_undecided() { Rest::Undecided } else { Rest::Partial },
            Err(fault) => {
                rest = Rest::Refused(fault);
                refused = octets.len() - arrived;
                break;
            }
        }
    }
    (octets.len() - refused - input.len(), read, rest)
}

fn take(requests: &mut Requests, input: &mut BytesMut, read: &mut Read) -> Result<(), Fault> {
    loop {
        let before = input.len();
        if requests.content().is_over() {
            read.heads.extend(requests.head(input)?);
        } else {
            match requests.part(input)? {
                Some(Part::Data(data)) => read.content.extend_from_slice(&data),
                Some(Part::Trailers(trailers)) => read.trailers.push(trailers),
                None => {}
            }
        }
        if input.len() == before {
            return Ok(());
        }
    }
}

fn check(octets: &str, heads: usize, rest: &Rest) -> usize {
    let octets = octets.as_bytes();
    let whole = scan(octets);
    assert_eq!((whole.1.heads.len(), &whole.2), (heads, rest), "{:?}", String::from_utf8_lossy(octets));
    for cut in 0..=octets.len() {
        assert_eq!(scan_pieces(octets, &[cut]), whole, "cut at {cut}");
    }
    let every: Vec<usize> = (0..=octets.len()).collect();
    assert_eq!(scan_pieces(octets, &every), whole, "octet by octet");
    whole.0
}

#[track_caller]
fn accepted(octets: &str, heads: usize) {
    assert_eq!(check(octets, heads, &Rest::Partial), octets.len());
}

#[track_caller]
fn refused(octets: &str, heads: usize, status: u16) {
    let (_, _, rest) = scan(octets.as_bytes());
    let Rest::Refused(fault) = &rest else { panic!("accepted: {octets:?}") };
    assert_eq!(fault.status.as_u16(), status, "{}", fault.reason);
    check(octets, heads, &rest);
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
    assert_eq!(check(&octets, 1, &Rest::Undecided), octets.len() - "frames".len());
    let mut requests = Requests::new(BOUNDS);
    let mut input = BytesMut::from(octets.as_str());
    assert!(requests.head(&mut input).unwrap().unwrap().wishes.upgrades);
    assert_eq!(&input[..], b"frames");
    assert_eq!(requests.head(&mut input), Ok(None));
    requests.decline();
    input.extend_from_slice(b"\r\n\r\n");
    assert!(requests.head(&mut input).is_err());
}

#[test]
fn a_head_says_what_its_client_wishes_of_the_connection() {
    let wishes = |octets: &str| scan(octets.as_bytes()).1.heads.remove(0).wishes;
    let usual = Wishes { persists: true, ..Wishes::default() };
    assert_eq!(wishes(&get("")), usual);
    assert_eq!(wishes(&get("Connection: a, Close\r\n")), Wishes::default());
    assert_eq!(wishes(&get("Connection: keep-alive, x\r\n")), usual);
    assert_eq!(
        wishes(&get("Expect: 100-Continue\r\nTE: trailers;q=1\r\n")),
        Wishes { expects: true, takes_trailers: true, ..usual }
    );
    let old = |fields: &str| wishes(&format!("GET / HTTP/1.0\r\nExpect: 100-continue\r\nUpgrade: x\r\n{fields}\r\n"));
    assert_eq!(old(""), Wishes::default());
    assert_eq!(old("Connection: Keep-Alive\r\n"), usual);
}

#[test]
fn a_head_is_handed_on_as_it_was_read() {
    let (_, mut read, _) = scan(b"OPTIONS /a?b HTTP/1.1\r\nHost: a\r\nX-Y:\t z \r\nx-y: \xff\r\n\r\n");
    let head = read.heads.remove(0);
    assert_eq!((head.method.as_str(), head.target.to_string().as_str()), ("OPTIONS", "/a?b"));
    let fields: Vec<(&str, &[u8])> =
        head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(fields, [("host", &b"a"[..]), ("x-y", b"z"), ("x-y", b"\xff")]);
    let (_, read, _) = scan(post("3\r\nabc\r\n0\r\nX: y\r\n\r\n").as_bytes());
    assert_eq!((&read.content[..], read.trailers[0]["x"].as_bytes()), (&b"abc"[..], &b"y"[..]));
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
    let (taken, read, rest) = scan(octets.as_bytes());
    assert_eq!((taken, read.heads.len()), (get("").len(), 1));
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
