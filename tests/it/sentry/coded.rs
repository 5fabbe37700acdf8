//! Envelopes in every coding, and the copies that are made of them for traced sessions.

use super::*;

fn deflate(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn brotli(text: &str) -> Vec<u8> {
    let mut coded = Vec::new();
    brotli::BrotliCompress(&mut text.as_bytes(), &mut coded, &Default::default()).unwrap();
    coded
}

#[test]
fn encoded_envelopes_stay_so_and_are_copied_without_their_coding() {
    on_worker(async {
        let origin = sentry().await;
        let mut stage = Stage::set(SITE, origin.address);
        let cookie = stage.session_cookie();
        let plain = envelope(dsn(&origin).as_str()) + &"x".repeat(40_000);
        let coded = [
            ("gzip", gzip(&plain)),
            ("deflate", deflate(&plain)),
            ("br", brotli(&plain)),
            ("zstd", zstd::encode_all(plain.as_bytes(), 3).unwrap()),
            ("identity", plain.clone().into_bytes()),
        ];
        for (coding, octets) in coded {
            for size in [7, octets.len()] {
                let ask = |request: http::request::Builder| request.header("content-encoding", coding);
                let answer = stage.ask_with(ask(Request::post("/monitoring")), pieces(&octets, size)).await;
                assert_eq!(answer.status(), 200, "{coding}");
                assert!(stage.copied.try_recv().is_err(), "nobody's envelope is copied");
                let of_session = ask(Request::post("/monitoring").header("cookie", &cookie));
                stage.ask_with(of_session, pieces(&octets, size)).await;
                let asked = origin.last();
                assert_eq!(
                    (asked.body(), asked.headers()["content-encoding"].to_str().unwrap()),
                    (&Bytes::from(octets.clone()), coding)
                );
                assert!(!asked.headers().contains_key("cookie"));
                let copied = stage.copied.try_recv().unwrap();
                assert_eq!((copied.identity.name.as_str(), copied.session.host.as_str()), ("ada", HOST));
                assert!(copied.envelope == plain.as_bytes(), "{coding}: the copy is what was encoded");
            }
        }
        assert!(stage.spans().is_empty(), "a session's envelope is not traced either");
        assert_eq!(stage.counters.sentry_envelopes_unread.value(), 0);
    });
}

#[test]
fn what_cannot_be_copied_goes_on_all_the_same() {
    on_worker(async {
        let origin = sentry().await;
        let toml = format!("{SITE}tunnel_copy_bytes_max = \"1KiB\"\n");
        let mut stage = Stage::set(&toml, origin.address);
        let cookie = stage.session_cookie();
        let own = envelope(dsn(&origin).as_str());
        let mut cut = gzip(&(own.clone() + &"y".repeat(500)));
        let place = cut.len() - 4;
        cut[place] ^= 0xFF;
        for (body, coding) in [
            ((own.clone() + &"x".repeat(2_000)).into_bytes(), "identity"),
            (gzip(&(own.clone() + &"x".repeat(100_000))), "gzip"),
            ([gzip(&own), b"\x1f\x8bbroken".to_vec()].concat(), "gzip"),
        ] {
            let request = Request::post("/monitoring").header("cookie", &cookie).header("content-encoding", coding);
            assert_eq!(stage.ask_with(request, pieces(&body, 100)).await.status(), 200);
            assert_eq!(origin.last().body(), &body);
        }
        assert_eq!((stage.counters.sentry_envelopes_unread.value(), stage.copied.try_recv().is_err()), (3, true));
        // And one that fits.
        stage.ask_with(Request::post("/monitoring").header("cookie", &cookie), Body::full(own.clone())).await;
        assert_eq!(stage.copied.try_recv().unwrap().envelope, own.as_bytes());
    });
}

#[test]
fn what_pages_of_other_origins_send_is_copied_for_nobody() {
    on_worker(async {
        let origin = sentry().await;
        let mut stage = Stage::set(SITE, origin.address);
        let cookie = stage.session_cookie();
        let own = envelope(dsn(&origin).as_str());
        let (here, elsewhere) = (format!("http://{HOST}"), format!("http://other.{HOST}"));
        for (name, value, is_copied) in [
            ("origin", &*here, true),
            ("origin", &*elsewhere, false),
            ("origin", "null", false),
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "same-site", false),
            ("sec-fetch-site", "cross-site", false),
        ] {
            let request = Request::post("/monitoring").header("cookie", &cookie).header(name, value);
            assert_eq!(stage.ask_with(request, Body::full(own.clone())).await.status(), 200);
            assert_eq!(origin.last().body(), own.as_bytes(), "it goes on all the same");
            assert_eq!(stage.copied.try_recv().is_ok(), is_copied, "{name}: {value}");
        }
    });
}
