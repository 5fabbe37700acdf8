use http_body_util::BodyExt as _;

use super::*;
use crate::{
    body::Piped,
    console::export::testing::{MS, kept, span},
};

fn parsed(columns: &Columns) -> Value {
    serde_json::from_slice(&columns.whole()).unwrap()
}

#[test]
fn columns_have_one_entry_for_each_span() {
    let spans = vec![span((3, 9), "lost", (40, 50)), span((1, 0), "a \"b\"", (0, 100)), span((2, 1), "lost", (10, 20))];
    let mut columns = Columns::read(&kept(spans), Some("127.0.0.1:4318"));
    columns.tell("state", json!("done"));
    let read = parsed(&columns);
    assert_eq!(read["state"], "done");
    assert_eq!(read["strings"], json!(["a \"b\"", "shop", "", "lost"]));
    let spans = read["spans"].as_object().unwrap();
    assert!(spans.values().all(|column| column.as_array().unwrap().len() == 3), "{read}");
    assert_eq!(spans["name"], json!([0, 3, 3]));
    assert_eq!(
        (&spans["stage"], &spans["note"], &spans["tag"]),
        (&json!([2, 2, 2]), &json!([2, 2, 2]), &json!([2, 2, 2]))
    );
    assert_eq!(spans["parent"], json!([null, "0000000000000001", "0000000000000009"]));
    assert_eq!(spans["start_us"], json!([0, 10_000, 40_000]));
    assert_eq!(spans["own_us"], json!([90_000, 10_000, 10_000]));
    assert_eq!(spans["flags"], json!([CRITICAL, CRITICAL, ORPHAN]));
    assert_eq!(read["critical"][1], json!(["0000000000000002", 10_000, 10_000]));
    assert_eq!(read["clock"], Value::Null);
    assert!(read["verdict"]["sentence"].is_string());
}

#[test]
fn an_empty_trace_has_empty_columns() {
    let read = parsed(&Columns::read(&kept(Vec::new()), None));
    assert_eq!(read["spans"]["id"], json!([]));
    assert_eq!(read["entry"], Value::Null);
}

#[tokio::test]
async fn what_is_written_in_pieces_is_the_whole() {
    let spans = (1..=5000).map(|number| span((number, number / 2), "x", (0, 100 * MS))).collect();
    let columns = Columns::read(&kept(spans), None);
    let (pipe, body) = Piped::new();
    let write = async {
        columns.write(&pipe).await.unwrap();
        drop(pipe);
    };
    let (read, ()) = tokio::join!(body.collect(), write);
    assert_eq!(read.unwrap().to_bytes(), columns.whole());
}

#[tokio::test]
async fn nobody_is_written_for_who_has_gone() {
    let spans = (1..=5000).map(|number| span((number, 0), "x", (0, 1))).collect();
    let (pipe, body) = Piped::new();
    drop(body);
    assert_eq!(Columns::read(&kept(spans), None).write(&pipe).await, Err(Gone));
}

#[test]
fn microseconds_are_exact_to_the_nanosecond() {
    let text = |nanos| {
        let mut text = String::new();
        decimal(&mut text, nanos);
        text
    };
    assert_eq!([text(0), text(1000), text(1500), text(1001), text(999)], ["0", "1", "1.5", "1.001", "0.999"]);
    assert_eq!((micros(1500), signed_micros(-2500), signed_micros(3000)), (json!(1.5), json!(-2.5), json!(3)));
}
