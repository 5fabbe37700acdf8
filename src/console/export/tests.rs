use bytes::Bytes;
use opentelemetry_proto::tonic::{
    common::v1::{ArrayValue, InstrumentationScope, KeyValueList},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, span::Event},
};

use super::{
    redact::{Contents, Kind, contents},
    testing::{kept, message, span, string},
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
                ("host", "shop.example:8080"),
                ("cookie", "a=b"),
                ("accept", "*/*"),
                ("referer", "http://shop.example/b?q=r"),
                ("x-note", "Bearer xyz"),
            ]),
            sent: fields(&[("content-type", "text/html"), ("location", "/next")]),
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
    // Every kind of value.
    let any = |value| AnyValue { value: Some(value) };
    let list = ArrayValue { values: vec![any(Value::BoolValue(true)), AnyValue::default()] };
    let map = KeyValueList { values: vec![string("b", "c")] };
    let values = [
        Value::IntValue(i64::MIN),
        Value::DoubleValue(-0.1),
        Value::BytesValue(vec![0, 255]),
        Value::ArrayValue(list),
        Value::ArrayValue(ArrayValue::default()),
        Value::KvlistValue(map),
    ];
    let mut one = span((1, 0), "", (0, 1));
    one.attributes = values.into_iter().map(|value| KeyValue { value: Some(any(value)), ..string("a", "") }).collect();
    let export = |kept: &Kept| Export { kept, requests: &[] }.write(Format::Otlp, Hide::default());
    let whole = kept(vec![one.clone()]);
    assert_eq!(decode(Encoding::Json, export(&whole).into()).unwrap(), *whole.request());
    one.attributes = vec![KeyValue { value: Some(any(Value::DoubleValue(f64::NAN))), ..string("a", "") }];
    let text = decode(Encoding::Json, export(&kept(vec![one])).into()).unwrap();
    assert_eq!(text.resource_spans[0].scope_spans[0].spans[0].attributes, [string("a", "NaN")]);
}

#[test]
fn har_has_an_entry_for_each_request() {
    let har: serde_json::Value = serde_json::from_str(&written(Format::Har, Hide::default())).unwrap();
    assert_eq!(har["log"]["version"], "1.2");
    let entry = &har["log"]["entries"][0];
    assert_eq!(entry["startedDateTime"], "1994-11-06T08:49:37.123456Z");
    assert_eq!(entry["request"]["url"], "http://shop.example:8080/a?b=c");
    assert_eq!(entry["request"]["queryString"][0]["value"], "c");
    assert_eq!(entry["response"]["content"]["mimeType"], "text/html");
    assert_eq!(entry["response"]["redirectURL"], "/next");
    assert_eq!(entry["timings"]["connect"], 2.0);
    // However far it came, what the parts took is the whole.
    let moments = row().moments;
    for reached in 0..=moments.len() {
        let row = RequestRow { moments: moments[..reached].to_vec(), first_byte: None, ..row() };
        for row in [RequestRow { first_byte: Some(60_000_000), ..row.clone() }, row] {
            let export = Export { kept: &sample(), requests: &[row] };
            let har: serde_json::Value = serde_json::from_slice(&export.write(Format::Har, Hide::default())).unwrap();
            let entry = &har["log"]["entries"][0];
            assert!(faults_of_har(entry).is_empty(), "{:?}", faults_of_har(entry));
        }
    }
}

