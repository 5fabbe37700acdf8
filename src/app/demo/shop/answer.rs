//! One request to the shop: its server span, its route, its answer.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context as Task, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::{Frame, Incoming};
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanKind, TraceContextExt as _, Tracer as _},
};
use opentelemetry_sdk::trace::SdkTracer;
use tokio::sync::mpsc;

use super::{data, database::Database, pages, telemetry};

/// The streaming page comes in so many parts.
const PARTS: usize = 8;
/// The pause between two of them.
const PART_PAUSE: Duration = Duration::from_millis(250);

/// Which edition of the offers there is: each change makes another one.
static EDITION: AtomicU64 = AtomicU64::new(1);

/// What the shop answers with: all at once, or part by part.
pub(super) type Answer = Response<Either<Full<Bytes>, Parts>>;

/// Answers `request` within a server span that continues the caller's trace.
pub(super) async fn answer(request: Request<Incoming>, tracer: Arc<SdkTracer>) -> Answer {
    let place = Place::find(request.uri().path());
    let caller = telemetry::caller(request.headers());
    let span = tracer
        .span_builder(format!("{} {}", request.method(), place.route()))
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("http.request.method", request.method().to_string()),
            KeyValue::new("http.route", place.route()),
            KeyValue::new("url.path", request.uri().path().to_owned()),
            KeyValue::new("url.scheme", "http"),
        ])
        .start_with_context(&*tracer, &caller);
    let cx = caller.with_span(span);
    let visit = Visit { database: Database { tracer: Arc::clone(&tracer), cx: cx.clone() }, cx, tracer };
    let answer = if matches!(place, Place::Offers) {
        visit.offers(&request).await
    } else if matches!(*request.method(), Method::GET | Method::HEAD) {
        visit.go(place).await
    } else {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "only GET and HEAD\n");
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        answer
    };
    let span = visit.cx.span();
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(answer.status().as_u16())));
    // The streaming page ends its span with its last part.
    if matches!(answer.body(), Either::Left(_)) {
        span.end();
    }
    answer
}

/// Where a path leads.
enum Place<'a> {
    Home,
    Products,
    Product(&'a str),
    Reviews(&'a str),
    Picture(&'a str),
    Slow,
    Failing,
    Streaming,
    Offers,
    Style,
    Script,
    Nowhere,
}

impl<'a> Place<'a> {
    fn find(path: &'a str) -> Self {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        match *segments.as_slice() {
            [""] => Self::Home,
            ["products"] => Self::Products,
            ["products", slug] => Self::Product(slug),
            ["api", "products", slug, "reviews"] => Self::Reviews(slug),
            ["pictures", file] => file.strip_suffix(".svg").map_or(Self::Nowhere, Self::Picture),
            ["slow"] => Self::Slow,
            ["failing"] => Self::Failing,
            ["streaming"] => Self::Streaming,
            ["offers"] => Self::Offers,
            ["shop.css"] => Self::Style,
            ["shop.js"] => Self::Script,
            _ => Self::Nowhere,
        }
    }

    /// The name of the route: never more of them than there are places.
    fn route(&self) -> &'static str {
        match self {
            Self::Home => "/",
            Self::Products => "/products",
            Self::Product(_) => "/products/{slug}",
            Self::Reviews(_) => "/api/products/{slug}/reviews",
            Self::Picture(_) => "/pictures/{slug}.svg",
            Self::Slow => "/slow",
            Self::Failing => "/failing",
            Self::Streaming => "/streaming",
            Self::Offers => "/offers",
            Self::Style => "/shop.css",
            Self::Script => "/shop.js",
            Self::Nowhere => "/{nowhere}",
        }
    }
}

struct Visit {
    tracer: Arc<SdkTracer>,
    cx: Context,
    database: Database,
}

impl Visit {
    async fn go(&self, place: Place<'_>) -> Answer {
        match place {
            Place::Home => page(StatusCode::OK, self.render(pages::home)),
            Place::Products => {
                let products = self.database.products().await;
                page(StatusCode::OK, self.render(|| pages::products(products)))
            }
            Place::Product(slug) => self.product(slug).await,
            Place::Reviews(slug) => self.reviews(slug).await,
            Place::Picture(slug) => match data::product(slug) {
                Some(product) => cacheable(text(StatusCode::OK, "image/svg+xml", pages::picture(product.hue))),
                None => nowhere(),
            },
            Place::Slow => {
                self.database.report().await;
                page(StatusCode::OK, self.render(pages::slow))
            }
            Place::Failing => {
                self.database.products().await;
                telemetry::fail(&self.cx, "OutOfMatches", "the match went out before the lantern was lit");
                page(StatusCode::INTERNAL_SERVER_ERROR, self.render(pages::failing))
            }
            Place::Streaming => self.streaming(),
            Place::Style => cacheable(text(StatusCode::OK, "text/css; charset=utf-8", pages::STYLE)),
            Place::Script => cacheable(text(StatusCode::OK, "text/javascript; charset=utf-8", pages::SCRIPT)),
            Place::Offers | Place::Nowhere => nowhere(),
        }
    }

