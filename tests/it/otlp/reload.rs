//! A changed list of back ends takes effect while spans flow.

use super::*;
use crate::support::receiver::Fault;

const HTTP: ExportProtocol = ExportProtocol::HttpProtobuf;

#[tokio::test]
async fn what_is_unchanged_keeps_its_connection_and_what_changes_moves() {
    let (mut kept, mut moved, mut added) =
        (Receiver::start(HTTP).await, Receiver::start(HTTP).await, Receiver::start(HTTP).await);
    let (keep, change) = (export("keep", &kept, HTTP), export("change", &moved, HTTP));
    let pipeline = Pipeline::start(&[keep.clone(), change.clone()]);
    pipeline.record();
    kept.spans(SPANS).await;
    moved.spans(SPANS).await;
    pipeline.until("keep", |status| status.sent == SPANS as u64).await;
    pipeline.exporters.reload(&[keep, Export { endpoint: added.endpoint("http"), ..change }]).unwrap();
    pipeline.record();
    kept.spans(SPANS).await;
    added.spans(SPANS).await;
    let status = pipeline.until("keep", |status| status.sent == 2 * SPANS as u64).await;
    assert_eq!(status.queue_spans, 0);
    assert_eq!((kept.connections(), moved.span_count()), (1, SPANS));
}

#[tokio::test]
async fn what_is_removed_first_sends_what_it_holds() {
    let mut receiver = Receiver::start(HTTP).await;
    let patient = Export { batch_delay: Duration::from_secs(3600), ..export("only", &receiver, HTTP) };
    let pipeline = Pipeline::start(&[patient]);
    pipeline.record();
    pipeline.until("only", |status| status.queue_spans == SPANS).await;
    pipeline.exporters.reload(&[]).unwrap();
    assert!(pipeline.exporters.status().is_empty());
    receiver.spans(SPANS).await;
}

#[tokio::test]
async fn a_faulty_list_changes_nothing() {
    let mut receiver = Receiver::start(HTTP).await;
    receiver.fail(Fault::Status(503, Some("0")));
    let only = export("only", &receiver, HTTP);
    let pipeline = Pipeline::start(std::slice::from_ref(&only));
    let faulty = Export { name: "faulty".to_owned(), ca_file: Some("does-not-exist.pem".into()), ..only };
    assert!(pipeline.exporters.reload(&[faulty]).is_err());
    pipeline.record();
    receiver.spans(SPANS).await;
    assert_eq!(pipeline.exporters.status().len(), 1);
}
