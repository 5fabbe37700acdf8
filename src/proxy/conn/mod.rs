//! One client connection: HTTP/1.1 or HTTP/2, upgrades, and every timeout.
//!
//! A connection begins *parked*: no HTTP machinery, no buffers, only its IO and one timer. With its first octets the
//! protocol is known; a second after the last HTTP/1.1 response it is parked again. So an idle connection costs what
//! its socket costs, and a busy one never pays for that.
//!
//! HTTP/1.1 is of our own ([`http1`]): the parser that refuses what could be understood in two ways is the only one, and
//! what an upstream says before its final response is passed on. HTTP/2 is hyper's.
//!
//! Streams and requests only: where streams come from (`listener`, `tls`) is not known here.

mod alarm;
mod counted;
mod front;
mod http1;
mod http2;
mod park;
mod stream;

use std::{cell::RefCell, rc::Rc, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};

use self::{front::Front, park::Parked, stream::Stream};
use super::{context::Conn, drain::Drain, handler::Serve, permits::Permit, tasks::Running};
use crate::{
    config::model::{Limits, Timeouts},
    trace::counters::Counters,
};

/// What a connection is served with.
#[derive(Debug)]
pub struct Terms {
    /// Bounds and timeouts.
    pub settings: Holding,
    /// Which protocols may be spoken.
    pub protocols: Protocols,
    /// The signal to stop.
    pub drain: Drain,
    /// Its place among all connections; kept as long as its socket, upgrades included.
    pub place: Option<Place>,
    /// What this worker counts.
    pub counters: Arc<Counters>,
}

/// Bounds and timeouts of connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Bounds.
    pub limits: Limits,
    /// Timeouts.
    pub timeouts: Timeouts,
}

/// The settings that hold now: connections that are open already take over new ones, too, when they look next.
#[derive(Clone, Debug)]
pub struct Holding(Rc<RefCell<Rc<Settings>>>);

impl Holding {
    /// These hold.
    pub fn new(settings: Settings) -> Self {
        Self(Rc::new(RefCell::new(Rc::new(settings))))
    }

    /// From now on these hold.
    pub fn replace(&self, settings: Settings) {
        *self.0.borrow_mut() = Rc::new(settings);
    }

    /// Those that hold now.
    pub fn now(&self) -> Rc<Settings> {
        Rc::clone(&self.0.borrow())
    }
}

/// Which protocols may be spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/1.1 and 1.0.
    Http1,
    /// HTTP/2: agreed on in the TLS handshake.
    Http2,
    /// What the first octets say: HTTP/2 where they are its preface (RFC 9113 section 3.4), else HTTP/1.1.
    Either,
}

/// A connection's place among all connections of the process.
#[derive(Debug)]
pub struct Place {
    counters: Arc<Counters>,
    _permit: Permit,
    _running: Running,
}

impl Place {
    /// Takes the place that `permit` stands for; drain waits for `running`.
    pub fn new(permit: Permit, counters: Arc<Counters>, running: Running) -> Self {
        counters.connections_open.up();
        Self { counters, _permit: permit, _running: running }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counters.connections_open.down();
    }
}

/// Serves a connection until it is closed, handed over to another protocol, or drained.
///
/// Whoever drops the future aborts the connection.
pub async fn serve_connection<I, S>(io: I, conn: Rc<Conn>, serve: S, terms: Terms)
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Serve,
{
    let Terms { settings, protocols, drain, place, counters } = terms;
    let mut stream = Stream::new(io, place);
    let front = Front::new(conn, serve, settings, counters);
    let mut alarm = alarm::Alarm::new(drain);
    let mut protocols = protocols;
    loop {
        match park::wait(&mut stream, &front, &mut alarm, protocols).await {
            Parked::Http1(begun) => match http1::serve(stream, begun, &front, &mut alarm).await {
                Some(quiet) => stream = quiet,
                None => return,
            },
            Parked::Http2 => return http2::serve(stream, &front, &mut alarm).await,
            Parked::Closed => return stream.close().await,
        }
        protocols = Protocols::Http1;
    }
}

#[cfg(test)]
mod tests;
