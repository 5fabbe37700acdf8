//! Back ends that refuse, hang, are slow, or take only a part.

use tokio::time::Instant;
use tonic::Code;

use super::*;
use crate::support::receiver::Fault;

#[tokio::test]
async fn what_may_be_tried_again_is_tried_again() {
    for protocol in [ExportProtocol::HttpProtobuf, ExportProtocol::HttpJson] {
        let mut receiver = Receiver::start(protocol).await;
        for status in [429, 502, 503, 504] {
            receiver.fail(Fault::Status(status, Some("0")));
        }
        let pipeline = Pipeline::start(&[export("only", &receiver, protocol)]);
        pipeline.record();
        receiver.spans(SPANS).await;
        let status = pipeline.until("only", |status| status.sent == SPANS as u64).await;
        assert_eq!((status.retries, status.dropped_failed), (4, 0));
        assert!(status.last_error.unwrap().message.contains("504 Gateway Timeout: not now"));
    }
    let mut receiver = Receiver::start(ExportProtocol::Grpc).await;
    let codes = [
        Code::Cancelled,
        Code::DeadlineExceeded,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unavailable,
        Code::DataLoss,
        Code::ResourceExhausted,
    ];
    for code in codes {
        receiver.fail(Fault::Code(code, Some(Duration::from_millis(1))));
    }
    let pipeline = Pipeline::start(&[export("only", &receiver, ExportProtocol::Grpc)]);
    pipeline.record();
    receiver.spans(SPANS).await;
    let status = pipeline.until("only", |status| status.sent == SPANS as u64).await;
    assert_eq!((status.retries, status.dropped_failed), (codes.len() as u64, 0));
}

#[tokio::test]
async fn what_may_not_be_tried_again_is_dropped() {
    for (protocol, fault) in [
        (ExportProtocol::HttpProtobuf, Fault::Status(400, None)),
        (ExportProtocol::HttpProtobuf, Fault::Status(307, None)),
        (ExportProtocol::HttpJson, Fault::Status(500, Some("0"))),
        (ExportProtocol::Grpc, Fault::Code(Code::InvalidArgument, Some(Duration::ZERO))),
        (ExportProtocol::Grpc, Fault::Code(Code::Internal, None)),
        (ExportProtocol::Grpc, Fault::Code(Code::ResourceExhausted, None)),
        (ExportProtocol::Grpc, Fault::Status(401, None)),
    ] {
        let mut receiver = Receiver::start(protocol).await;
        receiver.fail(fault.clone());
        let pipeline = Pipeline::start(&[export("only", &receiver, protocol)]);
        pipeline.record();
        let status = pipeline.until("only", |status| status.dropped_failed == SPANS as u64).await;
        assert_eq!((status.retries, status.queue_spans, receiver.attempts()), (0, 0, 1), "{fault:?}");
        // The next message is a new try.
        pipeline.record();
        receiver.spans(SPANS).await;
    }
}

#[tokio::test]
async fn a_back_end_says_when_to_come_back() {
    let mut receiver = Receiver::start(ExportProtocol::HttpProtobuf).await;
    receiver.fail(Fault::Status(503, Some("1")));
    let pipeline = Pipeline::start(&[export("only", &receiver, ExportProtocol::HttpProtobuf)]);
    let begun = Instant::now();
    pipeline.record();
    receiver.spans(SPANS).await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // One that asks for more time than there is gets nothing more.
    receiver.fail(Fault::Status(503, Some("3600")));
    pipeline.record();
    pipeline.until("only", |status| status.dropped_failed == SPANS as u64).await;
}

#[tokio::test]
async fn a_lost_connection_is_opened_again() {
    for protocol in PROTOCOLS {
        let mut receiver = Receiver::start(protocol).await;
        receiver.fail(Fault::Close);
        let pipeline = Pipeline::start(&[export("only", &receiver, protocol)]);
        pipeline.record();
        receiver.spans(SPANS).await;
        pipeline.until("only", |status| status.sent == SPANS as u64).await;
    }
}

