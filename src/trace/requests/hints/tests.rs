use http::HeaderName;

use super::*;

fn read(fields: &[(&'static str, &str)]) -> Hints {
    let fields = fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
    Hints::read(&fields.collect())
}

#[test]
fn a_referer_is_the_url_it_names() {
    let page = read(&[("sec-fetch-dest", "document")]);
    for (host, path, query, referer) in [
        ("shop.test", "/a", None, "https://shop.test/a"),
        ("shop.test", "/a", None, "http://shop.test:8080/a"),
        ("shop.test", "/a", Some("q=1"), "https://shop.test:8443/a?q=1"),
        ("shop.test", "/", None, "https://shop.test"),
        ("[::1]", "/a", None, "http://[::1]:8080/a"),
    ] {
        let asked = page.asking(host, path, query);
        assert_eq!(read(&[("referer", referer)]).referer, asked.url, "{referer}");
    }
    let asked = page.asking("shop.test", "/a", None);
    for referer in ["https://shop.test/b", "https://other.test/a", "https://shop.test/a?q=1"] {
        assert_ne!(read(&[("referer", referer)]).referer, asked.url, "{referer}");
    }
    assert_eq!(read(&[("referer", "nonsense")]).referer, 0);
}

#[test]
fn files_are_parts_of_their_page_and_frames_and_calls_are_not() {
    for (word, is_part, leads_on) in [
        ("script", true, true),
        ("style", true, true),
        ("image", true, false),
        ("font", true, false),
        ("document", false, false),
        ("iframe", false, false),
        ("serviceworker", false, false),
        ("worker", false, false),
        ("empty", false, false),
    ] {
        let destination = read(&[("sec-fetch-dest", word)]).destination;
        assert_eq!((destination.is_part(), destination.leads_on()), (is_part, leads_on), "{word}");
    }
}

#[test]
fn what_a_request_is_for() {
    assert_eq!(read(&[("sec-fetch-dest", "image")]).destination.as_str(), "image");
    assert_eq!(read(&[("sec-fetch-dest", "<script>")]).destination.as_str(), "");
    assert_eq!(read(&[("accept", "text/html,application/xhtml+xml")]).destination, Destination::DOCUMENT);
    assert_eq!(read(&[("accept", "*/*")]).destination.as_str(), "");
    // An image refers to nothing, so its URL is not hashed.
    assert_eq!(read(&[("sec-fetch-dest", "image")]).asking("shop.test", "/a", None).url, 0);
}

#[test]
fn browsers_are_told_apart() {
    let one = read(&[("user-agent", "one")]);
    let here: IpAddr = "192.0.2.1".parse().unwrap();
    let there: IpAddr = "192.0.2.2".parse().unwrap();
    assert_eq!(one.sent_from(here).browser, read(&[("user-agent", "one")]).sent_from(here).browser);
    assert_ne!(one.sent_from(here).browser, one.sent_from(there).browser);
    assert_ne!(one.sent_from(here).browser, read(&[("user-agent", "two")]).sent_from(here).browser);
    assert_eq!(one.sent_by([1; 16]).browser, read(&[]).sent_by([1; 16]).browser);
}
