use super::*;

fn of<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |key| pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| (*value).to_owned())
}

/// A stage, a name, attributes, and the note that comes of them.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn a_note_tells_spans_of_one_name_apart() {
    let at = [("waylight.upstream", "app"), ("server.address", "127.0.0.1"), ("server.port", "3000")];
    let cases: [Case<'_>; 11] = [
        ("upstream.request", "GET", &at, "app \u{2192} 127.0.0.1:3000"),
        ("upstream.request", "GET", &at[..1], "app"),
        ("upstream.dns", "DNS", &[("dns.question.name", "app.internal")], "app.internal"),
        ("request", "GET /a/*", &[("url.path", "/a/b")], "/a/b"),
        ("request", "GET /a/b", &[("url.path", "/a/b")], ""),
        ("middleware", "headers", &[("waylight.middleware.name", "headers")], ""),
        ("middleware", "redirect", &[("waylight.redirect.to", "/new")], "/new"),
        ("inject", "Inject", &[("waylight.inject.result", "not_injected")], "not injected"),
        ("", "SELECT", &[("db.system.name", "sqlite")], "sqlite"),
        ("resource.script", "/a.js", &[("url.full", "https://shop.test/a.js")], ""),
        ("pageload", "/a/:b", &[("url.full", "https://shop.test/a/7")], "https://shop.test/a/7"),
    ];
    for (stage, name, pairs, expected) in cases {
        assert_eq!(note(stage, name, &of(pairs)), expected, "{stage} {name}");
    }
}

#[test]
fn a_note_is_short_whatever_its_letters_are() {
    let long = "\u{1f41d}".repeat(500);
    let note = note("request", "GET", &of(&[("url.path", &long)]));
    assert_eq!(note.chars().count(), NOTE_LETTERS_MAX + 1);
}

#[test]
fn a_tag_says_how_it_ended() {
    assert_eq!(tag(None, &of(&[])), "");
    assert_eq!(tag(Some(200), &of(&[])), "200");
    assert_eq!(tag(Some(503), &of(&[("http.request.resend_count", "2")])), "503 \u{b7} retry 2");
    let taken = [("waylight.body.client_us", "900000"), ("waylight.body.upstream_us", "300000")];
    assert_eq!(tag(Some(200), &of(&taken)), "200 \u{b7} slow client");
    assert_eq!(
        tag(Some(200), &of(&[taken[0], ("waylight.body.upstream_us", "500000")])),
        "200",
        "the upstream was slow"
    );
    assert_eq!(tag(None, &of(&[("waylight.upstream.cold", "true")])), "COLD");
    for (word, status, expected) in
        [("blocking", 200, "BLOCKING"), ("blocking", 404, "404"), ("non-blocking", 200, "200")]
    {
        assert_eq!(tag(Some(status), &of(&[("resource.render_blocking_status", word)])), expected, "{word} {status}");
    }
    assert_eq!(tag(None, &of(&[("cache.hit", "false"), ("cache.reason", "too-old-and-stale")])), "MISS");
    assert_eq!(tag(None, &of(&[("cache.hit", "true"), ("cache.reason", "fresh")])), "HIT");
    assert_eq!(tag(None, &of(&[("cache.hit", "true"), ("cache.reason", "stale-if-error")])), "STALE");
}
