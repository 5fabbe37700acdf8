//! Asking a running instance's admin listener: `waylight health`, `trace`, `traces`, `purge` and `explain`.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpStream, UnixStream},
    task::JoinSet,
};

use super::{guard::WRITE_HEADER, socket::Stream};
use crate::error::BoxError;

/// Bound on the whole exchange.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A question.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    /// How; what is not GET is a write.
    pub method: Method,
    /// What is asked for.
    pub path: &'a str,
    /// Who asks.
    pub cookie: Option<&'a str>,
    /// The largest answer, in octets.
    pub answer_bytes_max: usize,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

/// The host that an admin listener at `address` is asked as, without its port.
pub fn host(address: &str) -> String {
    let authority = address.strip_prefix("http://").and_then(|rest| rest.parse::<http::uri::Authority>().ok());
    authority.map_or_else(|| "localhost".to_owned(), |authority| authority.host().to_owned())
}

impl Asking<'_> {
    /// Asks at `address`, which is `http://…` or `unix:…`.
    ///
    /// # Errors
    /// Nobody answers there, or not in time.
    pub async fn at(&self, address: &str) -> Result<Answered, BoxError> {
        tokio::time::timeout(TIMEOUT, self.exchange(address))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer in time"))?
    }

    async fn exchange(&self, address: &str) -> Result<Answered, BoxError> {
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
        let mut request = Request::builder().method(&self.method).uri(self.path).header(header::HOST, host);
        if self.method != Method::GET {
            request = request.header(WRITE_HEADER, "1");
        }
        if let Some(cookie) = self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), self.answer_bytes_max).collect().await?.to_bytes();
        Ok(Answered { status, body })
    }
}
