//! After a switch of protocols: octets are carried both ways, unseen, until one side ends or both are silent.

use std::{cell::Cell, rc::Rc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split},
    time::{sleep, timeout},
};

use crate::{
    clock::{self, Instant},
    error::{ErrorType, ProxyError},
    proxy::{attempt::Carried, context::Offer, wire::Rewound},
};

/// Octets read at once.
const BUFFER: usize = 16 * 1024;
/// How long the client's side may take to let go of HTTP.
const TIMEOUT_SWITCH: Duration = Duration::from_secs(10);
/// A tunnel in which nothing moves is closed after this many times the upstream's `timeout_idle`: people leave chats
/// open, and TCP notices a vanished peer only when somebody sends.
const IDLE_FACTOR: u32 = 60;

/// Carries octets between the client and the upstream.
pub(super) async fn carry(client: Offer, upstream: Rewound, timeout_idle: Duration) -> Carried {
    let client = match timeout(TIMEOUT_SWITCH, client).await {
        Ok(Ok(client)) => client,
        Ok(Err(_)) => return failed(ProxyError::client(ErrorType::HttpUpgradeFailed).with_detail("the client left")),
        Err(_) => return failed(ProxyError::client(ErrorType::HttpUpgradeFailed).with_detail("took too long")),
    };
    let moved = Rc::new(Cell::new(clock::now()));
    let (from_client, to_client) = split(client);
    let (from_upstream, to_upstream) = split(upstream);
    let sent = Cell::new(0);
    let received = Cell::new(0);
    let both = async {
        tokio::join!(copy(from_client, to_upstream, &sent, &moved), copy(from_upstream, to_client, &received, &moved))
    };
    let silence = timeout_idle.saturating_mul(IDLE_FACTOR);
    let error = tokio::select! {
        (_, _) = both => None,
        () = silent(&moved, silence) => Some(
            ProxyError::upstream(ErrorType::ConnectionReadTimeout)
                .with_detail(format!("nothing moved in the tunnel for {silence:?}")),
        ),
    };
    Carried { sent: sent.get(), received: received.get(), error }
}

fn failed(error: ProxyError) -> Carried {
    Carried { error: Some(error), ..Carried::default() }
}

async fn copy<F, T>(mut from: ReadHalf<F>, mut to: WriteHalf<T>, octets: &Cell<u64>, moved: &Cell<Instant>)
where
    F: AsyncRead,
    T: AsyncWrite,
{
    let mut buffer = vec![0; BUFFER];
    // An end in one direction is passed on, and leaves the other direction open; so does an error, whose other half
    // fails by itself.
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..count]).await.is_err() || to.flush().await.is_err() {
            break;
        }
        octets.set(octets.get() + count as u64);
        moved.set(clock::now());
    }
    to.shutdown().await.ok();
}

async fn silent(moved: &Cell<Instant>, bound: Duration) {
    let mut left = bound;
    while !left.is_zero() {
        sleep(left).await;
        left = bound.saturating_sub(clock::now().since(moved.get()));
    }
}
