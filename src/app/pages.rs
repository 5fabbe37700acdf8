//! Between the workers' door (`proxy::reserved`) and the console behind it: neither knows the other.

use std::{future::Future, sync::Arc};

use http::{HeaderMap, Uri};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    console::{self, Console, Visit},
    proxy::reserved::{Call, Door, Facts, Pages},
};

/// Requests to the pages that may wait, over all workers.
const CALLS_MAX: usize = 64;
/// Requests to the pages that are answered at once: a provider that people sign in at may be slow.
const ANSWERS_MAX: usize = 64;

/// The door to a console, and the task that answers behind it, in the background, until the last door is gone.
pub fn open(console: Arc<Console>) -> (Door, impl Future<Output = ()> + Send) {
    let (calls, mut waiting) = mpsc::channel::<Call>(CALLS_MAX);
    let door = Door { pages: Arc::new(Authority(Arc::clone(&console))), calls };
    let answering = async move {
        let mut answers = JoinSet::new();
        loop {
            tokio::select! {
                call = waiting.recv(), if answers.len() < ANSWERS_MAX => match call {
                    Some(call) => drop(answers.spawn(answer(Arc::clone(&console), call))),
                    None => break,
                },
                Some(_) = answers.join_next() => {}
            }
        }
        while answers.join_next().await.is_some() {}
    };
    (door, answering)
}

async fn answer(console: Arc<Console>, Call { request, facts, reply }: Call) {
    let visit = visit(facts, console::Door::Site);
    // Whoever asked may have gone meanwhile.
    drop(reply.send(console.answer(&request, &visit).await));
}

struct Authority(Arc<Console>);

impl Pages for Authority {
    fn claims(&self, uri: &Uri, headers: &HeaderMap, facts: &mut Facts) -> bool {
        let mut visit = visit(facts.clone(), console::Door::Site);
        let claims = self.0.claims(uri, headers, &mut visit);
        facts.credentials = visit.credentials;
        claims
    }
}

fn visit(facts: Facts, door: console::Door) -> Visit {
    let Facts { host, scheme, client, peer_trust, credentials } = facts;
    Visit { host: host.into(), scheme, client, peer_trust, door, credentials }
}

#[cfg(test)]
mod tests;
