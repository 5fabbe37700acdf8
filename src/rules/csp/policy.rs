//! Policies as they are written: read, changed in one place, and written again with everything else as it was
//! (CSP level 3, section 2.2).

use std::{borrow::Cow, str::SplitAsciiWhitespace};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY},
};

/// So many octets are added to most lines that change.
const CHANGED_BYTES: usize = 256;

/// What browsers do with a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// They enforce it.
    Enforce,
    /// They tell what it would have forbidden.
    Report,
}

impl Disposition {
    /// The field that such policies stand in.
    pub const fn field(self) -> HeaderName {
        match self {
            Self::Enforce => CONTENT_SECURITY_POLICY,
            Self::Report => CONTENT_SECURITY_POLICY_REPORT_ONLY,
        }
    }
}

/// A field line with policies, as it came.
#[derive(Debug)]
pub(super) struct Line {
    disposition: Disposition,
    value: HeaderValue,
}

/// One policy.
#[derive(Clone, Debug)]
pub(super) struct Policy<'p> {
    pub(super) disposition: Disposition,
    /// Which field line it stands in.
    line: usize,
    /// As written, with the blanks around.
    directives: Vec<Cow<'p, str>>,
    is_changed: bool,
}

impl<'p> Policy<'p> {
    fn read(text: &'p str, disposition: Disposition, line: usize) -> Self {
        Self { disposition, line, directives: text.split(';').map(Cow::Borrowed).collect(), is_changed: false }
    }

    /// The sources of a directive; of two of a name the first counts.
    pub(super) fn sources(&self, name: &str) -> Option<Sources<'_>> {
        self.directives.iter().find_map(|directive| sources(directive, name))
    }

    /// The first of these directives that is there.
    pub(super) fn effective(&self, names: &[&'static str]) -> Option<(&'static str, Sources<'_>)> {
        names.iter().find_map(|name| Some((*name, self.sources(name)?)))
    }

    /// Allows `source` where the directive `from` decides: in that one, or in a new one `to` where `from` decides of
    /// other things too. `'none'` means nothing beside another source, and goes.
    pub(super) fn allow(&mut self, from: &'static str, to: &'static str, source: &str) {
        let mut directives = self.directives.iter().enumerate();
        let found = directives.find_map(|(at, directive)| Some((at, sources(directive, from)?)));
        let Some((at, known)) = found else { return };
        let is_first = from == to && !self.directives[at].starts_with(' ');
        let mut text = String::with_capacity(self.directives[at].len() + to.len() + source.len() + 2);
        text += if is_first { "" } else { " " };
        text += to;
        for source in known.filter(|known| !known.eq_ignore_ascii_case("'none'")).chain([source]) {
            text.push(' ');
            text += source;
        }
        if from == to {
            self.directives[at] = text.into();
        } else {
            self.directives.insert(at + 1, text.into());
        }
        self.is_changed = true;
    }
}

/// Sources of a directive, as they are written.
pub(super) type Sources<'d> = SplitAsciiWhitespace<'d>;

/// The sources of a directive, if it has this name.
fn sources<'d>(directive: &'d str, name: &str) -> Option<Sources<'d>> {
    let mut words = directive.split_ascii_whitespace();
    words.next().is_some_and(|first| first.eq_ignore_ascii_case(name)).then_some(words)
}

/// The field lines with policies.
pub(super) fn lines(headers: &HeaderMap) -> Vec<Line> {
    let of = |disposition: Disposition| {
        let values = headers.get_all(disposition.field()).iter();
        values.map(move |value| Line { disposition, value: value.clone() })
    };
    of(Disposition::Enforce).chain(of(Disposition::Report)).collect()
}

/// Every policy of a response; `None` if one cannot be read.
pub(super) fn read(lines: &[Line]) -> Option<Vec<Policy<'_>>> {
    let mut policies = Vec::new();
    for (at, Line { disposition, value }) in lines.iter().enumerate() {
        policies.extend(value.to_str().ok()?.split(',').map(|text| Policy::read(text, *disposition, at)));
    }
    Some(policies)
}

/// Writes the field lines again in which a policy changed.
pub(super) fn write(headers: &mut HeaderMap, lines: &[Line], policies: &[Policy<'_>]) {
    for disposition in [Disposition::Enforce, Disposition::Report] {
        if !policies.iter().any(|policy| policy.disposition == disposition && policy.is_changed) {
            continue;
        }
        headers.remove(disposition.field());
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.disposition == disposition) {
            headers.append(disposition.field(), line.with(policies.iter().filter(|policy| policy.line == at)));
        }
    }
}

impl Line {
    /// With its policies as they are now.
    fn with<'a>(&self, policies: impl Iterator<Item = &'a Policy<'a>> + Clone) -> HeaderValue {
        if !policies.clone().any(|policy| policy.is_changed) {
            return self.value.clone();
        }
        let mut text = String::with_capacity(self.value.len() + CHANGED_BYTES);
        for (at, policy) in policies.enumerate() {
            text += if at == 0 { "" } else { "," };
            for (at, directive) in policy.directives.iter().enumerate() {
                text += if at == 0 { "" } else { ";" };
                text += directive;
            }
        }
        // Octets of a valid value, and of an address: valid as well.
        HeaderValue::try_from(text).unwrap_or_else(|_| self.value.clone())
    }
}