    /// A page that takes its time, for a cache to save it: fresh for a moment, then stale, and the same until it is
    /// changed.
    async fn offers(&self, request: &Request<Incoming>) -> Answer {
        if *request.method() == Method::POST {
            EDITION.fetch_add(1, Ordering::Relaxed);
            let mut answer = text(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "changed\n");
            answer.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/offers"));
            return answer;
        }
        let edition = EDITION.load(Ordering::Relaxed);
        let tag = format!("\"offers-{edition}\"");
        let is_known =
            request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
        let mut answer = if is_known {
            let mut answer = text(StatusCode::NOT_MODIFIED, "text/html; charset=utf-8", "");
            answer.headers_mut().remove(header::CONTENT_TYPE);
            answer
        } else {
            self.database.offers().await;
            page(StatusCode::OK, self.render(|| pages::offers(edition)))
        };
        let life = HeaderValue::from_static("public, max-age=10, stale-while-revalidate=10");
        answer.headers_mut().insert(header::CACHE_CONTROL, life);
        if let Ok(tag) = HeaderValue::try_from(tag) {
            answer.headers_mut().insert(header::ETAG, tag);
        }
        answer
    }

    async fn product(&self, slug: &str) -> Answer {
        let Some(product) = self.database.product(slug).await else { return nowhere() };
        let stock = self.database.stock(product).await;
        page(StatusCode::OK, self.render(|| pages::product(product, stock)))
    }

    async fn reviews(&self, slug: &str) -> Answer {
        let Some(product) = self.database.product(slug).await else {
            return text(StatusCode::NOT_FOUND, "application/json", r#"{"error":"no such product"}"#);
        };
        let reviews = self.database.reviews(product).await;
        let reviews: Vec<_> = reviews
            .iter()
            .map(|review| serde_json::json!({"author": review.author, "stars": review.stars, "text": review.text}))
            .collect();
        text(StatusCode::OK, "application/json", serde_json::json!({ "reviews": reviews }).to_string())
    }

    /// Rendering has a span of its own.
    fn render(&self, page: impl FnOnce() -> String) -> String {
        let span = self.tracer.start_with_context("render page", &self.cx);
        let rendered = page();
        drop(span);
        rendered
    }

    fn streaming(&self) -> Answer {
        let (parts, body) = mpsc::channel(1);
        let (tracer, cx) = (Arc::clone(&self.tracer), self.cx.clone());
        let (first, last) = pages::streaming();
        let writer = async move {
            parts.send(Bytes::from(first)).await.ok();
            for part in 1..=PARTS {
                let work = cx.with_span(tracer.start_with_context(format!("light lantern {part}"), &cx));
                tokio::time::sleep(PART_PAUSE).await;
                work.span().end();
                parts.send(Bytes::from(pages::streaming_part(part, PARTS))).await.ok();
            }
            parts.send(Bytes::from(last)).await.ok();
            cx.span().end();
        };
        let mut answer = Response::new(Either::Right(Parts { receiver: body, writer: Some(Box::pin(writer)) }));
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        answer
    }
}

/// A body that comes part by part. Its writer runs inside it, so that both end together: a span that a visitor leaves
/// behind ends when the writer is dropped.
pub(super) struct Parts {
    receiver: mpsc::Receiver<Bytes>,
    writer: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(writer) = &mut self.writer
            && writer.as_mut().poll(task).is_ready()
        {
            self.writer = None;
        }
        self.receiver.poll_recv(task).map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}

fn page(status: StatusCode, html: String) -> Answer {
    text(status, "text/html; charset=utf-8", html)
}

fn nowhere() -> Answer {
    page(StatusCode::NOT_FOUND, pages::nowhere())
}

fn text(status: StatusCode, kind: &'static str, content: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(content.into())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn cacheable(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    answer
}
