use std::{collections::VecDeque, time::Duration};

use http_body_util::BodyExt as _;
use tokio::time::{Sleep, sleep};

use super::*;

/// Gives each piece after so many milliseconds.
struct Slow {
    left: VecDeque<u64>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(wait) = self.left.front().copied() else { return Poll::Ready(None) };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(Duration::from_millis(wait))));
        std::task::ready!(sleep.as_mut().poll(cx));
        (self.sleep, _) = (None, self.left.pop_front());
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"piece")))))
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_waited_for_is_told_apart() {
    clock::follow_tokio();
    let slow = Slow { left: [10, 700, 20].into(), sleep: None };
    let (mut body, pace) = Pace::of(Body::boxed(slow));
    // Nobody asks for it yet: nobody is waited for.
    sleep(Duration::from_millis(50)).await;
    while let Some(piece) = body.frame().await {
        piece.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    let Some(pace) = pace else { unreachable!("it streams") };
    let millis = |nanos: &Cell<u64>| nanos.get() / 1_000_000;
    assert_eq!(pace.pieces.get(), 3);
    assert_eq!((millis(&pace.giver), millis(&pace.stall), millis(&pace.taker)), (730, 700, 300));
}

#[test]
fn what_is_in_memory_is_not_waited_for() {
    assert!(Pace::of(Body::full("here")).1.is_none());
    assert!(Pace::of(Body::empty()).1.is_none());
}
