//! The only clock. Time is read from the processor's counter, a few nanoseconds a reading; the wall clock is read
//! once, at the anchor, so its steps never reorder spans. A test that pauses tokio's time makes this clock follow it.

use std::{cell::Cell, sync::LazyLock, time::Duration};

/// A moment: nanoseconds since this process's anchor. Never goes backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The time from `earlier` to this moment; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment on the wall clock: nanoseconds since the Unix epoch.
    pub fn unix_nanos(self) -> u64 {
        ANCHOR.wall_nanos.saturating_add(self.0)
    }

    /// The moment at `nanos` since the Unix epoch; the anchor, if that lies before it.
    pub fn from_unix_nanos(nanos: u64) -> Self {
        Self(nanos.saturating_sub(ANCHOR.wall_nanos))
    }

    /// This moment and `duration`.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Nanoseconds since the anchor.
    pub fn nanos(self) -> u64 {
        self.0
    }

    /// The moment at `nanos` since the anchor.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }
}

/// Now.
pub fn now() -> Instant {
    if let Some(base) = VIRTUAL.get() {
        return Instant(u64::try_from(base.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    let anchor = &*ANCHOR;
    Instant(anchor.clock.delta_as_nanos(anchor.raw, anchor.clock.raw()))
}

/// Now on the wall clock, in whole seconds since the Unix epoch: what tokens and cookies are dated with.
pub fn unix_seconds() -> u64 {
    now().unix_nanos() / 1_000_000_000
}

/// Now as `Date` has it (RFC 9110 section 5.6.7), written once a second.
pub fn date() -> [u8; DATE_BYTES] {
    let seconds = unix_seconds();
    let (written, mut date) = DATE.get();
    if written != seconds {
        let moment = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
        // It never has another length.
        if let Ok(text) = httpdate::fmt_http_date(moment).as_bytes().try_into() {
            date = text;
        }
        DATE.set((seconds, date));
    }
    date
}

/// The length of a date, in octets.
pub const DATE_BYTES: usize = 29;

/// Makes the clock of this thread follow tokio's time, which a test may pause and advance.
pub fn follow_tokio() {
    // Both clocks start at the same moment, so readings before and after compare.
    VIRTUAL.set(Some(tokio::time::Instant::now()));
}

struct Anchor {
    clock: quanta::Clock,
    raw: u64,
    wall_nanos: u64,
}

static ANCHOR: LazyLock<Anchor> = LazyLock::new(|| {
    let clock = quanta::Clock::new();
    #[expect(clippy::disallowed_methods, reason = "the one reading of the wall clock")]
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Anchor { raw: clock.raw(), clock, wall_nanos: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX) }
});

thread_local! {
    static DATE: Cell<(u64, [u8; DATE_BYTES])> = const { Cell::new((0, *b"Thu, 01 Jan 1970 00:00:00 GMT")) };
    static VIRTUAL: Cell<Option<tokio::time::Instant>> = const { Cell::new(None) };
}
