//! Patterns of hosts and paths, and the paths of requests.

use waylight::rules::{
    authority,
    route::{HostPattern, PathPattern, RequestPath},
};

/// Each line is a pattern and a path, and all patterns meet all paths.
pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lines: Vec<&str> = text.lines().take(16).collect();
    let paths: Vec<RequestPath<'_>> = lines.iter().filter_map(|line| RequestPath::parse(line).ok()).collect();
    for line in &lines {
        if let Ok(host) = HostPattern::parse(line) {
            for other in &lines {
                let _ = host.matches(other);
            }
        }
        if let Ok(host) = authority::without_port(line) {
            assert!(line.starts_with(host));
        }
        let Ok(pattern) = PathPattern::parse(line) else { continue };
        assert_eq!(PathPattern::parse(pattern.as_str()).as_ref(), Ok(&pattern), "a pattern reads as it is written");
        for path in paths.iter().filter(|path| pattern.matches(path)) {
            assert_eq!(pattern.params(path).len(), pattern.names().count());
        }
    }
    for path in &paths {
        if let Some(forward) = path.forward() {
            let again = RequestPath::parse(forward).expect("what is sent on can be read");
            assert_eq!(again.forward(), None, "dots stay in {forward:?}");
        }
    }
}
