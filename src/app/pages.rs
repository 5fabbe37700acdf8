//! Between the workers' door (`proxy::reserved`) and the console behind it: neither knows the other.

use std::{future::Future, sync::Arc};

use tokio::sync::mpsc;

use crate::{
    console::{Console, Visit},
    proxy::reserved::{Call, Door, Facts, Pages},
};

/// Requests to the pages that may wait, over all workers.
const CALLS_MAX: usize = 64;

/// The door to a console, and the task that answers behind it, in the background, until the last door is gone.
pub fn open(console: Arc<Console>) -> (Door, impl Future<Output = ()> + Send) {
    let (calls, mut waiting) = mpsc::channel::<Call>(CALLS_MAX);
    let door = Door { pages: Arc::new(Authority(Arc::clone(&console))), calls };
    let answering = async move {
        while let Some(Call { request, facts, reply }) = waiting.recv().await {
            // Whoever asked may have gone meanwhile.
            drop(reply.send(console.answer(&request, &visit(facts))));
        }
    };
    (door, answering)
}

struct Authority(Arc<Console>);

impl Pages for Authority {
    fn claims(&self, uri: &http::Uri, facts: &Facts) -> bool {
        self.0.claims(uri, &facts.credentials)
    }
}

fn visit(facts: Facts) -> Visit {
    Visit { host: facts.host.into(), scheme: facts.scheme, client: facts.client, credentials: facts.credentials }
}

#[cfg(test)]
mod tests;
