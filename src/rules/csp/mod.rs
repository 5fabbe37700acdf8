//! What a page's Content Security Policy says of a script of ours, and the least that must be changed in it so that the
//! script runs and may ask its API (CSP level 3). Each policy is looked at by itself, report-only ones too: nothing of
//! ours shall be reported. Styles, images and fonts are never touched; nor is what a policy says of other scripts.
//!
//! The rule that must not be forgotten: a nonce or a digest beside `'unsafe-inline'` switches the page's own inline
//! scripts off.

mod policy;
mod source;

use std::fmt;

use http::{HeaderMap, HeaderName};

pub use self::{policy::Disposition, source::Address};
use self::{
    policy::{Policy, Sources},
    source::{allows, nonce},
};

/// What may be done to policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// They are extended by what the script needs.
    #[default]
    Extend,
    /// They stay; a page gets the script where its policy lets that run already.
    ReuseOnly,
    /// A page with a policy of scripts gets none.
    Off,
}

impl Mode {
    /// Every mode, with its word in the configuration.
    pub const ALL: [(&'static str, Self); 3] =
        [("extend", Self::Extend), ("reuse-only", Self::ReuseOnly), ("off", Self::Off)];
}

/// What the script needs.
#[derive(Clone, Copy, Debug)]
pub struct Needs<'a> {
    /// Where it and what it loads are.
    pub script: Address<'a>,
    /// Where it connects to.
    pub connect: Address<'a>,
}

/// How the script fits into a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The nonce that its element has to carry.
    pub nonce: Option<String>,
    /// Whether the page lets it connect.
    pub connect: Connect,
    /// What was changed.
    pub changes: Vec<Change>,
}

/// Whether a page lets our script ask our API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connect {
    /// It does.
    Allowed,
    /// It does not: commands are navigations there.
    Refused,
}

/// One change of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What browsers do with the policy.
    pub disposition: Disposition,
    /// The directive that decided.
    pub from: &'static str,
    /// The directive that has the source now.
    pub to: &'static str,
    /// What it allows now; a nonce is not told.
    pub source: String,
}

impl Change {
    /// Whether a nonce was added.
    pub fn is_nonce(&self) -> bool {
        self.source == NONCE
    }
}

/// What is told instead of a nonce.
const NONCE: &str = "a nonce";

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} + {}", self.disposition.field(), self.to, self.source)
    }
}

/// Why a page gets no script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is sandboxed: scripts do not run there, or belong to no origin.
    Sandboxed,
    /// Its policy forbids it, and may not be changed.
    Forbidden,
    /// Its policy cannot be read.
    Unreadable,
    /// It demands that scripts prove what they are.
    Integrity,
}

impl Misfit {
    /// The word for spans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sandboxed => "sandboxed",
            Self::Forbidden => "csp",
            Self::Unreadable => "csp_unreadable",
            Self::Integrity => "integrity_policy",
        }
    }
}

const SCRIPT: [&str; 3] = ["script-src-elem", "script-src", "default-src"];
const CONNECT: [&str; 2] = ["connect-src", "default-src"];

/// Fields of pages that demand that scripts prove what they are (Integrity Policy).
const INTEGRITY: [HeaderName; 2] =
    [HeaderName::from_static("integrity-policy"), HeaderName::from_static("integrity-policy-report-only")];

/// Fits the script into a page with these headers, and changes them where that is needed and allowed. `new_nonce` is
/// asked for a nonce where only that will do; without one the page gets no script.
///
/// # Errors
/// The page gets no script, and its headers stay.
pub fn fit(
    headers: &mut HeaderMap,
    needs: Needs<'_>,
    mode: Mode,
    new_nonce: impl FnOnce() -> Option<String>,
) -> Result<Fit, Misfit> {
    if headers.keys().any(|name| INTEGRITY.contains(name)) {
        return Err(Misfit::Integrity);
    }
    let lines = policy::lines(headers);
    let mut policies = policy::read(&lines).ok_or(Misfit::Unreadable)?;
    if policies.iter().any(is_sandboxed) {
        return Err(Misfit::Sandboxed);
    }
    let decided: Vec<_> = policies.iter().map(|policy| Decided::of(policy, &needs.script)).collect();
    if mode == Mode::Off && decided.iter().any(Option::is_some) {
        return Err(Misfit::Forbidden);
    }
    let nonce = choose_nonce(&decided, new_nonce)?;
    let mut fit = Fit { nonce, connect: Connect::Allowed, changes: Vec::new() };
    let wanted = |(policy, decided): (&Policy<'_>, &Option<Decided<'_>>)| {
        let script = decided.as_ref().and_then(|decided| script(decided, &needs.script, fit.nonce.as_deref()));
        (script, connect(policy, &needs.connect))
    };
    let wanted: Vec<_> = policies.iter().zip(&decided).map(wanted).collect();
    for (policy, (script, connect)) in policies.iter_mut().zip(wanted) {
        change(policy, script, mode, &mut fit.changes)?;
        if change(policy, connect, mode, &mut fit.changes).is_err() {
            fit.connect = Connect::Refused;
        }
    }
    policy::write(headers, &lines, &policies);
    Ok(fit)
}

