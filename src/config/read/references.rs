//! What only shows when all tables are read: names that lead nowhere, hosts served twice, upstreams that are
//! ourselves.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    ops::Range,
};

use super::super::{
    document::{Document, Value, quoted_list},
    model::{Admin, AdminAddress, Endpoint, Listener, Receive},
    value::nearest,
};
use crate::rules::route::HostPattern;

/// What is noted while tables are read, to be looked at when all are.
pub(super) struct References<'d> {
    document: &'d Document<'d>,
    defined: RefCell<BTreeMap<(Kind, String), Range<usize>>>,
    used: RefCell<Vec<(Kind, String, Range<usize>)>>,
    hosts: RefCell<HashMap<HostPattern, usize>>,
    endpoints: RefCell<Vec<(Endpoint, Range<usize>)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Upstream,
    Middleware,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Middleware => "middleware",
        }
    }
}

impl<'d> References<'d> {
    pub(super) fn new(document: &'d Document<'d>) -> Self {
        Self {
            document,
            defined: RefCell::default(),
            used: RefCell::default(),
            hosts: RefCell::default(),
            endpoints: RefCell::default(),
        }
    }

    /// There is one of this name, even if it is faulty.
    pub(super) fn define(&self, kind: Kind, name: &str, span: Range<usize>) {
        self.defined.borrow_mut().insert((kind, name.to_owned()), span);
    }

    /// Reads a name that must lead somewhere.
    pub(super) fn name(&self, kind: Kind, value: &Value<'_>) -> Option<String> {
        let name = value.word()?;
        self.used.borrow_mut().push((kind, name.clone(), value.span.clone()));
        Some(name)
    }

    /// Reads a host, which only one site may serve.
    pub(super) fn host(&self, value: &Value<'_>) -> Option<HostPattern> {
        let host = match HostPattern::parse(&value.word()?) {
            Ok(host) => host,
            Err(error) => {
                value.fault(error.what, error.hint);
                return None;
            }
        };
        let line = self.document.line(value.span.start);
        if let Some(first) = self.hosts.borrow().get(&host) {
            let hint = format!("line {first} serves it already; routes of one host stand in one site");
            value.fault(format!("the host `{host}` is served twice"), &hint);
        }
        self.hosts.borrow_mut().entry(host.clone()).or_insert(line);
        Some(host)
    }

    pub(super) fn endpoint(&self, endpoint: &Endpoint, span: Range<usize>) {
        self.endpoints.borrow_mut().push((endpoint.clone(), span));
    }

    /// Looks at everything noted.
    pub(super) fn resolve(&self, listeners: &[Listener], receive: &Receive, admin: Option<&Admin>) {
        self.resolve_names();
        let admin = admin.and_then(|admin| match admin.address {
            AdminAddress::Tcp(address) => Some(address),
            AdminAddress::Unix(_) => None,
        });
        for (endpoint, span) in self.endpoints.borrow().iter() {
            let hint = "requests of strangers would reach it through Waylight; use another address";
            if admin.is_some_and(|address| is_same(endpoint, address)) {
                self.document.fault(span.clone(), "the upstream is the admin listener", Some(hint.to_owned()));
            }
            if receive.addresses().any(|address| is_same(endpoint, address)) {
                self.document.fault(span.clone(), "the upstream is the OTLP receiver", Some(hint.to_owned()));
            }
            if listeners.iter().any(|listener| is_same(endpoint, listener.address)) {
                let hint = "a request that comes round again is refused as a loop".to_owned();
                self.document.warn(span.clone(), "the upstream is a listener of Waylight itself", Some(hint));
            }
        }
    }

    fn resolve_names(&self) {
        if self.document.is_broken() {
            return;
        }
        let defined = self.defined.borrow();
        let used = self.used.borrow();
        for (kind, name, span) in used.iter() {
            if defined.contains_key(&(*kind, name.clone())) {
                continue;
            }
            let known: Vec<_> = defined.keys().filter(|(of, _)| of == kind).map(|(_, name)| name.as_str()).collect();
            let word = kind.word();
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => format!("add `[{word}.{name}]`"),
                None => format!("add `[{word}.{name}]`, or use one of {}", quoted_list(&known)),
            };
            self.document.fault(span.clone(), format!("there is no {word} `{name}`"), Some(hint));
        }
        for ((kind, name), span) in defined.iter() {
            if !used.iter().any(|(of, known, _)| of == kind && known == name) {
                let hint = Some("no site and no route names it".to_owned());
                self.document.warn(span.clone(), format!("the {} `{name}` is not used", kind.word()), hint);
            }
        }
    }
}

/// Whether an endpoint leads to one of our own sockets.
fn is_same(endpoint: &Endpoint, own: SocketAddr) -> bool {
    if endpoint.port != own.port() || own.port() == 0 {
        return false;
    }
    let local = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    match endpoint.host.parse::<IpAddr>() {
        Ok(address) => address == own.ip() || (local(address) && local(own.ip())),
        Err(_) => local(own.ip()) && (endpoint.host == "localhost" || endpoint.host.ends_with(".localhost")),
    }
}
