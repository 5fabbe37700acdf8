use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, ScopeSpans, Status, span::Event, status::StatusCode},
};

use super::*;

const MS: u64 = 1_000_000;

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.into())) };
    KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() }
}

fn number(key: &str, value: i64) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(Value::IntValue(value)) }), ..KeyValue::default() }
}

fn span(name: &str, ids: (u64, u64), millis: (u64, u64), attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: ids.0.to_be_bytes().into(),
        parent_span_id: if ids.1 == 0 { Vec::new() } else { ids.1.to_be_bytes().into() },
        name: name.into(),
        start_time_unix_nano: 1_000 * MS + millis.0 * MS,
        end_time_unix_nano: 1_000 * MS + millis.1 * MS,
        attributes,
        ..Span::default()
    }
}

fn batch(source: Source, service: &str, spans: Vec<Span>) -> Batch {
    let resource = Resource { attributes: vec![text("service.name", service)], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    Batch::of(source, &ExportTraceServiceRequest { resource_spans })
}

fn edge() -> Batch {
    let stage = |id: &str| text("waylight.stage", id);
    let mut request = span(
        "GET /products/:slug",
        (1, 0),
        (0, 400),
        vec![
            stage("request"),
            number("http.response.status_code", 200),
            text("url.scheme", "http"),
            text("server.address", "127.0.0.1"),
            number("server.port", 8080),
            text("url.path", "/products/lamp"),
        ],
    );
    request.kind = 2;
    let mut start = span("Upstream start", (3, 1), (10, 300), vec![stage("upstream.start")]);
    start.events =
        vec![Event { name: "output".into(), attributes: vec![text("line", "listening")], ..Event::default() }];
    batch(
        Source::Edge,
        "waylight",
        vec![
            span("Route", (2, 1), (1, 2), vec![stage("route")]),
            start,
            span("Spawn process", (4, 3), (10, 20), vec![stage("upstream.spawn")]),
            span("Wait for readiness", (5, 3), (20, 300), vec![stage("upstream.ready")]),
            span("Upstream request", (6, 1), (300, 390), vec![number("http.response.status_code", 200)]),
            request,
        ],
    )
}

fn app() -> Batch {
    let mut query = span("SELECT\u{1b}[2J products", (8, 7), (320, 350), Vec::new());
    query.status = Some(Status { code: StatusCode::Error as i32, message: "no such table".into() });
    batch(Source::App, "shop", vec![query, span("GET /products/:slug", (7, 6), (310, 380), Vec::new())])
}

type Drawings = Arc<Mutex<Vec<String>>>;

fn printer() -> (Arc<Printer>, Drawings) {
    let drawings = Drawings::default();
    let paper = Arc::clone(&drawings);
    (Printer::on(Box::new(move |drawing| paper.lock().unwrap().push(drawing.to_owned()))), drawings)
}

fn plain(drawing: &str) -> String {
    anstream::adapter::strip_str(drawing).to_string()
}

#[tokio::test(start_paused = true)]
async fn a_trace_is_drawn_when_it_is_quiet_and_what_comes_later_is_added() {
    clock::follow_tokio();
    let (printer, drawings) = printer();
    printer.write(edge()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    printer.write(app()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1400)).await;
    assert!(drawings.lock().unwrap().is_empty());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let first = plain(&drawings.lock().unwrap().pop().unwrap());
    let expected = "\
● GET /products/:slug 200  400 ms  http://127.0.0.1:8080/products/lamp
  trace 07070707070707070707070707070707  8 spans, 2 of shop  cold start 290 ms

  GET /products/:slug 200                           400 ms  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
  ├─ Route                                         1.00 ms  ╸
  ├─ Upstream start                                 290 ms  ╺━━━━━━━━━━━━━━━━━━━━━━━━━━
  │  · output: listening
  │  ├─ Spawn process                              10.0 ms  ╺━
  │  └─ Wait for readiness                          280 ms   ╺━━━━━━━━━━━━━━━━━━━━━━━━━
  └─ Upstream request 200                          90.0 ms                             ━━━━━━━━╸
     └─ GET /products/:slug shop                   70.0 ms                             ╺━━━━━━╸
        └─ SELECT [2J products shop                30.0 ms                              ╺━━╸
           ✗ no such table
";
    assert_eq!(first, expected, "\n{first}");
    printer.write(batch(Source::App, "shop", vec![span("late", (9, 7), (380, 385), Vec::new())])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let later = plain(&drawings.lock().unwrap().pop().unwrap());
    assert!(later.starts_with("+ 1 span more of trace 0707"), "{later}");
}

#[tokio::test(start_paused = true)]
async fn flushing_draws_what_waits() {
    clock::follow_tokio();
    let (printer, drawings) = printer();
    printer.write(edge()).await.unwrap();
    printer.flush(clock::now()).await.unwrap();
    assert_eq!(drawings.lock().unwrap().len(), 1);
}

#[test]
fn lengths_have_three_digits() {
    for (nanos, expected) in [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1 µs"),
        (999_499, "999 µs"),
        (1_000_000, "1.00 ms"),
        (38_240_000, "38.2 ms"),
        (371_000_000, "371 ms"),
        (1_250_000_000, "1.25 s"),
        (59_990_000_000, "60.0 s"),
        (61_000_000_000, "1 min 01 s"),
    ] {
        assert_eq!(crate::rules::length::length(nanos), expected);
    }
}

#[test]
fn a_bar_shows_at_least_something() {
    assert_eq!(bar::bar(0, 0, 0, 4), "╸");
    assert_eq!(bar::bar(100, 100, 100, 4), "   ╺");
    assert_eq!(bar::bar(0, 100, 100, 4), "━━━━");
    assert_eq!(bar::bar(50, 70, 100, 4), "  ━");
    assert_eq!(bar::bar(500, 900, 100, 4), "   ╺");
}
