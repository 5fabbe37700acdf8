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

#[tokio::test]
async fn whoever_has_a_trace_is_given_what_is_new() {
    let desk = Desk::new().await;
    let store = desk.console.shelf.store().ok().unwrap();
    let path = format!("/traces/{TRACE}");
    let write = async |ids: std::ops::Range<u64>| {
        let spans = ids.map(|id| span((id, 2), "more", (20, 30))).collect();
        store.write(Batch::of(Source::App, &message(spans))).await.unwrap();
    };
    write(3..50).await;
    let known = parsed(&desk.get(&path).await);
    let version = known["version"].as_str().unwrap();
    assert!(known.get("since").is_none(), "nothing was told before");
    let same = parsed(&desk.get(&format!("{path}?after={version}")).await);
    assert_eq!((&same["since"]["kept"], &same["spans"]["id"]), (&json!([[0, 0, 49]]), &json!([])));
    write(50..52).await;
    let grown = parsed(&desk.get(&format!("{path}?after={version}")).await);
    // The one before them is not the last that is waited for any more.
    assert_eq!(grown["since"], json!({ "version": version, "shift_us": 0, "kept": [[0, 0, 48]] }));
    assert_eq!(grown["spans"]["id"], json!(["0000000000000031", "0000000000000032", "0000000000000033"]));
    assert_eq!(grown["verdict"], parsed(&desk.get(&path).await)["verdict"], "what was read of it is told as a whole");
    assert_ne!(grown["version"], known["version"]);
    let other = parsed(&desk.get(&format!("{path}?after=2-7")).await);
    assert!(other.get("since").is_none(), "there was no such beginning");
    assert_eq!(other["spans"]["id"].as_array().unwrap().len(), 51);
    for bad in ["after=", "after=x", "after=1-1&format=otlp", "redact=cookies", "redact=all&format=otlp"] {
        let expected = if bad == "after=" { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!(desk.get(&format!("{path}?{bad}")).await.status(), expected, "{bad}");
    }
}
