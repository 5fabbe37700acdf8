//! Host to site. Each site has a pipeline of its own behind it, with its access rules and settings built in.

use std::{collections::HashMap, rc::Rc};

use http::StatusCode;

use super::{context::Context, handler::Handler};
use crate::{
    error::{ErrorType, ProxyError},
    rules::route::HostPattern,
    service::{Outcome, Request},
};

/// Chooses among sites by host: an exact name before a wildcard, a longer wildcard before a shorter one.
#[derive(Debug)]
pub struct Site<S> {
    exact: HashMap<Box<str>, Rc<S>>,
    // Longest first; `*` is the last.
    wildcards: Vec<(HostPattern, Rc<S>)>,
}

impl<S> Site<S> {
    /// Sites, each with its hosts.
    pub fn new(sites: impl IntoIterator<Item = (Vec<HostPattern>, S)>) -> Self {
        let mut exact = HashMap::new();
        let mut wildcards = Vec::new();
        for (hosts, pipeline) in sites {
            let pipeline = Rc::new(pipeline);
            for host in hosts {
                match host.exact() {
                    Some(name) => {
                        exact.insert(name.into(), Rc::clone(&pipeline));
                    }
                    None => wildcards.push((host, Rc::clone(&pipeline))),
                }
            }
        }
        wildcards.sort_by_key(|(host, _)| std::cmp::Reverse(host.as_str().len()));
        Self { exact, wildcards }
    }

    fn find(&self, host: &str) -> Option<&Rc<S>> {
        if !self.exact.is_empty()
            && let Some(pipeline) = self.exact.get(host)
        {
            return Some(pipeline);
        }
        self.wildcards.iter().find(|(pattern, _)| pattern.matches(host)).map(|(_, pipeline)| pipeline)
    }
}

impl<S: Handler> Handler for Site<S> {
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        let host = cx.host.get().map_or("", |host| host);
        match self.find(host) {
            Some(pipeline) => pipeline.handle(request, cx).await,
            // RFC 9110 section 15.5.20.
            None => Err(ProxyError::client(ErrorType::DestinationNotFound)
                .with_status(StatusCode::MISDIRECTED_REQUEST)
                .with_detail("no site has this host")),
        }
    }
}
