//! What the stages' unit tests share: a connection and a context without a socket.

use std::{rc::Rc, sync::Arc};

use opentelemetry::trace::TraceFlags;

use super::context::{Conn, Context, Keeping};
use crate::{
    clock,
    config::model::{Scheme, Toggle},
    rules::trace_context::{self, Incoming, NewIds, Policy, Presenter, Settings},
    service::Request,
    trace::{
        counters::Counters,
        ids,
        outbox::{Inbox, Outbox},
        recording::Begin,
        requests::log::{RequestLog, RequestOutbox},
        scope::Span,
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

/// Traces the request of `cx`; its spans come out at the end that is given back.
pub(crate) fn trace(cx: &Context) -> Inbox {
    let (outbox, inbox) = Outbox::new(8, Arc::new(Counters::default()));
    let new = NewIds { trace_id: ids::trace_id(), sample_rate: 1.0 };
    let trust = Policy::Restart.trust(Presenter::Anyone);
    let outgoing = trace_context::propagate(&Incoming::default(), trust, &Settings::default(), new);
    let begin = Begin { trace_id: outgoing.trace_id, flags: TraceFlags::SAMPLED, outbox, meter: None, spans_max: 9 };
    cx.trace(Span::root(begin, None, clock::now()), outgoing, "test");
    inbox
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
