//! A route that Waylight answers by itself, with a fixed response.

use std::rc::Rc;

use bytes::Bytes;
use http::StatusCode;

use super::{context::Context, handler::Handler};
use crate::{
    body::Body,
    config::model::Respond,
    service::{Outcome, Request, Response},
};

/// Gives a fixed response.
#[derive(Debug)]
pub struct Answer {
    respond: Respond,
    body: Bytes,
}

impl Answer {
    /// Answers as `respond` says.
    pub fn new(respond: Respond) -> Self {
        Self { body: Bytes::from(respond.body.clone()), respond }
    }

    /// Answers 404: what stands where nothing is ever asked.
    pub fn nothing() -> Self {
        Self::new(Respond { status: StatusCode::NOT_FOUND, headers: Vec::new(), body: String::new() })
    }
}

impl Handler for Answer {
    async fn handle(&self, _: Request, _: &Rc<Context>) -> Outcome {
        let mut response = Response::new(Body::full(self.body.clone()));
        *response.status_mut() = self.respond.status;
        for (name, value) in &self.respond.headers {
            response.headers_mut().append(name, value.clone());
        }
        Ok(response)
    }
}
