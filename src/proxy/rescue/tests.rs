use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;

use super::*;
use crate::{
    body::Body,
    proxy::{
        context::{Dress, Wardrobe},
        testing,
    },
};

struct Fails;
impl Handler for Fails {
    async fn handle(&self, request: Request, _: &Rc<Context>) -> Outcome {
        if request.uri().path() == "/panic" {
            panic!("on purpose");
        }
        Err(ProxyError::upstream(ErrorType::ConnectionRefused).with_detail("10.0.0.1 says no"))
    }
}

async fn ask(path: &str, accept: &str) -> (http::response::Parts, String, Rc<Context>) {
    let request = Box::new(http::Request::get(path).header("accept", accept).body(Body::empty()).unwrap());
    let cx = testing::context(&request);
    let response = Rescue { place: Place::Outermost, inner: Fails }.handle(request, &cx).await.unwrap();
    let (head, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    (head, text, cx)
}

#[tokio::test]
async fn an_error_becomes_a_page_that_hides_the_inside() {
    let (head, text, cx) = ask("/", "text/html,application/json;q=0.9").await;
    assert_eq!(head.status, StatusCode::BAD_GATEWAY);
    assert_eq!(head.headers["proxy-status"], "waylight; error=connection_refused");
    assert!(text.contains("<h1>Bad Gateway</h1>") && !text.contains("10.0.0.1"));
    assert_eq!(cx.error.get(), Some(ErrorType::ConnectionRefused));
}

#[tokio::test]
async fn programs_get_json() {
    let (head, text, _) = ask("/", "application/json").await;
    assert_eq!(head.headers["content-type"], "application/problem+json");
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["status"], 502);
    assert_eq!(problem["error"], "connection_refused");
}

#[tokio::test]
async fn the_page_of_a_panic_gets_what_was_chosen_for_it() {
    let request = || Box::new(http::Request::get("/panic").body(Body::empty()).unwrap());
    for (place, is_ours, expected) in
        [(Place::Outermost, false, Some("1")), (Place::Outermost, true, None), (Place::Route, false, None)]
    {
        let cx = testing::context(&request());
        let _inbox = testing::trace(&cx);
        cx.choose(&Marks, &request());
        if is_ours {
            cx.is_ours();
        }
        let response = Rescue { place, inner: Fails }.handle(request(), &cx).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let mark = response.headers().get("x-mark").map(|mark| mark.to_str().unwrap());
        assert_eq!(mark, expected);
    }
}

/// Marks pages.
struct Marks;

impl Wardrobe for Marks {
    fn choose(&self, _: &Request, _: &Context) -> Option<Dress> {
        Some(Box::new(|mut page, _| {
            page.headers_mut().insert("x-mark", HeaderValue::from_static("1"));
            Box::pin(std::future::ready(page))
        }))
    }
}

#[tokio::test]
async fn a_panic_is_answered_and_counted() {
    let (head, _, cx) = ask("/panic", "*/*").await;
    assert_eq!(head.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(cx.counters.requests_panicked.value(), 1);
}
