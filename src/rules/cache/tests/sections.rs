//! Cases that are about a section by itself: a request beside a stored response, or an answer beside one.

use http::HeaderName;
use serde::Deserialize;

use super::{NOW, asked, headers};
use crate::rules::cache::{
    key,
    range::{self, Wanted},
    tags, validate,
    vary::Vary,
    *,
};

/// Whether a stored response was answered to a request like another one, RFC 9111 section 4.1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variant {
    pub(super) rfc: String,
    vary: Vec<String>,
    request: Vec<String>,
    other: Vec<String>,
    /// The field that differs; none: it may answer.
    differs: Option<String>,
}

impl Variant {
    pub(super) fn check(&self) {
        let lines: Vec<String> = self.vary.iter().map(|line| format!("vary: {line}")).collect();
        let said = headers(&lines);
        let vary = match Vary::of(said.get_all("vary").iter()) {
            Ok(vary) => vary,
            Err(why) => return assert_eq!(Some(why.word()), self.differs.as_deref(), "{}", self.rfc),
        };
        let differs = vary::differs(&vary.values(&headers(&self.request)), &headers(&self.other));
        assert_eq!(differs.as_ref().map(HeaderName::as_str), self.differs.as_deref(), "{}", self.rfc);
    }
}

/// What a client's condition is answered, RFC 9111 section 4.3.2.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    pub(super) rfc: String,
    stored: Vec<String>,
    request: Vec<String>,
    /// Whether it is answered with 304.
    is_current: bool,
}

impl Condition {
    pub(super) fn check(&self) {
        let is_current = validate::is_current(&headers(&self.request), &headers(&self.stored), NOW);
        assert_eq!(is_current, self.is_current, "{}: {:?}", self.rfc, self.request);
    }
}

/// What is asked of the upstream about a stored response, RFC 9111 section 4.3.1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub(super) rfc: String,
    stored: Vec<String>,
    request: Vec<String>,
    asks: Vec<String>,
}

impl Question {
    pub(super) fn check(&self) {
        let (mut request, stored) = (headers(&self.request), headers(&self.stored));
        assert!(validate::can_validate(&stored), "{}", self.rfc);
        validate::ask(&mut request, &stored);
        assert_eq!(request, headers(&self.asks), "{}", self.rfc);
    }
}

/// What an answer without content makes of a stored response, RFC 9111 sections 4.3.4 and 4.3.5.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Renewal {
    pub(super) rfc: String,
    /// `304`, or `HEAD`.
    to: String,
    stored: Vec<String>,
    answer: Vec<String>,
    /// Its fields from then on; none: the answer is not about it.
    becomes: Option<Vec<String>>,
}

impl Renewal {
    pub(super) fn check(&self) {
        let (mut stored, answer) = (headers(&self.stored), headers(&self.answer));
        let is_about = match &*self.to {
            "304" => validate::is_about(&answer, &stored),
            "HEAD" => validate::head_is_about(&answer, &stored),
            to => panic!("{}: {to}", self.rfc),
        };
        assert_eq!(is_about, self.becomes.is_some(), "{}", self.rfc);
        if let Some(becomes) = &self.becomes {
            validate::update(&mut stored, &answer);
            assert_eq!(stored, headers(becomes), "{}", self.rfc);
        }
    }
}

/// What is answered of a hundred octets, RFC 9110 section 14.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    pub(super) rfc: String,
    #[serde(default)]
    stored: Vec<String>,
    request: Vec<String>,
    /// The parts; or `whole`, or `nothing`.
    gets: String,
}

impl Part {
    pub(super) fn check(&self) {
        let request = headers(&self.request);
        let wanted = match validate::range_holds(&request, &headers(&self.stored)) {
            true => range::wanted(&request, 100),
            false => Wanted::Whole,
        };
        let gets = match wanted {
            Wanted::Whole => "whole".to_owned(),
            Wanted::Nothing => "nothing".to_owned(),
            Wanted::Parts(spans) => {
                let parts = spans.iter().map(|span| format!("{}-{}", span.first, span.last));
                parts.collect::<Vec<_>>().join(",")
            }
        };
        assert_eq!(gets, self.gets, "{}: {:?}", self.rfc, self.request);
    }
}

/// What a successful answer to an unsafe method outdates beside `https://shop.example/a/b`, RFC 9111 section 4.4.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outdating {
    pub(super) rfc: String,
    answer: Vec<String>,
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
}

impl Outdating {
    pub(super) fn check(&self) {
        let (none, answer) = (http::HeaderMap::new(), headers(&self.answer));
        let asked = key::Asked { authority: "shop.example", ..asked("/a/b", None, &none) };
        assert_eq!(key::invalidates(&answer, &asked), self.urls, "{}", self.rfc);
        assert_eq!(tags::groups(&answer, &tags::CACHE_GROUP_INVALIDATION), self.groups, "{}", self.rfc);
    }
}
