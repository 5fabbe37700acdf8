//! An origin that does as it is told, over real sockets, and remembers every octet it was sent.

use std::{cell::RefCell, net::SocketAddr, rc::Rc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::spawn_local,
};

/// What is done on one connection, in order.
pub(super) enum Step {
    /// Reads until the end of a request's head.
    Head,
    /// Reads so many octets.
    Octets(usize),
    /// Reads until the other side closes.
    End,
    /// Writes.
    Write(&'static str),
    /// Writes one header field after the other, for ever.
    Flood,
    /// Waits to be told.
    Wait(Rc<Notify>),
    /// Tells somebody.
    Tell(Rc<Notify>),
}

/// An origin; connections beyond its script are accepted and closed.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    seen: Rc<RefCell<Vec<String>>>,
}

impl Origin {
    /// Does the first of `script` on the first connection, and so on.
    pub(super) async fn new(script: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let recorded = Rc::clone(&seen);
        spawn_local(async move {
            let mut script = script.into_iter();
            while let Ok((stream, _)) = listener.accept().await {
                let place = recorded.borrow().len();
                recorded.borrow_mut().push(String::new());
                spawn_local(play(stream, script.next().unwrap_or_default(), place, Rc::clone(&recorded)));
            }
        });
        Self { address, seen }
    }

    /// What was read on each connection.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }

    /// An address where nobody listens.
    pub(super) async fn nobody() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }
}

async fn play(mut stream: TcpStream, steps: Vec<Step>, place: usize, seen: Rc<RefCell<Vec<String>>>) {
    for step in steps {
        match step {
            Step::Head => {
                while !read_one(&mut stream, place, &seen).await || !seen.borrow()[place].ends_with("\r\n\r\n") {
                    if stream.peek(&mut [0]).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
            }
            Step::Octets(count) => {
                for _ in 0..count {
                    read_one(&mut stream, place, &seen).await;
                }
            }
            Step::End => while read_one(&mut stream, place, &seen).await {},
            Step::Write(text) => stream.write_all(text.as_bytes()).await.unwrap_or_default(),
            Step::Flood => while stream.write_all(b"x-more: and more\r\n").await.is_ok() {},
            Step::Wait(told) => told.notified().await,
            Step::Tell(whom) => whom.notify_one(),
        }
    }
}

async fn read_one(stream: &mut TcpStream, place: usize, seen: &RefCell<Vec<String>>) -> bool {
    match stream.read_u8().await {
        Ok(octet) => {
            seen.borrow_mut()[place].push(char::from(octet));
            true
        }
        Err(_) => false,
    }
}