/// What HAR 1.2 demands of an entry, and is not so.
fn faults_of_har(entry: &serde_json::Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut demand = |part: &str, fields: &[(&str, &str)]| {
        for (field, kind) in fields {
            let value = if part.is_empty() { &entry[field] } else { &entry[part][field] };
            let fits = match *kind {
                "text" => value.is_string(),
                "number" => value.is_number(),
                "list" => value.is_array(),
                _ => value.is_object(),
            };
            if !fits {
                faults.push(format!("{part}.{field} is no {kind}: {value}"));
            }
        }
    };
    let common = [
        ("httpVersion", "text"),
        ("cookies", "list"),
        ("headers", "list"),
        ("headersSize", "number"),
        ("bodySize", "number"),
    ];
    demand("", &[("startedDateTime", "text"), ("time", "number"), ("cache", "object"), ("timings", "object")]);
    demand("request", &[("method", "text"), ("url", "text"), ("queryString", "list")]);
    demand("request", &common);
    demand("response", &[("status", "number"), ("statusText", "text"), ("content", "object"), ("redirectURL", "text")]);
    demand("response", &common);
    demand("timings", &[("send", "number"), ("wait", "number"), ("receive", "number")]);
    let sum: f64 = entry["timings"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(|time| time.as_f64())
        .filter(|time| *time > 0.0)
        .sum();
    if (sum - entry["time"].as_f64().unwrap()).abs() > 1e-6 {
        faults.push(format!("the timings are {sum} ms together: {entry}"));
    }
    faults
}

#[test]
fn chrome_threads_nest() {
    let trace: serde_json::Value = serde_json::from_str(&written(Format::Chrome, Hide::default())).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let spans: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
    assert_eq!(spans.len(), 3);
    // The second child overlaps the first, and lies in a thread of its own.
    assert_eq!(spans.iter().map(|span| span["tid"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!((&spans[0]["ts"], &spans[1]["ts"], &spans[1]["dur"]), (&json!(0.0), &json!(10_000.0), &json!(30_000.0)));
    assert_eq!(trace["otherData"]["began"], "2023-11-14T22:13:20.000000Z");
    assert_eq!(spans[1]["name"], HOSTILE);
}

#[test]
fn chrome_threads_nest_to_the_nanosecond_whichever_clock_told() {
    let ours = ResourceSpans {
        resource: Some(Resource { attributes: vec![string("telemetry.sdk.name", "waylight")], ..Resource::default() }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope { name: "waylight".into(), ..InstrumentationScope::default() }),
            spans: vec![span((1, 0), "request", (0, 100)), span((2, 1), "upstream", (10, 90))],
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    };
    // A second behind, and odd: its children end with it, one nanosecond apart.
    let mut app = span((3, 2), "GET /", (0, 0));
    (app.kind, app.start_time_unix_nano) = (2, app.start_time_unix_nano - 1_000 * 1_000_000 + 20_000_001);
    app.end_time_unix_nano = app.start_time_unix_nano + 60_000_003;
    let mut query = span((4, 3), "query", (0, 0));
    (query.start_time_unix_nano, query.end_time_unix_nano) = (app.start_time_unix_nano + 1, app.end_time_unix_nano - 1);
    query.events = vec![Event { time_unix_nano: query.start_time_unix_nano + 5_000, ..Event::default() }];
    let mut request = message(vec![app, query]);
    request.resource_spans.insert(0, ours);
    request.resource_spans[0].scope_spans[0].spans[1].kind = 3;
    let kept = Kept::of(request);
    let export = Export { kept: &kept, requests: &[] };
    let trace: serde_json::Value = serde_json::from_slice(&export.write(Format::Chrome, Hide::default())).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let time = |name: &str| {
        let event = events.iter().find(|event| event["name"] == name && event["ph"] == "X").unwrap();
        let (start, length) = (event["ts"].as_f64().unwrap(), event["dur"].as_f64().unwrap());
        (start, start + length)
    };
    for (inner, outer) in [("upstream", "request"), ("GET /", "upstream"), ("query", "GET /")] {
        let (inner, outer) = (time(inner), time(outer));
        assert!(outer.0 <= inner.0 && inner.1 <= outer.1, "{inner:?} in {outer:?}");
    }
    let at = events.iter().find(|event| event["ph"] == "i").unwrap()["ts"].as_f64().unwrap();
    assert!((at - time("query").0 - 5.0).abs() < 1e-3, "{at}");
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
fn lists_maps_and_names_hide_what_they_hold() {
    let any = |value| AnyValue { value: Some(value) };
    let list = |text: &str| Value::ArrayValue(ArrayValue { values: vec![any(Value::StringValue(text.into()))] });
    let attribute = |key: &str, value| KeyValue { key: key.into(), value: Some(any(value)), ..KeyValue::default() };
    let map = |key: &str, value| Value::KvlistValue(KeyValueList { values: vec![attribute(key, value)] });
    // SDKs write captured headers as lists.
    let cases = [
        (Kind::Query, "http.request.header.referer", list("http://a/b?secret1=of-a-query"), "of-a-query"),
        (Kind::Query, "request", map("url.full", Value::StringValue("http://a/?b=of-a-map".into())), "of-a-map"),
        (Kind::Tokens, "http.request.header.x-note", list("Bearer of-a-list"), "of-a-list"),
        (Kind::Cookies, "http.request.header.cookie", list("a=of-a-cookie"), "of-a-cookie"),
        (Kind::People, "user", map("age", Value::IntValue(4242)), "4242"),
        (Kind::People, "client.port", Value::IntValue(4343), "4343"),
        (Kind::Statements, "db.query.parameter.0", list("of-a-parameter"), "of-a-parameter"),
    ];
    let mut query = span((2, 1), "SELECT name FROM people", (1, 2));
    query.attributes = vec![string("db.query.text", "SELECT name FROM people")];
    query.attributes.extend(cases.iter().map(|(_, key, value, _)| attribute(key, value.clone())));
    let kept = kept(vec![span((1, 0), "GET /search?q=of-a-name", (0, 3)), query]);
    let export = Export { kept: &kept, requests: &[] };
    let written = |format, hide| String::from_utf8(export.write(format, hide)).unwrap();
    let names = [(Kind::Query, "of-a-name"), (Kind::Statements, "FROM people")];
    let secrets: Vec<_> = cases.iter().map(|(kind, _, _, secret)| (*kind, *secret)).chain(names).collect();
    for (_, format) in Format::WORDS {
        let all = written(format, Hide::default());
        for (kind, secret) in &secrets {
            assert!(format == Format::Har || all.contains(secret), "{format:?} {secret}");
            assert!(!written(format, Hide::of([*kind])).contains(secret), "{format:?} {kind:?} {secret}");
        }
    }
    let found = contents(&kept, &[]);
    assert_eq!((found.query, found.tokens, found.cookies, found.people, found.statements), (2, 1, 1, 3, 2));
}

#[test]
fn a_preview_counts_what_is_there() {
    let (kept, requests) = (sample(), [row()]);
    let found = contents(&kept, &requests);
    let expected = Contents { cookies: 2, tokens: 3, query: 4, headers: 8, people: 4, statements: 1 };
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
    assert!(faults_of_har(entry).is_empty(), "{:?}", faults_of_har(entry));
}
