//! Path, method, headers and query to a route, and on to that route's own pipeline. What the rules are is told in
//! `rules::route`; here they are asked, and a traced request hears why the other candidates missed.

use std::{rc::Rc, sync::Arc};

use http::{HeaderValue, Method, StatusCode, header::ALLOW};
use opentelemetry::{Array, StringValue, Value};

use super::{context::Context, handler::Handler};
use crate::{
    clock,
    error::{ErrorType, ProxyError},
    rules::{
        rewrite::set_path,
        route::{Ask, Conditions, Found, Miss, PathError, RequestPath, Table},
    },
    service::{Outcome, Request},
    trace::{attributes::Attributes, phases::Phase, stage::Stage},
};

/// Chooses among a site's routes.
#[derive(Debug)]
pub struct Route<S> {
    table: Table<Entry<S>>,
}

#[derive(Debug)]
struct Entry<S> {
    name: Arc<str>,
    pattern: Arc<str>,
    /// What spans say of it.
    described: Attributes,
    pipeline: Rc<S>,
}

impl<S> Route<S> {
    /// Routes in the order of the file: what each demands, its name, and its pipeline.
    pub fn new(routes: impl IntoIterator<Item = (Conditions, Arc<str>, S)>) -> Self {
        let entries = routes.into_iter().map(|(conditions, name, pipeline)| {
            let pattern: Arc<str> = conditions.path.as_str().into();
            let mut described = Attributes::default();
            described.set("http.route", &*pattern);
            described.set("waylight.route.name", &*name);
            (conditions, Entry { name, pattern, described, pipeline: Rc::new(pipeline) })
        });
        Self { table: Table::new(entries) }
    }
}

impl<S: Handler> Handler for Route<S> {
    async fn handle(&self, mut request: Request, cx: &Rc<Context>) -> Outcome {
        let (pipeline, forward) = self.choose(&request, cx)?;
        if let Some(forward) = forward {
            set_path(request.uri_mut(), &forward)
                .map_err(|error| ProxyError::proxy(ErrorType::ProxyInternalError).with_source(error))?;
        }
        pipeline.handle(request, cx).await
    }
}

impl<S> Route<S> {
    /// The pipeline, and the path to send on where dot segments were resolved: the upstream answers for the path that
    /// the route was chosen by.
    fn choose(&self, request: &Request, cx: &Context) -> Result<(&S, Option<String>), ProxyError> {
        let mut span = cx.span(Stage::Route);
        let path = RequestPath::parse(request.uri().path()).map_err(hidden)?;
        let ask =
            Ask { method: request.method(), path: &path, query: request.uri().query(), headers: request.headers() };
        let found = self.table.find(&ask);
        let routed = clock::now();
        cx.phases.mark(Phase::Routed, routed);
        span.ended_at(routed);
        if span.is_on() {
            let taken = found.as_ref().ok().map(|found| found.index);
            let missed = self.missed(&ask, taken);
            if !missed.is_empty() {
                span.set("waylight.route.missed", || Value::Array(Array::String(missed)));
            }
        }
        let Found { value: entry, params, .. } = match found {
            Ok(found) => found,
            Err(miss) => {
                let error = missed(miss);
                span.set("error.type", || error.kind.token());
                return Err(error);
            }
        };
        span.set_all(|| &entry.described);
        let known = cx.route.set(Arc::clone(&entry.pattern));
        debug_assert!(known.is_ok(), "a request is routed once");
        if !params.is_empty() {
            *cx.params.borrow_mut() = params;
        }
        Ok((&entry.pipeline, path.forward().map(str::to_owned)))
    }

    fn missed(&self, ask: &Ask<'_>, taken: Option<usize>) -> Vec<StringValue> {
        let told = self.table.explain(ask, taken).into_iter().map(|missed| {
            let name = self.table.route(missed.route).map_or("", |(_, entry)| &*entry.name);
            StringValue::from(format!("{name}: {}", missed.why.describe()))
        });
        told.collect()
    }
}

fn hidden(error: PathError) -> ProxyError {
    ProxyError::client(ErrorType::HttpRequestError).with_detail(error.as_str())
}

fn missed(miss: Miss) -> ProxyError {
    let error = ProxyError::client(ErrorType::DestinationNotFound);
    match miss {
        Miss::NotFound => error.with_status(StatusCode::NOT_FOUND).with_detail("no route takes this request"),
        Miss::MethodNotAllowed(methods) => {
            let error = error.with_status(StatusCode::METHOD_NOT_ALLOWED).with_detail("no route takes this method");
            let list = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
            match HeaderValue::try_from(list) {
                Ok(list) => error.with_header(ALLOW, list),
                Err(_) => error,
            }
        }
    }
}

#[cfg(test)]
mod tests;
