//! The style sheet, embedded, at an address that changes with its content.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use sha2::{Digest as _, Sha256};

const CSS: &str = include_str!("web/waylight.css");

/// The style sheet of every page.
pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let hash: String = Sha256::digest(CSS).iter().take(8).map(|octet| format!("{octet:02x}")).collect();
    Asset { path: format!("{}assets/{hash}.css", super::HOME) }
});

/// A file of the pages.
#[derive(Debug)]
pub(super) struct Asset {
    /// Where it is.
    pub(super) path: String,
}

impl Asset {
    /// The file. What was asked for with a token is not stored: the token would be stored with it.
    pub(super) fn response(&self, with_token: bool) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from_static(CSS.as_bytes()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let stored = if with_token { "no-store" } else { "private, max-age=31536000, immutable" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(stored));
        response
    }
}
