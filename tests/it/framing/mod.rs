//! How requests are told apart: each case of `tests/cases/framing`, whole, cut in two at every octet, and octet by octet;
//! and that hyper sees the same requests in whatever is not refused.

mod origin;

use std::{cell::Cell, convert::Infallible, fs, path::Path, rc::Rc, time::Duration};

use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use waylight::rules::framing::{Bounds, Fault, request::Requests};

use crate::support::plain::{connect, on_paused_time};

#[derive(serde::Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    send: String,
    answers: Vec<u16>,
}

fn cases(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/framing").join(file);
    toml::from_str::<Cases>(&fs::read_to_string(path).unwrap()).unwrap().case
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Open,
    Closed,
}

/// The statuses that come back for `pieces`.
async fn answers(pieces: impl IntoIterator<Item = &[u8]>) -> (Vec<u16>, Ended) {
    let (mut io, _drainer) = connect();
    for piece in pieces {
        if io.write_all(piece).await.is_err() {
            break; // closed after a refusal
        }
        tokio::task::yield_now().await;
    }
    let mut octets = Vec::new();
    let mut ended = Ended::Open;
    // Time is paused: it moves on when there is nothing left to do.
    while let Ok(read) = tokio::time::timeout(Duration::from_millis(100), io.read_buf(&mut octets)).await {
        if read.is_err() || read.is_ok_and(|octets| octets == 0) {
            ended = Ended::Closed;
            break;
        }
    }
    let text = String::from_utf8(octets).unwrap();
    let statuses = text.match_indices("HTTP/1.1 ").chain(text.match_indices("HTTP/1.0 "));
    (statuses.map(|(at, line)| text[at + line.len()..][..3].parse().unwrap()).collect(), ended)
}

async fn check(case: &Case) {
    let octets = case.send.as_bytes();
    let whole = answers([octets]).await;
    assert_eq!(whole.0, case.answers, "{}", case.name);
    for cut in 1..octets.len() {
        let (first, second) = octets.split_at(cut);
        assert_eq!(answers([first, second]).await, whole, "{}, cut at {cut}", case.name);
    }
    assert_eq!(answers(octets.chunks(1)).await, whole, "{}, octet by octet", case.name);
}

#[test]
fn what_is_clear_is_answered() {
    on_paused_time(async {
        for case in cases("accepted.toml") {
            check(&case).await;
        }
    });
}

#[test]
fn what_is_ambiguous_is_refused_and_closes() {
    on_paused_time(async {
        for case in cases("refused.toml") {
            check(&case).await;
            assert_eq!(answers([case.send.as_bytes()]).await.1, Ended::Closed, "{}", case.name);
        }
    });
}

#[test]
fn what_is_too_long_is_refused() {
    on_paused_time(async {
        let head = |line: &str, fields: &str| format!("GET /{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        for (send, status) in [
            (head(&"a".repeat(5000), ""), 414),
            (head("", &format!("X: {}\r\n", "a".repeat(9000))), 431),
            (head("", &"X: y\r\n".repeat(60)), 431),
            (format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(9000)), 431),
        ] {
            assert_eq!(answers([send.as_bytes()]).await, (vec![status], Ended::Closed));
            let pieces = send.as_bytes().chunks(100);
            assert_eq!(answers(pieces).await, (vec![status], Ended::Closed));
        }
    });
}

/// Where some octets end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between requests.
    Between,
    /// Within a head.
    Head,
    /// Within a body.
    Body,
    /// After a request to change protocols.
    Undecided,
}

/// How many requests we see in `octets`, and where they end.
fn see(octets: &[u8]) -> Result<(usize, Place), Fault> {
    let (mut requests, mut input, mut heads) = (Requests::new(BOUNDS), bytes::BytesMut::from(octets), 0);
    loop {
        let before = input.len();
        if requests.content().is_over() {
            heads += usize::from(requests.head(&mut input)?.is_some());
        } else {
            requests.part(&mut input)?;
        }
        if input.len() == before {
            break;
        }
    }
    let place = match requests.content().is_over() {
        true if requests.is_undecided() => Place::Undecided,
        true if input.is_empty() => Place::Between,
        true => Place::Head,
        false => Place::Body,
    };
    Ok((heads, place))
}

/// How many requests hyper alone sees in `octets`.
fn hyper_sees(octets: &[u8]) -> usize {
    on_paused_time(async {
        let (mut io, other) = tokio::io::duplex(64 * 1024);
        let calls = Rc::new(Cell::new(0_usize));
        let counted = Rc::clone(&calls);
        let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let counted = Rc::clone(&counted);
            async move {
                if request.into_body().collect().await.is_ok() {
                    counted.set(counted.get() + 1);
                }
                Ok::<_, Infallible>(http::Response::new(Empty::<bytes::Bytes>::new()))
            }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(other), service);
        let served = tokio::task::spawn_local(async move { drop(connection.await) });
        io.write_all(octets).await.unwrap();
        // Time is paused: it moves on when hyper has nothing left to do.
        tokio::time::sleep(Duration::from_millis(10)).await;
        served.abort();
        calls.get()
    })
}

fn request() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("X-Y"), Just("Accept"), Just("Cookie"), Just("te")];
    let fields =
        prop::collection::vec((name, "[ -~]{0,12}").prop_map(|(name, value)| format!("{name}:{value}\r\n")), 0..4);
    let body = prop_oneof![
        Just(String::from("\r\n")),
        "[a-z\r\n]{0,30}".prop_map(|body| format!("Content-Length: {}\r\n\r\n{body}", body.len())),
        prop::collection::vec("[a-z\r\n]{1,20}", 0..4).prop_map(|chunks| {
            let chunks: String = chunks.iter().map(|chunk| format!("{:x};e\r\n{chunk}\r\n", chunk.len())).collect();
            format!("Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\nX: y\r\n\r\n")
        }),
    ];
    ("(\r\n)?", fields, body).prop_map(|(empty, fields, body)| {
        format!("{empty}POST /a?b=c HTTP/1.1\r\nHost: a\r\n{}{body}", fields.concat())
    })
}

const BOUNDS: Bounds = Bounds { head_bytes_max: 8192, fields_max: 50, target_bytes_max: 4096 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn hyper_sees_the_same_requests(
        requests in prop::collection::vec(request(), 1..5),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b' ')]), 0..3),
    ) {
        let mut octets = requests.concat().into_bytes();
        for (at, octet) in &damage {
            let at = at.index(octets.len());
            octets[at] = *octet;
        }
        let seen = see(&octets);
        if damage.is_empty() {
            prop_assert_eq!(seen, Ok((requests.len(), Place::Between)));
        }
        // HTTP/1.0 closes after its first request.
        let closes = octets.windows(8).any(|window| window == b"HTTP/1.0");
        if let Ok((heads, Place::Between | Place::Head)) = seen && !closes {
            prop_assert_eq!(hyper_sees(&octets), heads, "{}", String::from_utf8_lossy(&octets));
        }
    }
}
