//! The chain itself: the boxed seam of each middleware, its span, and the way on.

use std::{cell::RefCell, fmt, rc::Rc};

use super::Middleware;
use crate::{
    proxy::{context::Context, handler::Handler},
    service::{LocalBoxFuture, Outcome, Request},
    trace::{attributes::AttributeValue, scope::Span, stage::Stage},
};

/// Puts a chain in front of a stage.
#[derive(Clone, Default)]
pub struct ChainLayer {
    links: Vec<Rc<Link>>,
}

/// A chain and the stage that it leads to.
pub struct Chain<S> {
    // Without middleware the stage is called as it is: nothing is boxed.
    pipeline: Option<Rc<Pipeline>>,
    end: Rc<S>,
}

/// One middleware under its configured name.
struct Link {
    configured: Rc<str>,
    middleware: Box<dyn BoxedMiddleware>,
}

/// A chain, whatever it leads to.
pub(super) struct Pipeline {
    links: Vec<Rc<Link>>,
    end: Rc<dyn BoxedHandler>,
}

impl ChainLayer {
    /// Adds a middleware behind the others, under its name in the configuration.
    pub fn push(&mut self, configured: &str, middleware: impl Middleware) {
        self.links.push(Rc::new(Link { configured: configured.into(), middleware: Box::new(middleware) }));
    }
}

impl<S: Handler> tower::Layer<S> for ChainLayer {
    type Service = Chain<S>;

    fn layer(&self, inner: S) -> Chain<S> {
        let end = Rc::new(inner);
        let pipeline = Pipeline { links: self.links.clone(), end: Rc::clone(&end) as Rc<dyn BoxedHandler> };
        Chain { pipeline: (!self.links.is_empty()).then(|| Rc::new(pipeline)), end }
    }
}

impl<S: Handler> Handler for Chain<S> {
    async fn handle(&self, request: Request, cx: &Rc<Context>) -> Outcome {
        match &self.pipeline {
            None => self.end.handle(request, cx).await,
            Some(pipeline) => Pipeline::run(pipeline, 0, request, cx).await,
        }
    }
}

impl Pipeline {
    /// Runs the chain from its `at`th link on.
    pub(super) async fn run(this: &Rc<Self>, at: usize, request: Request, cx: &Rc<Context>) -> Outcome {
        let Some(link) = this.links.get(at) else {
            return this.end.handle_boxed(request, cx).await;
        };
        let mut span = cx.span(Stage::Middleware(link.middleware.boxed_name()));
        span.set("waylight.middleware.name", || &*link.configured);
        let outer = cx.enter(&span);
        let span = RefCell::new(span);
        let next = Next { pipeline: this, at: at + 1, cx, span: &span };
        let outcome = link.middleware.handle_boxed(request, next).await;
        cx.leave(outer);
        let mut span = span.into_inner();
        span.outcome(&outcome);
        // What lies further in lives until its body ends, and so does this: times nest.
        outcome.map(|response| response.map(|body| span.end_with(body)))
    }
}

/// The way on for a middleware: what lies further in, the request's context, and the middleware's own span.
#[derive(Clone, Copy)]
pub struct Next<'a> {
    pipeline: &'a Rc<Pipeline>,
    at: usize,
    cx: &'a Rc<Context>,
    span: &'a RefCell<Span>,
}

impl<'a> Next<'a> {
    /// Hands the request on.
    pub async fn run(self, request: Request) -> Outcome {
        Pipeline::run(self.pipeline, self.at, request, self.cx).await
    }

    /// The request's context.
    pub fn cx(&self) -> &'a Rc<Context> {
        self.cx
    }

    /// Sets an attribute of this middleware's span; `value` is only computed when the request is traced.
    pub fn set<V: AttributeValue>(&self, key: &'static str, value: impl FnOnce() -> V) {
        self.span.borrow_mut().set(key, value);
    }

    /// What lies further in, in a form that outlives this borrow.
    pub(super) fn rest(&self) -> (Rc<Pipeline>, usize) {
        (Rc::clone(self.pipeline), self.at)
    }
}

/// [`Middleware`], in a form that can be boxed.
trait BoxedMiddleware {
    fn boxed_name(&self) -> &'static str;
    fn handle_boxed<'a>(&'a self, request: Request, next: Next<'a>) -> LocalBoxFuture<'a, Outcome>;
}

impl<M: Middleware> BoxedMiddleware for M {
    fn boxed_name(&self) -> &'static str {
        self.name()
    }

    fn handle_boxed<'a>(&'a self, request: Request, next: Next<'a>) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(self.handle(request, next))
    }
}

/// [`Handler`], in a form that can be boxed.
trait BoxedHandler {
    fn handle_boxed<'a>(&'a self, request: Request, cx: &'a Rc<Context>) -> LocalBoxFuture<'a, Outcome>;
}

impl<S: Handler> BoxedHandler for S {
    fn handle_boxed<'a>(&'a self, request: Request, cx: &'a Rc<Context>) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(self.handle(request, cx))
    }
}

impl fmt::Debug for ChainLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.links.iter().map(|link| &link.configured)).finish()
    }
}

impl<S> fmt::Debug for Chain<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let links = self.pipeline.as_ref().map_or(&[][..], |pipeline| &pipeline.links);
        f.debug_list().entries(links.iter().map(|link| &link.configured)).finish()
    }
}

impl fmt::Debug for Next<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("at", &self.at).finish_non_exhaustive()
    }
}
