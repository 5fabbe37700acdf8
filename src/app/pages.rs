//! Between the workers' door (`proxy::reserved`) and the console behind it: neither knows the other.

use std::{future::Future, sync::Arc};

use http::{HeaderMap, Uri};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    console::{Console, Door, Visit, api::Answer},
    proxy::reserved::{self, Call, Facts, Pages},
    service::BoxFuture,
    trace::counters::Counters,
};

/// Requests to the pages that may wait, over all workers.
const CALLS_MAX: usize = 64;
/// Requests to the pages that are answered at once: a provider that people sign in at may be slow.
const ANSWERS_MAX: usize = 64;

/// The door to a console, and the task that answers behind it, in the background, until the last door is gone. Bodies
/// that are still being written end when `stop` turns true.
pub fn open(
    console: Arc<Console>,
    stop: watch::Receiver<bool>,
    counters: Arc<Counters>,
) -> (reserved::Door, impl Future<Output = ()> + Send) {
    let (calls, mut waiting) = mpsc::channel::<Call>(CALLS_MAX);
    let door = reserved::Door { pages: Arc::new(Authority(Arc::clone(&console))), calls };
    let bodies_max = console.limits().bodies_max;
    let answering = async move {
        let (mut answers, mut bodies) = (JoinSet::new(), JoinSet::new());
        loop {
            tokio::select! {
                call = waiting.recv(), if answers.len() < ANSWERS_MAX => match call {
                    Some(call) => drop(answers.spawn(answer(Arc::clone(&console), call))),
                    None => break,
                },
                Some(rest) = answers.join_next() => {
                    match rest {
                        Ok(Some(rest)) if bodies.len() < bodies_max => {
                            bodies.spawn(until_stopped(rest, stop.clone()));
                        }
                        // Not written, it is cut off: its reader sees that it ended early.
                        Ok(Some(_)) => counters.bodies_cut.one(),
                        Ok(None) | Err(_) => {}
                    }
                }
                Some(_) = bodies.join_next() => {}
            }
        }
        while let Some(rest) = answers.join_next().await {
            if let Ok(Some(rest)) = rest {
                bodies.spawn(until_stopped(rest, stop.clone()));
            }
        }
        while bodies.join_next().await.is_some() {}
    };
    (door, answering)
}

/// What is left to write of a body.
pub(super) type Rest = BoxFuture<'static, ()>;

async fn answer(console: Arc<Console>, Call { request, facts, reply }: Call) -> Option<Rest> {
    let visit = visit(facts);
    let Answer { response, rest } = console.answer(&request, &visit).await;
    // Whoever asked may have gone meanwhile.
    reply.send(response).ok()?;
    rest
}

/// Writes the rest of a body, unless everything stops.
pub(super) async fn until_stopped(rest: Rest, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = rest => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

struct Authority(Arc<Console>);

impl Pages for Authority {
    fn claims(&self, uri: &Uri, headers: &HeaderMap, facts: &mut Facts) -> bool {
        let mut visit = visit(facts.clone());
        let claims = self.0.claims(uri, headers, &mut visit);
        facts.credentials = visit.credentials;
        claims
    }

    fn toolbar(&self) -> &str {
        self.0.toolbar()
    }

    fn body_bytes_max(&self, uri: &Uri, facts: &Facts) -> usize {
        self.0.body_bytes_max(uri.path(), &visit(facts.clone()))
    }
}

fn visit(facts: Facts) -> Visit {
    let Facts { host, scheme, client, peer_trust, console, credentials } = facts;
    let door = if console.is_on() { Door::Console } else { Door::Site };
    Visit { host: host.into(), scheme, client, peer_trust, door, credentials }
}

#[cfg(test)]
mod tests;