/// What a policy has to allow: where it decides, where that goes, and the source.
struct Wanted {
    from: &'static str,
    to: &'static str,
    source: String,
}

impl Wanted {
    /// `specific` takes over from `default-src`, which decides of styles and images too.
    fn new(from: &'static str, specific: &'static str, source: String) -> Self {
        let to = if from == "default-src" { specific } else { from };
        Self { from, to, source }
    }
}

fn change(
    policy: &mut Policy<'_>,
    wanted: Option<Wanted>,
    mode: Mode,
    changes: &mut Vec<Change>,
) -> Result<(), Misfit> {
    let Some(Wanted { from, to, source }) = wanted else { return Ok(()) };
    if mode != Mode::Extend {
        return Err(Misfit::Forbidden);
    }
    policy.allow(from, to, &source);
    let source = if nonce(&source).is_some() { NONCE.to_owned() } else { source };
    changes.push(Change { disposition: policy.disposition, from, to, source });
    Ok(())
}

/// Only enforced policies sandbox.
fn is_sandboxed(policy: &Policy<'_>) -> bool {
    let has = |mut sources: Sources<'_>, flag: &str| sources.any(|source| source.eq_ignore_ascii_case(flag));
    policy.disposition == Disposition::Enforce
        && policy
            .sources("sandbox")
            .is_some_and(|sources| !has(sources.clone(), "allow-scripts") || !has(sources, "allow-same-origin"))
}

/// How a policy decides of our script.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    /// It lets it run.
    Allowed,
    /// By nonces and digests alone: addresses mean nothing.
    Strict,
    /// By nonces, beside other things.
    Nonce,
    /// By addresses; inline scripts may run as they are, and must go on doing so.
    Addresses,
}

/// What a policy says of our script, and where.
struct Decided<'p> {
    from: &'static str,
    sources: Sources<'p>,
    kind: Script,
}

impl<'p> Decided<'p> {
    /// `None`: the policy is not about scripts.
    fn of(policy: &'p Policy<'_>, script: &Address<'_>) -> Option<Self> {
        let (from, sources) = policy.effective(&SCRIPT)?;
        let kind = kind(sources.clone(), script);
        Some(Self { from, sources, kind })
    }
}

fn kind(mut sources: Sources<'_>, script: &Address<'_>) -> Script {
    if sources.clone().any(|source| source.eq_ignore_ascii_case("'strict-dynamic'")) {
        Script::Strict
    } else if allows(sources.clone(), script) {
        Script::Allowed
    } else if sources.any(|source| nonce(source).is_some()) {
        Script::Nonce
    } else {
        Script::Addresses
    }
}

/// A script's element has one nonce, so one is chosen for all policies: one that `strict-dynamic` demands, else one that
/// is there.
fn choose_nonce(
    policies: &[Option<Decided<'_>>],
    new_nonce: impl FnOnce() -> Option<String>,
) -> Result<Option<String>, Misfit> {
    let of = |kind: Script| policies.iter().flatten().filter(move |decided| decided.kind == kind);
    let named = |decided: &Decided<'_>| decided.sources.clone().find_map(nonce).map(str::to_owned);
    let found = of(Script::Strict).find_map(named).or_else(|| of(Script::Nonce).find_map(named));
    if found.is_none() && of(Script::Strict).next().is_some() {
        return new_nonce().map(Some).ok_or(Misfit::Forbidden);
    }
    Ok(found)
}

fn script(decided: &Decided<'_>, address: &Address<'_>, chosen: Option<&str>) -> Option<Wanted> {
    let Decided { from, sources, kind } = decided;
    let has_chosen = || sources.clone().any(|source| nonce(source).is_some() && nonce(source) == chosen);
    match kind {
        Script::Allowed => None,
        Script::Strict | Script::Nonce if has_chosen() => None,
        Script::Strict => Some(Wanted::new(from, SCRIPT[0], format!("'nonce-{}'", chosen.unwrap_or_default()))),
        Script::Nonce | Script::Addresses => Some(Wanted::new(from, SCRIPT[0], address.source())),
    }
}

fn connect(policy: &Policy<'_>, address: &Address<'_>) -> Option<Wanted> {
    let (from, sources) = policy.effective(&CONNECT)?;
    (!allows(sources, address)).then(|| Wanted::new(from, CONNECT[0], address.source()))
}

#[cfg(test)]
mod tests;
