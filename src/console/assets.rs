//! The console's own page, and its files: embedded by `build.rs`, compressed already. Their address holds their digest,
//! so a browser that has them never asks again, and those of two versions never meet.
//!
//! They are answered to those only who may know that the console exists, as everything here is; so no cache that several
//! people share may keep them.

use std::{fmt::Write as _, io, path::Path, sync::LazyLock};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{
        ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
        VARY,
    },
};
use tracing::error;

use super::{endpoints::ASSETS, pages};

mod joined;

/// One file.
struct File {
    name: &'static str,
    plain: &'static [u8],
    brotli: &'static [u8],
    gzip: &'static [u8],
}

/// Every file of `web/`, in order.
const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/assets.in"));
/// Their digest.
const DIGEST: &str = include_str!(concat!(env!("OUT_DIR"), "/assets.digest"));

/// What stands in the place of the digest where files are read from a folder.
const LIVE: &str = "live";

/// What the console may do (CSP level 3): run and show its own files, and ask its own API. No text ever becomes code or
/// markup (Trusted Types), and no policy that could make it so can be created.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                      connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The page, whose files are found below the digest's address.
static INDEX: LazyLock<String> = LazyLock::new(|| page(include_str!("web/index.html"), DIGEST));

/// The console's page. The same one at every address: what it shows, the script in it reads from there.
pub(super) fn index() -> Response<Bytes> {
    under_policy(Bytes::from_static(INDEX.as_bytes()))
}

/// The page, from a folder.
pub(super) async fn index_of(folder: &Path) -> Response<Bytes> {
    match tokio::fs::read_to_string(folder.join("index.html")).await {
        Ok(template) => under_policy(page(&template, LIVE).into()),
        Err(error) => unreadable(folder, &error),
    }
}

fn under_policy(page: Bytes) -> Response<Bytes> {
    let mut response = Response::new(page);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// The file of a path below [`ASSETS`]: the digest, a slash, and the file's name.
pub(super) fn file(path: &str, headers: &HeaderMap) -> Response<Bytes> {
    let found = path.split_once('/').filter(|(digest, _)| *digest == DIGEST);
    let found = found.and_then(|(_, name)| FILES.iter().find(|file| file.name == name));
    let Some(file) = found else { return missing() };
    let (coding, content) = match accepted(headers) {
        Coding::Brotli => (Some("br"), file.brotli),
        Coding::Gzip => (Some("gzip"), file.gzip),
        Coding::None => (None, file.plain),
    };
    let mut response = Response::new(Bytes::from_static(content));
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(kind(file.name)));
    fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    let tag = format!("\"{DIGEST}{}\"", coding.unwrap_or_default());
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        fields.insert(ETAG, tag);
    }
    if headers.get_all(IF_NONE_MATCH).iter().any(|known| known.to_str().is_ok_and(|known| names(known, &tag))) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Bytes::new();
    }
    response
}

/// A file from a folder, which are those that are embedded: as it is now, and never kept. Pages of sites name the toolbar by
/// the digest, whatever is served.
pub(super) async fn file_of(folder: &Path, path: &str) -> Response<Bytes> {
    let found = path.split_once('/').filter(|(at, name)| [LIVE, DIGEST].contains(at) && is_name(name));
    let Some((_, name)) = found.filter(|(_, name)| !joined::is_part(name)) else { return missing() };
    let Ok(content) = read(folder, name).await else { return missing() };
    let mut response = Response::new(content);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind(name)));
    response
}

/// A file's content, with what is sent along in it.
async fn read(folder: &Path, name: &str) -> io::Result<Bytes> {
    let parts = joined::parts_of(name);
    if parts.is_empty() {
        return tokio::fs::read(folder.join(name)).await.map(Bytes::from);
    }
    let mut texts = Vec::with_capacity(parts.len() + 1);
    for name in parts.iter().chain([&name]) {
        texts.push(tokio::fs::read_to_string(folder.join(name)).await?);
    }
    Ok(joined::joined(&texts).into())
}

/// Whether a name stays within the folder.
fn is_name(name: &str) -> bool {
    let is_letter = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_letter))
}

fn missing() -> Response<Bytes> {
    pages::message(StatusCode::NOT_FOUND, "No such file", "It belongs to another version of Waylight.", &[])
}

fn unreadable(folder: &Path, error: &io::Error) -> Response<Bytes> {
    error!(%error, folder = %folder.display(), "the console's files cannot be read");
    pages::message(
        StatusCode::SERVICE_UNAVAILABLE,
        "The console's files cannot be read",
        "They are not where access.console_dir says. Waylight's log says more.",
        &[],
    )
}

/// `If-None-Match` (RFC 9110, section 13.1.2): compared weakly.
fn names(list: &str, tag: &str) -> bool {
    list.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// A content coding that we have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Brotli,
    Gzip,
    None,
}

/// The best coding that `Accept-Encoding` names and does not refuse (RFC 9110, section 12.5.3). Only what is named
/// counts: the plain file is always right.
fn accepted(headers: &HeaderMap) -> Coding {
    let mut best = Coding::None;
    for value in headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for coding in value.split(',') {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
            match (name.trim(), weight) {
                (_, Ok(0.0) | Err(_)) => {}
                ("br", _) => best = Coding::Brotli,
                ("gzip", _) if best == Coding::None => best = Coding::Gzip,
                _ => {}
            }
        }
    }
    best
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// The template, with the address of the files put in.
fn page(template: &str, digest: &str) -> String {
    let mut page = String::with_capacity(template.len() + 512);
    let mut parts = template.split("{assets}");
    page.push_str(parts.next().unwrap_or_default());
    for part in parts {
        // Writing to a string does not fail.
        write!(page, "{ASSETS}{digest}{part}").ok();
    }
    page
}

/// The path of a file, which is read from a folder where there is one.
pub(super) fn path(name: &str, folder: Option<&Path>) -> String {
    format!("{ASSETS}{}/{name}", folder.map_or(DIGEST, |_| LIVE))
}

#[cfg(test)]
mod tests;
