//! All routes of a site, compiled: which one takes a request, or why none does.

use http::Method;

use super::{
    condition::{Ask, Conditions},
    path::Params,
    segments::Segments,
};

/// The most candidates that [`Table::explain`] names.
const MISSED_MAX: usize = 16;

/// Routes by path, each with a value. The cost of finding one does not grow with their number.
#[derive(Clone, Debug)]
pub struct Table<T> {
    segments: Segments,
    routes: Vec<(Conditions, T)>,
}

/// The route that takes a request.
#[derive(Debug)]
pub struct Found<'t, T> {
    /// Its place in the order of the file.
    pub index: usize,
    /// What it demands.
    pub conditions: &'t Conditions,
    /// What it leads to.
    pub value: &'t T,
    /// What its pattern took out of the path.
    pub params: Params,
}

/// No route takes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// None at all: 404.
    NotFound,
    /// Some would, with another of these methods: 405 with `Allow` (RFC 9110 section 15.5.6).
    MethodNotAllowed(Vec<Method>),
}

/// A route that does not take a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed<'t> {
    /// Its place in the order of the file.
    pub route: usize,
    /// Why.
    pub why: Why<'t>,
}

/// Why a route does not take a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why<'t> {
    /// The path is another.
    Path,
    /// The method is another.
    Method,
    /// This header is not as demanded.
    Header(&'t str),
    /// This query parameter is not as demanded.
    Query(&'t str),
    /// It would take it, but a better one did.
    Outranked,
}

impl Why<'_> {
    /// In words, for a span.
    pub fn describe(&self) -> String {
        match self {
            Self::Path => "path".into(),
            Self::Method => "method".into(),
            Self::Header(name) => format!("header {name}"),
            Self::Query(name) => format!("query {name}"),
            Self::Outranked => "outranked".into(),
        }
    }
}

impl<T> Table<T> {
    /// Compiles routes, given in the order of the file.
    pub fn new(routes: impl IntoIterator<Item = (Conditions, T)>) -> Self {
        let routes: Vec<_> = routes.into_iter().collect();
        let segments = Segments::new(routes.iter().map(|(conditions, _)| &conditions.path), |places| {
            places.sort_by_key(|&route| (std::cmp::Reverse(routes[route as usize].0.count()), route));
        });
        Self { segments, routes }
    }

    /// The route that takes a request.
    ///
    /// # Errors
    /// Whether there is none at all, or none for this method.
    pub fn find(&self, ask: &Ask<'_>) -> Result<Found<'_, T>, Miss> {
        let mut allowed: Vec<Method> = Vec::new();
        let found = self.segments.walk(ask.path, &mut |route| {
            let conditions = &self.routes[route as usize].0;
            match why(conditions, ask) {
                None => return Some(route as usize),
                Some(Why::Method) => {
                    for method in with_head(&conditions.methods) {
                        if !allowed.contains(method) {
                            allowed.push(method.clone());
                        }
                    }
                }
                Some(_) => {}
            }
            None
        });
        let Some(index) = found else {
            return Err(if allowed.is_empty() { Miss::NotFound } else { Miss::MethodNotAllowed(allowed) });
        };
        let (conditions, value) = &self.routes[index];
        Ok(Found { index, conditions, value, params: conditions.path.params(ask.path) })
    }

    /// Why the routes beside `taken` do not take a request: first those whose path fits, then the others in the order
    /// of the file; sixteen at most. For traced requests only: this looks at more routes than [`Self::find`].
    pub fn explain(&self, ask: &Ask<'_>, taken: Option<usize>) -> Vec<Missed<'_>> {
        let mut missed = Vec::new();
        let mut fits = Vec::new();
        self.segments.walk(ask.path, &mut |route| {
            let route = route as usize;
            fits.push(route);
            if Some(route) != taken {
                let why = why(&self.routes[route].0, ask).unwrap_or(Why::Outranked);
                missed.push(Missed { route, why });
            }
            (missed.len() == MISSED_MAX).then_some(())
        });
        let others = (0..self.routes.len()).filter(|route| !fits.contains(route));
        let room = MISSED_MAX - missed.len();
        missed.extend(others.take(room).map(|route| Missed { route, why: Why::Path }));
        missed
    }

    /// The value of the route at `index` in the order of the file.
    pub fn route(&self, index: usize) -> Option<(&Conditions, &T)> {
        self.routes.get(index).map(|(conditions, value)| (conditions, value))
    }
}

/// Why a route whose path fits does not take a request. The method last: a 405 is only right where the rest fits.
fn why<'t>(conditions: &'t Conditions, ask: &Ask<'_>) -> Option<Why<'t>> {
    if let Some(name) = conditions.failed_header(ask) {
        return Some(Why::Header(name.as_str()));
    }
    if let Some(name) = conditions.failed_query(ask) {
        return Some(Why::Query(name));
    }
    (!conditions.takes_method(ask.method)).then_some(Why::Method)
}

fn with_head(methods: &[Method]) -> impl Iterator<Item = &Method> {
    let head = methods.contains(&Method::GET) && !methods.contains(&Method::HEAD);
    methods.iter().chain(head.then_some(&Method::HEAD))
}
