//! Host to site. Each site has a pipeline of its own behind it, with its access rules and settings built in.

use std::rc::Rc;

use http::StatusCode;

use super::{context::Context, handler::Handler};
use crate::{
    error::{ErrorType, ProxyError},
    rules::route::Hosts,
    service::{Outcome, Request},
};

/// Chooses among sites by host.
#[derive(Debug)]
pub struct Site<S> {
    /// Each site's pipeline, by its hosts.
    pub sites: Hosts<Rc<S>>,
}

impl<S: Handler> Handler for Site<S> {
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        let host = cx.host.get().map_or("", |host| host);
        match self.sites.find(host) {
            Some(pipeline) => pipeline.handle(request, cx).await,
            // RFC 9110 section 15.5.20.
            None => Err(ProxyError::client(ErrorType::DestinationNotFound)
                .with_status(StatusCode::MISDIRECTED_REQUEST)
                .with_detail("no site has this host")),
        }
    }
}
