//! What the stages' unit tests share: a connection and a context without a socket.

use std::{rc::Rc, sync::Arc};

use super::context::{Conn, Context, Keeping};
use crate::{
    clock,
    config::model::{Scheme, Toggle},
    service::Request,
    trace::{
        counters::Counters,
        requests::log::{RequestLog, RequestOutbox},
    },
};

/// A plain connection from 192.0.2.1.
pub(crate) fn conn() -> Rc<Conn> {
    let (peer, local) = (([192, 0, 2, 1], 40000).into(), ([127, 0, 0, 1], 80).into());
    let conn = Conn::new(peer, local, Scheme::Http, clock::now(), None);
    conn.requests.set(1);
    Rc::new(conn)
}

/// The context of `request`, on a connection of its own.
pub(crate) fn context(request: &Request) -> Rc<Context> {
    let counters = Arc::new(Counters::default());
    Rc::new(Context::new(conn(), request, Arc::clone(&counters), keeping(counters)))
}

/// Keeps nothing.
pub(crate) fn keeping(counters: Arc<Counters>) -> Rc<Keeping> {
    let log = Rc::new(RequestLog::new(RequestOutbox::new(1, counters).0));
    Rc::new(Keeping {
        access_log: None,
        header_sets: Toggle::On,
        request_id_header: None,
        redaction: Arc::default(),
        log,
    })
}
