use bytes::Bytes;

use super::{
    redact::{Contents, Kind, contents},
    testing::{kept, span, string},
    *,
};
use crate::{
    rules::headers::redact::REDACTED,
    trace::{
        receive::{Encoding, decode},
        requests::row::{CacheOutcome, HeaderSets, Moment},
    },
};

const HOSTILE: &str = "</script><script>alert(1)</script><!--\u{202e}\u{2028}\u{1f600}&amp;";

fn sample() -> Kept {
    let mut query = span((2, 1), HOSTILE, (10, 40));
    query.attributes = vec![
        string("db.system", "sqlite"),
        string("db.query.text", "select 1"),
        string("url.full", "http://a/b?c=d&e="),
        string("http.request.header.cookie", "a=b"),
        string("x.api_key", "k"),
        string("note", "Bearer abc"),
        string("client.address", "10.0.0.1"),
        string("cache.key", "http://a/b?k=v"),
        string("waylight.imported_by", "Ada L."),
    ];
    kept(vec![span((1, 0), "GET /", (0, 100)), query, span((3, 1), "beside", (20, 60))])
}

fn row() -> RequestRow {
    let fields = |list: &[(&str, &str)]| list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    RequestRow {
        id: 0xab,
        start: 784_111_777_123_456_789,
        duration: 100_000_000,
        first_byte: Some(60_000_000),
        method: "GET".into(),
        scheme: "http",
        host: "shop.example".into(),
        path: "/a".into(),
        query: "b=c".into(),
        version: "1.1",
        status: 200,
        bytes: 12,
        route: "all".into(),
        upstream: "app".into(),
        cache: CacheOutcome::default(),
        error: "".into(),
        client: "10.0.0.0".into(),
        destination: "document".into(),
        page: None,
        identity: None,
        person: "".into(),
        session: None,
        trace: None,
        trigger: "".into(),
        moments: vec![(Moment::Chosen, 1_000_000), (Moment::Connected, 3_000_000), (Moment::Sent, 4_000_000)],
        headers: Some(Box::new(HeaderSets {
            received: fields(&[
                ("cookie", "a=b"),
                ("accept", "*/*"),
                ("referer", "http://shop.example/b?q=r"),
                ("x-note", "Bearer xyz"),
            ]),
            sent: fields(&[("content-type", "text/html")]),
            ..HeaderSets::default()
        })),
    }
}

fn written(format: Format, hide: Hide) -> String {
    let (kept, requests) = (sample(), [row()]);
    String::from_utf8(Export { kept: &kept, requests: &requests }.write(format, hide)).unwrap()
}

#[test]
fn otlp_leads_back_to_the_same_trace() {
    let text = written(Format::Otlp, Hide::default());
    let again = decode(Encoding::Json, Bytes::from(text)).unwrap();
    assert_eq!(again, *sample().request());
    assert_eq!(Kept::of(again).trace, sample().trace);
}

#[test]
fn har_has_an_entry_for_each_request() {
    let har: serde_json::Value = serde_json::from_str(&written(Format::Har, Hide::default())).unwrap();
    assert_eq!(har["log"]["version"], "1.2");
    let entry = &har["log"]["entries"][0];
    assert_eq!(entry["startedDateTime"], "1994-11-06T08:49:37.123456Z");
    assert_eq!(entry["request"]["url"], "http://shop.example/a?b=c");
    assert_eq!(entry["request"]["queryString"][0]["value"], "c");
    assert_eq!(entry["response"]["content"]["mimeType"], "text/html");
    let timings = entry["timings"].as_object().unwrap();
    assert_eq!(timings["connect"], 2.0);
    let sum: f64 = timings.values().filter_map(serde_json::Value::as_f64).filter(|time| *time > 0.0).sum();
    assert!((sum - entry["time"].as_f64().unwrap()).abs() < 1e-6, "{entry}");
}

