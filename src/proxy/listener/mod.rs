//! Where clients connect: sockets that are opened once and outlive workers and snapshots.
//!
//! On Linux each worker has a socket of its own for each address, and the kernel shares connections out among them
//! (`SO_REUSEPORT`). That option alone would let a second Waylight of the same user join in silently. So the first
//! socket of an address is bound *and listening* before it is given the option: until then nobody can bind the same
//! address, and a second process, whose first socket lacks the option too, is refused whenever it comes. There is no
//! moment at which both succeed. Elsewhere the workers share one socket, and whoever is free first accepts.

mod accept;

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

pub use self::accept::{Accepted, Acceptor};
use crate::config::model::Listener;

/// Connections that wait to be accepted, for each socket; the kernel may allow fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// A peer that vanished without a word is noticed after about two minutes.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// All listeners of the process.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    bound: Vec<Bound>,
}

/// One listener, with its sockets.
#[derive(Clone, Debug)]
pub struct Bound {
    /// As configured.
    pub listener: Listener,
    sockets: Arc<Sockets>,
}

#[derive(Debug)]
struct Sockets {
    local: SocketAddr,
    each: Vec<TcpListener>,
}

/// A listener could not be opened.
#[derive(Debug)]
pub struct OpenError {
    /// Where it should have listened.
    pub address: SocketAddr,
    /// Why it does not.
    pub source: io::Error,
}

impl Listeners {
    /// Opens `wished` for so many workers. Whatever `previous` has open at the same address stays open and is shared.
    ///
    /// # Errors
    ///
    /// An address cannot be bound, be it that something else listens there. `previous` is untouched then.
    pub fn open(wished: &[Listener], workers: usize, previous: Option<&Self>) -> Result<Self, OpenError> {
        let mut old: Vec<&Bound> = previous.map(|previous| previous.bound.iter().collect()).unwrap_or_default();
        let mut bound = Vec::with_capacity(wished.len());
        for listener in wished {
            let same = old.iter().position(|old| old.listener.address == listener.address);
            let sockets = match same {
                Some(at) => Arc::clone(&old.swap_remove(at).sockets),
                None => Arc::new(
                    Sockets::open(listener.address, workers.max(1))
                        .map_err(|source| OpenError { address: listener.address, source })?,
                ),
            };
            bound.push(Bound { listener: listener.clone(), sockets });
        }
        Ok(Self { bound })
    }

    /// All of them, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Bound> {
        self.bound.iter()
    }
}

impl Bound {
    /// Where it listens, with the port that was found for port 0.
    pub fn local(&self) -> SocketAddr {
        self.sockets.local
    }

    /// Whether both stand for the same sockets.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.sockets, &other.sockets)
    }

    /// The socket of one worker.
    ///
    /// # Errors
    ///
    /// The process has too many open files.
    pub(super) fn socket(&self, worker: usize) -> io::Result<tokio::net::TcpListener> {
        let each = &self.sockets.each;
        let socket = each.get(worker % each.len().max(1)).ok_or(io::ErrorKind::NotFound)?;
        tokio::net::TcpListener::from_std(socket.try_clone()?)
    }
}

impl Sockets {
    fn open(address: SocketAddr, workers: usize) -> io::Result<Self> {
        let first = listening(address, Join::No)?;
        let local = first.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mut each = Vec::with_capacity(workers);
        if cfg!(target_os = "linux") {
            share(&first)?;
            each.push(first.into());
            for _ in 1..workers {
                each.push(listening(local, Join::Yes)?.into());
            }
        } else {
            each.push(first.into());
        }
        Ok(Self { local, each })
    }
}

/// Whether a socket joins others at the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    Yes,
    No,
}

fn listening(address: SocketAddr, join: Join) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections that are closing must not keep the address (TIME_WAIT).
    socket.set_reuse_address(true)?;
    if join == Join::Yes {
        share(&socket)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    // On Linux accepted connections inherit both.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL))?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

#[cfg(unix)]
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(unix))]
fn share(_: &Socket) -> io::Result<()> {
    Ok(())
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {}: something else listens there already", self.address)
            }
            io::ErrorKind::PermissionDenied => write!(f, "cannot listen on {}: not allowed to", self.address),
            io::ErrorKind::AddrNotAvailable => {
                write!(f, "cannot listen on {}: no such address on this machine", self.address)
            }
            _ => write!(f, "cannot listen on {}: {}", self.address, self.source),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
