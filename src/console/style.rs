//! The style sheet. It stands in each page, and the page's policy names its digest: so no address of its own could tell
//! a stranger that these pages exist, and no token has to stand in one.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use sha2::{Digest as _, Sha256};

/// The style sheet.
pub(super) const CSS: &str = include_str!("web/waylight.css");

/// What pages may do (CSP level 3): show themselves with this style sheet, and send forms to us.
pub(super) static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = STANDARD.encode(Sha256::digest(CSS));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    // Base64 and constants: all of it is visible ASCII.
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});