#[tokio::test]
async fn a_part_that_is_rejected_is_counted_and_not_sent_again() {
    for protocol in PROTOCOLS {
        let mut receiver = Receiver::start(protocol).await;
        receiver.fail(Fault::Partial(3, "too old"));
        receiver.fail(Fault::Partial(0, "a warning"));
        let pipeline = Pipeline::start(&[export("only", &receiver, protocol)]);
        pipeline.record();
        receiver.spans(SPANS).await;
        let status = pipeline.until("only", |status| status.rejected == 3).await;
        assert_eq!((status.sent, status.retries, receiver.attempts()), (SPANS as u64 - 3, 0, 1));
        assert_eq!(status.last_error.unwrap().message, "3 spans rejected: too old");
        pipeline.record();
        receiver.spans(SPANS).await;
        pipeline.until("only", |status| status.sent == 2 * SPANS as u64 - 3).await;
    }
}

#[tokio::test]
async fn who_refuses_hangs_or_is_slow_harms_only_itself() {
    for protocol in PROTOCOLS {
        let mut healthy = Receiver::start(protocol).await;
        let (refusing, hanging, slow) =
            (Receiver::start(protocol).await, Receiver::start(protocol).await, Receiver::start(protocol).await);
        refusing.fail_always(Some(Fault::Status(503, None)));
        hanging.fail_always(Some(Fault::Hang));
        slow.fail_always(Some(Fault::Slow(Duration::from_millis(50))));
        // Nobody listens at a port that was just given back.
        let gone = Receiver::start(protocol).await;
        let absent = export("absent", &gone, protocol);
        drop(gone);
        let bounded = |name: &str, receiver: &Receiver| Export {
            queue_spans_max: 100,
            batch_spans_max: 20,
            ..export(name, receiver, protocol)
        };
        let pipeline = Pipeline::start(&[
            bounded("refusing", &refusing),
            bounded("hanging", &hanging),
            bounded("slow", &slow),
            Export { queue_spans_max: 100, queue_bytes_max: 10_000, ..absent },
            Export { queue_spans_max: 10_000, ..export("healthy", &healthy, protocol) },
        ]);
        for round in 0..50 {
            for _ in 0..10 {
                pipeline.record();
            }
            healthy.spans(10 * SPANS).await;
            for status in pipeline.exporters.status() {
                assert!(status.name == "healthy" || status.queue_spans <= 100, "{round}: {status:?}");
                assert!(status.name != "absent" || status.queue_bytes <= 10_000, "{round}: {status:?}");
            }
        }
        let all = 500 * SPANS as u64;
        pipeline.until("healthy", |status| status.sent == all).await;
        assert_eq!(healthy.span_count() as u64, all);
        let exporters = Arc::clone(&pipeline.exporters);
        let begun = Instant::now();
        pipeline.collector.shutdown(Duration::from_secs(1)).await;
        assert!(begun.elapsed() < Duration::from_secs(3));
        for status in exporters.status() {
            let ExportStatus { sent, rejected, dropped_queue, dropped_failed, dropped_shutdown, .. } = status;
            assert_eq!(sent + rejected + dropped_queue + dropped_failed + dropped_shutdown, all, "{status:?}");
            assert_eq!((status.queue_spans, status.queue_bytes), (0, 0));
            match status.name.as_str() {
                "healthy" => assert_eq!(sent, all),
                "slow" => assert!(sent > 0 && dropped_shutdown == 0, "{status:?}"),
                _ => assert!(sent == 0 && dropped_queue > 0 && dropped_shutdown > 0, "{status:?}"),
            }
        }
    }
}

#[tokio::test]
async fn ending_sends_what_waits() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(protocol).await;
        let patient = Export { batch_delay: Duration::from_secs(3600), ..export("only", &receiver, protocol) };
        let pipeline = Pipeline::start(&[patient]);
        for _ in 0..50 {
            pipeline.record();
        }
        let exporters = Arc::clone(&pipeline.exporters);
        pipeline.collector.shutdown(Duration::from_secs(10)).await;
        assert_eq!(receiver.span_count(), 50 * SPANS);
        assert_eq!(exporters.status()[0].sent, 50 * SPANS as u64);
    }
}

#[tokio::test]
async fn ending_tries_once_more_who_was_waited_for() {
    let mut receiver = Receiver::start(ExportProtocol::HttpProtobuf).await;
    receiver.fail(Fault::Status(503, Some("20")));
    let pipeline = Pipeline::start(&[export("only", &receiver, ExportProtocol::HttpProtobuf)]);
    pipeline.record();
    pipeline.until("only", |status| status.last_error.is_some()).await;
    let begun = Instant::now();
    pipeline.collector.shutdown(Duration::from_secs(10)).await;
    receiver.spans(SPANS).await;
    assert!(begun.elapsed() < Duration::from_secs(5));
}
