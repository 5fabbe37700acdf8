//! A timer that outlives what it bounds. It is armed for the earliest deadline seen and left alone while deadlines move
//! away: when it goes off, it is armed again for what holds by then. So what happens a thousand times a second touches
//! the runtime's timers once per deadline, and not each time.

use std::{
    fmt,
    future::Future as _,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use tokio::{task::unconstrained, time::Sleep};

use crate::clock::{self, Instant};

/// A timer. It takes no room before it is first needed.
#[derive(Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Option<Instant>,
}

impl Timer {
    /// Ready when `deadline` is reached; else the task of `cx` is woken by then.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        loop {
            if self.armed.is_none_or(|armed| deadline < armed) {
                let now = clock::now();
                if deadline <= now {
                    return Poll::Ready(());
                }
                self.arm(tokio::time::Instant::now() + deadline.since(now));
                self.armed = Some(deadline);
            }
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
            }
            self.armed = None;
        }
    }

    /// Forgets the task that waited: it is neither woken nor kept.
    pub(super) fn rest(&mut self) {
        let Some(sleep) = &mut self.sleep else { return };
        // Whatever the task has done so far: it would not be forgotten where its budget is used up.
        let sleep = pin!(unconstrained(sleep.as_mut()));
        if sleep.poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            self.armed = None;
        }
    }

    fn arm(&mut self, at: tokio::time::Instant) {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("armed", &self.armed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::Wake,
        time::Duration,
    };

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn due(timer: &mut Timer, deadline: Instant) -> Instant {
        poll_fn(|cx| timer.poll_due(cx, deadline)).await;
        clock::now()
    }

    fn is_due(timer: &mut Timer, deadline: Instant) -> bool {
        timer.poll_due(&mut Context::from_waker(Waker::noop()), deadline).is_ready()
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_waited_for_and_no_longer() {
        clock::follow_tokio();
        let (mut timer, start) = (Timer::default(), clock::now());
        let reached = due(&mut timer, start.plus(SECOND)).await.since(start);
        assert!(reached >= SECOND && reached < SECOND + Duration::from_millis(5), "{reached:?}");
        assert!(is_due(&mut timer, start), "what lies behind is due");
    }

    #[tokio::test(start_paused = true)]
    async fn deadlines_may_move_either_way() {
        clock::follow_tokio();
        let (mut timer, start) = (Timer::default(), clock::now());
        assert!(!is_due(&mut timer, start.plus(2 * SECOND)));
        assert!(!is_due(&mut timer, start.plus(60 * SECOND)), "left alone");
        let reached = due(&mut timer, start.plus(SECOND)).await.since(start);
        assert!(reached < 2 * SECOND, "it goes off for what is nearer: {reached:?}");
        let reached = due(&mut timer, start.plus(60 * SECOND)).await.since(start);
        assert!(reached >= 60 * SECOND, "and is armed again for what is farther: {reached:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_woken_by_a_timer_at_rest() {
        clock::follow_tokio();
        let (mut timer, start) = (Timer::default(), clock::now());
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(timer.poll_due(&mut Context::from_waker(&waker), start.plus(SECOND)).is_pending());
        drop(waker);
        timer.rest();
        assert_eq!(Arc::strong_count(&woken), 1, "nor is it kept");
        tokio::time::sleep(2 * SECOND).await;
        assert!(!woken.0.load(Ordering::Relaxed));
        assert!(is_due(&mut timer, start.plus(SECOND)));
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}
