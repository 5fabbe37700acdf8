use super::*;
use crate::{body::Body, clock, proxy::testing, service::Response};

struct Answers;
impl Handler for Answers {
    async fn handle(&self, request: Request, _: &Rc<Context>) -> Outcome {
        use http_body_util::BodyExt as _;
        let collected = request.into_body().collect().await;
        // The exchange with an upstream finds the error of a request's body too.
        collected.map_err(|error| *error.downcast::<ProxyError>().unwrap())?;
        Ok(Response::new(Body::empty()))
    }
}

fn limits() -> Limits {
    Limits {
        connections_max: 1,
        requests_max: 1,
        streams_max: 1,
        header_bytes_max: 100,
        headers_max: 2,
        uri_bytes_max: 10,
        request_body_bytes_max: 4,
        sessions_max: 1,
    }
}

async fn status(admission: &Admission<BodyBounds<Answers>>, request: http::request::Builder, body: Body) -> u16 {
    let request = Box::new(request.body(body).unwrap());
    let cx = testing::context(&request);
    match admission.handle(request, &cx).await {
        Ok(response) => response.status().as_u16(),
        Err(error) => error.status().as_u16(),
    }
}

fn bounds() -> BodyBoundsLayer {
    BodyBoundsLayer { bytes_max: 4, setting: "bytes_max", timeout_silence: std::time::Duration::from_secs(7) }
}

fn admission() -> Admission<BodyBounds<Answers>> {
    use tower::Layer as _;
    let layer = AdmissionLayer { permits: Arc::default(), limits: limits() };
    layer.layer(bounds().layer(Answers))
}

#[tokio::test]
async fn what_is_within_the_bounds_passes() {
    assert_eq!(status(&admission(), http::Request::post("/"), Body::full("1234")).await, 200);
}

#[tokio::test]
async fn each_bound_has_its_status() {
    let many = ["a", "b", "c"].iter().fold(http::Request::get("/"), |request, name| request.header(*name, "1"));
    assert_eq!(status(&admission(), many, Body::empty()).await, 431);
    assert_eq!(status(&admission(), http::Request::get("/12345678901"), Body::empty()).await, 414);
    assert_eq!(status(&admission(), http::Request::post("/"), Body::full("12345")).await, 413);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_off() {
    let chunks = futures_body(["123", "45"]);
    assert_eq!(status(&admission(), http::Request::post("/"), chunks).await, 413);
}

#[tokio::test]
async fn permits_are_given_back_when_the_request_ends() {
    let admission = admission();
    let request = Box::new(http::Request::get("/").body(Body::empty()).unwrap());
    let cx = testing::context(&request);
    let response = cx.answered(admission.handle(request, &cx).await.unwrap());
    assert_eq!(status(&admission, http::Request::get("/"), Body::empty()).await, 503);
    drop(response);
    assert_eq!(status(&admission, http::Request::get("/"), Body::empty()).await, 200);
}

/// A body whose length is not known beforehand.
fn futures_body<const N: usize>(chunks: [&'static str; N]) -> Body {
    struct Chunks<const N: usize>(std::array::IntoIter<&'static str, N>);
    impl<const N: usize> http_body::Body for Chunks<N> {
        type Data = bytes::Bytes;
        type Error = crate::error::BoxError;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
            std::task::Poll::Ready(self.0.next().map(|chunk| Ok(http_body::Frame::data(chunk.into()))))
        }
    }
    Body::boxed(Chunks(chunks.into_iter()))
}

#[tokio::test(start_paused = true)]
async fn silence_within_a_body_of_http2_is_bounded() {
    use tower::Layer as _;
    clock::follow_tokio();
    let silence = bounds().layer(Answers);
    let body = || Body::boxed(Silent);
    let request = Box::new(http::Request::post("/").version(http::Version::HTTP_2).body(body()).unwrap());
    let cx = testing::context(&request);
    let start = tokio::time::Instant::now();
    assert_eq!(silence.handle(request, &cx).await.unwrap_err().status(), 408);
    assert_eq!(start.elapsed().as_secs(), 7);
    assert_eq!(cx.counters.requests_timed_out.value(), 1);

    let request = Box::new(http::Request::post("/").body(body()).unwrap());
    let handled = silence.handle(request, &cx);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(60), handled).await.is_err(), "of HTTP/1.1 it is not");
}

/// A body that goes on, but not now.
struct Silent;

impl http_body::Body for Silent {
    type Data = bytes::Bytes;
    type Error = crate::error::BoxError;
    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}
