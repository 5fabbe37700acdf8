//! What a page gets that is made outside of the routes, since its request failed before one was known, or around one: what
//! other pages of its site get. It is taken down while the request is at hand, by whoever gives pages theirs, and used by
//! whoever makes the page.

use std::rc::Rc;

use super::Context;
use crate::service::{LocalBoxFuture, Request, Response};

/// Knows what the pages of a site get.
pub trait Wardrobe {
    /// What a page gets that answers this request; `None`: nothing.
    fn choose(&self, request: &Request, cx: &Context) -> Option<Dress>;
}

/// Gives a page what was chosen for it.
pub type Dress = Box<dyn FnOnce(Response, Rc<Context>) -> LocalBoxFuture<'static, Response>>;

impl Context {
    /// Takes down what a page gets that is made outside of the routes. Nobody gets anything who is neither known nor traced.
    pub fn choose(&self, wardrobe: &dyn Wardrobe, request: &Request) {
        if self.is_known() || self.is_traced() {
            *self.dress.borrow_mut() = wardrobe.choose(request, self);
        }
    }

    /// Gives a page that is made outside of the routes what was chosen for it; one in the place of a page of Waylight's own
    /// gets nothing, as that would.
    pub async fn dress(self: &Rc<Self>, page: Response) -> Response {
        let dress = self.dress.take().filter(|_| !self.is_ours.get());
        match dress {
            Some(dress) => dress(page, Rc::clone(self)).await,
            None => page,
        }
    }
}
