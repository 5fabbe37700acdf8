//! Policies as they are written: read, changed in one place, and written again with everything else as it was
//! (CSP level 3, section 2.2).

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY},
};

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

/// One policy.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) disposition: Disposition,
    /// Which field line it stands in.
    line: usize,
    directives: Vec<Directive>,
    pub(super) is_changed: bool,
}

#[derive(Clone, Debug)]
struct Directive {
    /// As written, with the blanks around.
    text: String,
    name: String,
    sources: Vec<String>,
}

impl Policy {
    fn read(text: &str, disposition: Disposition, line: usize) -> Self {
        let directive = |text: &str| {
            let mut words = text.split_ascii_whitespace();
            let name = words.next().unwrap_or_default().to_ascii_lowercase();
            Directive { text: text.to_owned(), name, sources: words.map(str::to_owned).collect() }
        };
        Self { disposition, line, directives: text.split(';').map(directive).collect(), is_changed: false }
    }

    /// The sources of a directive; of two of a name the first counts.
    pub(super) fn sources(&self, name: &str) -> Option<&[String]> {
        self.directives.iter().find(|directive| directive.name == name).map(|directive| &*directive.sources)
    }

    /// The first of these directives that is there.
    pub(super) fn effective(&self, names: &[&'static str]) -> Option<(&'static str, &[String])> {
        names.iter().find_map(|name| Some((*name, self.sources(name)?)))
    }

    /// Allows `source` where the directive `from` decides: in that one, or in a new one `to` where `from` decides of
    /// other things too. `'none'` means nothing beside another source, and goes.
    pub(super) fn allow(&mut self, from: &'static str, to: &'static str, source: &str) {
        let Some(at) = self.directives.iter().position(|directive| directive.name == from) else { return };
        let mut sources = self.directives[at].sources.clone();
        sources.retain(|known| !known.eq_ignore_ascii_case("'none'"));
        sources.push(source.to_owned());
        let text = format!("{to} {}", sources.join(" "));
        if from == to {
            let blank = if self.directives[at].text.starts_with(' ') { " " } else { "" };
            self.directives[at] = Directive { text: format!("{blank}{text}"), name: to.to_owned(), sources };
        } else {
            let directive = Directive { text: format!(" {text}"), name: to.to_owned(), sources };
            self.directives.insert(at + 1, directive);
        }
        self.is_changed = true;
    }

    fn write(&self) -> String {
        self.directives.iter().map(|directive| directive.text.as_str()).collect::<Vec<_>>().join(";")
    }
}

/// Every policy of a response; `None` if one cannot be read.
pub(super) fn read(headers: &HeaderMap) -> Option<Vec<Policy>> {
    let mut policies = Vec::new();
    for disposition in [Disposition::Enforce, Disposition::Report] {
        for (line, value) in headers.get_all(disposition.field()).iter().enumerate() {
            policies.extend(value.to_str().ok()?.split(',').map(|text| Policy::read(text, disposition, line)));
        }
    }
    Some(policies)
}

/// Writes the field lines again in which a policy changed.
pub(super) fn write(headers: &mut HeaderMap, policies: &[Policy]) {
    for disposition in [Disposition::Enforce, Disposition::Report] {
        let field = disposition.field();
        let of = |line: usize| policies.iter().filter(move |it| it.disposition == disposition && it.line == line);
        let lines: Vec<HeaderValue> = headers.get_all(&field).iter().cloned().collect();
        if !policies.iter().any(|policy| policy.disposition == disposition && policy.is_changed) {
            continue;
        }
        headers.remove(&field);
        for (line, value) in lines.into_iter().enumerate() {
            let text = of(line).map(Policy::write).collect::<Vec<_>>().join(",");
            let changed = of(line).any(|policy| policy.is_changed);
            // Octets of a valid value, and of an address: valid as well.
            let value = if changed { HeaderValue::try_from(text).unwrap_or(value) } else { value };
            headers.append(&field, value);
        }
    }
}
