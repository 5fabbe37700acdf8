//! Templates of redirects and rewrites: what is filled in never adds a line or a control character.

use waylight::rules::{
    route::{PathPattern, RequestPath},
    template::{Template, Values},
};

/// The first line is a template, the second a path, the third a query, the fourth a host.
pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let Some(Ok(template)) = lines.next().map(Template::parse) else { return };
    let path = lines.next().unwrap_or("/");
    let Ok(pattern) = PathPattern::parse("/:a/*b") else { return };
    let Ok(request) = RequestPath::parse(path) else { return };
    let params = if pattern.matches(&request) { pattern.params(&request) } else { Vec::new() };
    let query = lines.next();
    let host = lines.next().unwrap_or("a.example");
    let filled = template.fill(&Values { params: &params, path, query, host });
    let plain = |text: &str| !text.contains(char::is_control);
    if [path, query.unwrap_or_default(), host].into_iter().all(plain) {
        assert!(plain(&filled), "{filled:?}");
    }
}
