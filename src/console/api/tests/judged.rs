//! What a trace is held against, and asking for it again.

use super::*;
use crate::console::export::testing::MS;

#[tokio::test]
async fn expectations_are_judged_as_the_command_does() {
    let desk = Desk::new().await;
    let known = RequestRow { first_byte: Some(150 * MS), ..row() };
    desk.console.shelf.store().ok().unwrap().write_requests(vec![known]).await.unwrap();
    let path = format!("/traces/{TRACE}/expect");
    let told = parsed(&desk.get(&format!("{path}?e=ttfb%3C200ms%0A%0A%20status%3D404%0Aspeed%3C1s")).await);
    let items = told["items"].as_array().unwrap();
    assert_eq!(items.len(), 3, "{told}");
    assert_eq!((&items[0]["text"], &items[0]["met"]), (&json!("ttfb<200ms"), &json!(true)));
    assert_eq!(items[0]["limit"], json!({ "of": "ttfb", "us": 200_000 }));
    assert_eq!((&items[1]["met"], &items[1]["actual"]), (&json!(false), &json!("200")));
    assert_eq!((&items[2]["met"], &items[2]["fault"]["at"]), (&json!(null), &json!(0)));
    for bad in [path.clone(), format!("{path}?e={}", "a%0A".repeat(17))] {
        assert_eq!(desk.get(&bad).await.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn what_is_usual_is_read_from_other_runs_of_the_same_request() {
    let desk = Desk::new().await;
    let store = desk.console.shelf.store().ok().unwrap();
    // Two more runs, one that failed, and one of another address.
    let runs =
        [(8_u8, "/cart", 200, 120), (9, "/cart", 200, 300), (10, "/cart", 500, 9_000), (11, "/about", 200, 9_000)];
    for (id, path, status, length) in runs {
        let mut root = span((1, 0), "GET /", (0, length));
        root.trace_id = vec![id; 16];
        store.write(Batch::of(Source::App, &message(vec![root]))).await.unwrap();
        let trace = Some(TraceId::from_bytes([id; 16]));
        let other = RequestRow { id: id.into(), path: path.into(), status, trace, ..row() };
        store.write_requests(vec![other]).await.unwrap();
    }
    let told = parsed(&desk.get(&format!("/traces/{TRACE}/runs")).await);
    let of = [100, 120, 300].map(|ms| ms * MS / 1000);
    assert_eq!(told["runs"], 3);
    assert_eq!(told["spans"], json!({ "0000000000000001": [3, of[0], of[1], of[2], of[2]] }));
    assert_eq!(desk.get("/traces/00000000000000000000000000000001/runs").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_trace_is_given_again_only_if_there_is_more() {
    let desk = Desk::new().await;
    let path = format!("/traces/{TRACE}");
    let again = async |tag: &HeaderValue| {
        let request = Request::get(format!("{BASE}{path}")).header("if-none-match", tag);
        desk.send(Some(Role::Admin), request.body(Bytes::new()).unwrap()).await
    };
    let tag = desk.get(&path).await.headers()["etag"].clone();
    let unchanged = again(&tag).await;
    assert_eq!((unchanged.status(), unchanged.body().len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(unchanged.headers()["etag"], tag);
    let more = message(vec![span((3, 1), "more", (20, 30))]);
    desk.console.shelf.store().ok().unwrap().write(Batch::of(Source::App, &more)).await.unwrap();
    let grown = again(&tag).await;
    assert_eq!((grown.status(), parsed(&grown)["spans"]["id"].as_array().unwrap().len()), (StatusCode::OK, 3));
    assert_ne!(grown.headers()["etag"], tag);
    for other in ["\"\"", "*", "\"1-1-open\""] {
        assert_eq!(again(&HeaderValue::from_static(other)).await.status(), StatusCode::OK, "{other}");
    }
}
