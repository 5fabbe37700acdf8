use std::cell::RefCell;

use http_body_util::BodyExt as _;

use super::*;

#[derive(Default)]
struct Log(RefCell<Vec<String>>);

impl Watch for Log {
    fn data(&self, octets: usize) {
        self.0.borrow_mut().push(octets.to_string());
    }
    fn end(&self, end: End) {
        self.0.borrow_mut().push(format!("{end:?}"));
    }
}

fn watched(body: Body) -> (Body, Rc<Log>) {
    let log = Rc::new(Log::default());
    (body.watched(log.clone()), log)
}

#[tokio::test]
async fn a_body_that_is_read_ends_once() {
    let (body, log) = watched(Body::full("hello"));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
    assert_eq!(*log.0.borrow(), ["5", "Complete"]);
}

#[test]
fn a_body_that_is_dropped_ends_too() {
    let (body, log) = watched(Body::full("hello"));
    drop(body);
    assert_eq!(*log.0.borrow(), ["Dropped"]);
}

#[test]
fn an_empty_body_is_complete_without_being_read() {
    let (body, log) = watched(Body::empty());
    drop(body);
    assert_eq!(*log.0.borrow(), ["Complete"]);
}

#[tokio::test]
async fn watchers_stay_when_the_content_is_edited() {
    let (body, log) = watched(Body::full("hello"));
    let body = body.map_content(|_| Body::full("hi"));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "hi");
    assert_eq!(*log.0.borrow(), ["2", "Complete"]);
}
