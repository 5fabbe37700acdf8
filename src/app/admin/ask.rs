//! Asking a running instance's admin listener: `waylight health`.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpStream, UnixStream},
    task::JoinSet,
};

use super::socket::Stream;
use crate::error::BoxError;

/// Bound on the whole exchange.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The largest answer, in octets.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Asks for `path` at `address`, which is `http://…` or `unix:…`.
///
/// # Errors
/// Nobody answers there, or not in time.
pub fn ask(address: &str, path: &str) -> Result<(StatusCode, String), BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::time::timeout(TIMEOUT, exchange(address, path))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer in time"))?
    })
}

async fn exchange(address: &str, path: &str) -> Result<(StatusCode, String), BoxError> {
    let (stream, host): (Box<dyn Stream>, &str) = match address.strip_prefix("unix:") {
        Some(path) => (Box::new(UnixStream::connect(path).await?), "localhost"),
        None => {
            let host = address.strip_prefix("http://").unwrap_or(address);
            (Box::new(TcpStream::connect(host).await?), host)
        }
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let request = Request::get(path).header(header::HOST, host).body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
