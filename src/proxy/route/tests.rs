use super::*;
use crate::{body::Body, proxy::testing, rules::route::PathPattern, service::Response};

/// Answers with its name.
struct Named(&'static str);
impl Handler for Named {
    async fn handle(&self, request: Request, _: &Rc<Context>) -> Outcome {
        Ok(Response::new(Body::full(format!("{} {}", self.0, request.uri()))))
    }
}

fn conditions(path: &str, methods: &[Method]) -> Conditions {
    Conditions {
        path: PathPattern::parse(path).unwrap(),
        methods: methods.to_vec(),
        headers: Vec::new(),
        query: Vec::new(),
    }
}

fn route() -> Route<Named> {
    Route::new([
        (conditions("/products/:slug", &[]), "product".into(), Named("product")),
        (conditions("/form", &[Method::POST]), "form".into(), Named("form")),
    ])
}

async fn ask(method: Method, path: &str) -> (Outcome, Rc<Context>) {
    let request = Box::new(http::Request::builder().method(method).uri(path).body(Body::empty()).unwrap());
    let cx = testing::context(&request);
    (route().handle(request, &cx).await, cx)
}

#[tokio::test]
async fn a_route_is_found_and_named() {
    let (outcome, cx) = ask(Method::GET, "/products/lamp").await;
    assert!(outcome.is_ok());
    assert_eq!(&**cx.route.get().unwrap(), "/products/:slug");
    let params = cx.params.borrow();
    assert_eq!((&*params[0].name, params[0].value.as_str()), ("slug", "lamp"));
}

#[tokio::test]
async fn the_upstream_sees_the_path_that_the_route_was_chosen_by() {
    for (path, seen) in [
        ("/x/../products/%6camp?q=../1", "product /products/%6camp?q=../1"),
        ("//products/lamp", "product //products/lamp"),
    ] {
        let (outcome, _) = ask(Method::GET, path).await;
        let body = http_body_util::BodyExt::collect(outcome.unwrap().into_body()).await.unwrap().to_bytes();
        assert_eq!(body, seen);
    }
}

#[tokio::test]
async fn what_no_route_takes_has_a_status_of_its_own() {
    for (method, path, status) in
        [(Method::GET, "/nowhere", 404), (Method::GET, "/form", 405), (Method::GET, "/../etc", 400)]
    {
        let (outcome, _) = ask(method, path).await;
        assert_eq!(outcome.unwrap_err().status().as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let (outcome, _) = ask(Method::GET, "/form").await;
    let mut headers = http::HeaderMap::new();
    outcome.unwrap_err().add_headers(&mut headers);
    assert_eq!(headers[ALLOW], "POST");
}
