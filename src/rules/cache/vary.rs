//! `Vary`, RFC 9111 section 4.1: which stored response was answered to a request like this one. Values are brought into
//! one form first, so that what means the same matches: blanks around commas, lines of one field, the case of languages
//! and how their weights are written, and the order of equally welcome codings. Of credentials only a digest is kept: what
//! is stored lies on disks, and is shown to whoever has a URL explained.

use std::fmt::Write as _;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE, COOKIE},
};
use sha2::{Digest as _, Sha256};

use super::{directives::element_end, why::Why};
use crate::rules::{
    headers::{
        forwarded::{FORWARDED, X_FORWARDED_FOR, X_REAL_IP},
        redact,
        twins::twin,
    },
    hex::Hex,
};

/// The most fields that a response may vary by.
const FIELDS_MAX: usize = 16;
/// The most codings of one `Accept-Encoding` that are looked at; with more languages their field is compared as it is.
const WEIGHED_MAX: usize = 16;
/// Fields that tell the upstream who the client is. They are written behind the cache, so the request's own values say
/// nothing of what was answered to.
const OF_CLIENT: [HeaderName; 3] = [FORWARDED, X_FORWARDED_FOR, X_REAL_IP];
/// What stands for a field that is not there. No value can be this.
const ABSENT: &str = "\0";

/// The fields that a response varies by, in order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vary(Vec<HeaderName>);

impl Vary {
    /// Reads `Vary`.
    ///
    /// # Errors
    /// [`Why::VaryStar`], [`Why::VaryClient`] and [`Why::VaryTooLong`]; what is no field name is taken for `*`.
    pub fn of<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> Result<Self, Why> {
        let mut names = Vec::new();
        for value in values {
            for name in value.as_bytes().split(|&octet| octet == b',').map(<[u8]>::trim_ascii) {
                if name.is_empty() {
                    continue;
                }
                let name = HeaderName::from_bytes(name).ok().filter(|name| name.as_str() != "*");
                let Some(name) = name else { return Err(Why::VaryStar) };
                if OF_CLIENT.contains(&name) {
                    return Err(Why::VaryClient { field: name });
                }
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        if names.len() > FIELDS_MAX {
            return Err(Why::VaryTooLong);
        }
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        Ok(Self(names))
    }

    /// What the fields were in the request that was answered: a line for each, as [`differs`] takes it.
    pub fn values(&self, request: &HeaderMap) -> String {
        let mut text = String::new();
        for name in &self.0 {
            // Into a string, which never fails.
            let _infallible = writeln!(text, "{}:{}", name.as_str(), normal(name, request));
        }
        text
    }
}

/// The first field in which `request` differs from the one that was answered; `None`: the answer is good for it too.
pub fn differs(values: &str, request: &HeaderMap) -> Option<HeaderName> {
    values.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        (normal(&name, request) != value).then_some(name)
    })
}

/// A field's values in the one form that is compared. Where it is not there, a twin of it is what many upstreams read.
fn normal(name: &HeaderName, request: &HeaderMap) -> String {
    let twins = || request.keys().find(|other| twin(other).as_ref() == Some(name));
    let there = if request.contains_key(name) { Some(name) } else { twins() };
    let Some(there) = there else { return ABSENT.to_owned() };
    let lines = request.get_all(there).iter().map(HeaderValue::as_bytes);
    if *name == ACCEPT_ENCODING {
        return codings(lines);
    }
    if *name == ACCEPT_LANGUAGE
        && let Some(ranked) = languages(request.get_all(there).iter().map(HeaderValue::as_bytes))
    {
        return ranked;
    }
    let mut text = Vec::new();
    if *name == COOKIE {
        // HTTP/2 may send a cookie per line (RFC 9113 section 8.2.3).
        let pairs = lines.flat_map(|line| line.split(|&octet| octet == b';')).map(<[u8]>::trim_ascii);
        text = pairs.filter(|pair| !pair.is_empty()).collect::<Vec<_>>().join(&b"; "[..]);
    } else {
        for mut rest in lines {
            while !rest.is_empty() {
                let (element, behind) = rest.split_at(element_end(rest).unwrap_or(rest.len()));
                rest = behind.get(1..).unwrap_or_default();
                if !text.is_empty() {
                    text.push(b',');
                }
                text.extend_from_slice(element.trim_ascii());
            }
        }
    }
    if redact::is_secret(name) {
        let digest: [u8; 32] = Sha256::digest(&text).into();
        return Hex(digest).to_string();
    }
    // Octets that are no text must stay different from one another.
    match String::from_utf8(text) {
        Ok(text) => text,
        Err(error) => error.into_bytes().iter().map(|&octet| char::from(octet)).collect(),
    }
}

/// `Accept-Encoding` as a server looks at it: the codings that are taken, the most welcome first, `=` between those that
/// are equally welcome.
fn codings<'a>(lines: impl Iterator<Item = &'a [u8]>) -> String {
    let mut taken: Vec<(u16, String)> = Vec::new();
    for (weight, name) in weighed(lines).take(WEIGHED_MAX) {
        let name = if name == "x-gzip" { "gzip".to_owned() } else { name };
        if !taken.iter().any(|(_, known)| *known == name) {
            taken.push((weight, name));
        }
    }
    // What is refused is only worth a word where it is taken otherwise.
    let takes_others = taken.iter().any(|(weight, name)| *weight > 0 && name == "*");
    taken.retain(|(weight, name)| *weight > 0 || takes_others || matches!(name.as_str(), "identity" | "*"));
    taken.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    ranked(&taken)
}

/// `Accept-Language` as a server looks at it. Of equally welcome languages many take the first, so their order counts
/// (RFC 9110 section 12.5.4).
fn languages<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut taken: Vec<_> = weighed(lines).take(WEIGHED_MAX + 1).collect();
    if taken.len() > WEIGHED_MAX {
        return None;
    }
    taken.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    Some(ranked(&taken))
}

/// The members of a list and their weights, RFC 9110 section 12.4.2.
fn weighed<'a>(lines: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = (u16, String)> {
    lines.flat_map(|line| line.split(|&octet| octet == b',')).filter_map(|element| {
        let mut parts = element.split(|&octet| octet == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|part| part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q=")));
        // Octets that are no text must stay different from one another.
        let name = name.iter().map(|&octet| char::from(octet.to_ascii_lowercase())).collect();
        Some((weight.map_or(1_000, thousandths), name))
    })
}

fn ranked(members: &[(u16, String)]) -> String {
    let mut text = String::new();
    let mut before = None;
    for (weight, name) in members {
        match before {
            _ if *weight == 0 => text.push('!'),
            None => {}
            Some(before) => text.push(if before == *weight { '=' } else { '>' }),
        }
        text.push_str(name);
        before = Some(*weight);
    }
    text
}

/// A weight, RFC 9110 section 12.4.2, in thousandths; what is none counts in full.
fn thousandths(text: &[u8]) -> u16 {
    let text = std::str::from_utf8(text).unwrap_or_default();
    match text.parse::<f32>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => {
            let parts = text.split_once('.').map_or("", |(_, parts)| parts);
            let digits = format!("{parts:0<3}");
            let whole = if weight >= 1.0 { 1_000 } else { 0 };
            whole + if whole == 0 { digits[..3].parse().unwrap_or(0) } else { 0 }
        }
        _ => 1_000,
    }
}