#[test]
fn chrome_threads_nest() {
    let trace: serde_json::Value = serde_json::from_str(&written(Format::Chrome, Hide::default())).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let spans: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
    assert_eq!(spans.len(), 3);
    // The second child overlaps the first, and lies in a thread of its own.
    assert_eq!(spans.iter().map(|span| span["tid"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(spans[1]["dur"], 30_000.0);
    assert_eq!(spans[1]["name"], HOSTILE);
}

#[test]
fn a_page_keeps_hostile_names_as_text() {
    let page = written(Format::Html, Hide::default());
    assert_eq!(page.matches("<script").count(), 2, "ours only");
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<!--") && !page.contains("alert(1)</"), "{page}");
    let data = page.split("id=\"trace\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["spans"][1]["name"], HOSTILE);
    // Nothing of it is fetched from anywhere.
    assert!(!page.contains("src=") && !page.contains("href=") && page.contains("default-src 'none'"));
    for element in ["script", "style"] {
        let inline =
            page.rsplit(&format!("<{element}>")).next().unwrap().split(&format!("</{element}>")).next().unwrap();
        let digest = <sha2::Sha256 as sha2::Digest>::digest(inline);
        let hash = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, digest);
        assert!(page.contains(&format!("{element}-src 'sha256-{hash}'")), "{element}");
    }
}

#[test]
fn what_is_hidden_is_in_no_form() {
    let secrets = [
        (Kind::Cookies, "a=b"),
        (Kind::Tokens, "Bearer abc"),
        (Kind::Tokens, "Bearer xyz"),
        (Kind::Query, "c=d"),
        (Kind::Query, "q=r"),
        (Kind::Query, "k=v"),
        (Kind::Headers, "*/*"),
        (Kind::People, "10.0.0.1"),
        (Kind::People, "Ada L."),
        (Kind::Statements, "select 1"),
    ];
    for (_, format) in Format::WORDS {
        for (kind, secret) in secrets {
            let secret_json = secret.replace('&', "\\u0026");
            let text = written(format, Hide::of([kind]));
            assert!(!text.contains(secret) && !text.contains(&secret_json), "{format:?} {kind:?}");
        }
    }
    let text = written(Format::Otlp, Hide::of([Kind::Query]));
    assert!(text.contains(&format!("http://a/b?c={REDACTED}&e=")), "{text}");
    assert!(text.contains("select 1"));
}

#[test]
fn a_preview_counts_what_is_there() {
    let (kept, requests) = (sample(), [row()]);
    let found = contents(&kept, &requests);
    let expected = Contents { cookies: 2, tokens: 3, query: 4, headers: 6, people: 4, statements: 1 };
    assert_eq!(found, expected);
    let every = Hide::of(Kind::WORDS.map(|(_, kind)| kind));
    let hidden = redact::spans(&kept, every);
    let rows = [redact::row(&requests[0], every)];
    assert_eq!(contents(&hidden, &rows), Contents::default());
    assert_eq!(Hide::from_bits(every.bits()), every);
}

#[test]
fn values_survive_json() {
    let any = |value| AnyValue { value: Some(value) };
    assert_eq!(value(Some(&any(Value::IntValue(1 << 53)))), json!("9007199254740992"));
    assert_eq!(value(Some(&any(Value::IntValue(-5)))), json!(-5));
    assert_eq!(value(Some(&any(Value::DoubleValue(f64::NAN)))), json!("NaN"));
    assert_eq!(value(Some(&any(Value::BytesValue(vec![255])))), json!("/w=="));
    assert_eq!(value(None), serde_json::Value::Null);
}

#[test]
fn a_har_of_a_trace_without_requests_is_told_by_its_spans() {
    let mut server = span((1, 0), "GET /a", (0, 100));
    server.kind = 2;
    server.attributes = vec![
        string("http.request.method", "GET"),
        string("url.scheme", "https"),
        string("server.address", "shop.example"),
        string("url.path", "/a"),
        string("url.query", "b=c"),
        string("http.response.status_code", "404"),
    ];
    let mut inner = server.clone();
    (inner.span_id, inner.parent_span_id) = (2_u64.to_be_bytes().into(), 1_u64.to_be_bytes().into());
    let kept = kept(vec![server, inner, span((3, 1), "query", (10, 20))]);
    let export = Export { kept: &kept, requests: &[] };
    let har: serde_json::Value = serde_json::from_slice(&export.write(Format::Har, Hide::default())).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "the outermost only: {entries:?}");
    let entry = &entries[0];
    assert_eq!(entry["request"]["url"], "https://shop.example/a?b=c");
    assert_eq!(entry["request"]["queryString"], json!([{ "name": "b", "value": "c" }]));
    assert_eq!((&entry["response"]["status"], &entry["response"]["statusText"]), (&json!(404), &json!("Not Found")));
    assert_eq!((&entry["time"], &entry["timings"]["wait"]), (&json!(100.0), &json!(100.0)));
}
