use super::*;

#[test]
fn a_prefix_is_of_whole_segments() {
    for (path, expected) in [
        ("/api", Some("/")),
        ("/api/", Some("/")),
        ("/api/a%20b/", Some("/a%20b/")),
        ("/%61pi/x", Some("/x")),
        ("//api/x", Some("/x")),
        ("/apis", None),
        ("/api//evil.com", Some("/evil.com")),
        ("/x/api", None),
        ("*", None),
    ] {
        assert_eq!(strip_prefix(path, "/api").as_deref(), expected, "{path}");
    }
    assert_eq!(strip_prefix("/api/v2/x", "/api/v2").as_deref(), Some("/x"));
}

#[test]
fn the_query_is_kept_unless_another_comes() {
    for (uri, path, expected) in [
        ("/a?b=1", "/c", "/c?b=1"),
        ("/a?b=1", "/c?d", "/c?d"),
        ("/a", "/c", "/c"),
        ("http://h:81/a?b", "/c", "http://h:81/c?b"),
    ] {
        let mut uri: Uri = uri.parse().unwrap();
        set_path(&mut uri, path).unwrap();
        assert_eq!(uri.to_string(), expected);
    }
}
