use lol_html::{HtmlRewriter, Settings, element, html_content::ContentType};
use opentelemetry::trace::TraceId;
use proptest::{prelude::*, sample::select};

use super::*;

const TRACE: &str = "0123456789abcdef0123456789abcdef";
const TAGS: &str = concat!(
    r#"<meta name="sentry-trace" content="0123456789abcdef0123456789abcdef-0123456789abcdef-1"/>"#,
    r#"<meta name="baggage" content="sentry-trace_id=0123456789abcdef0123456789abcdef,sentry-sampled=true"/>"#,
    r#"<meta name="traceparent" content="00-0123456789abcdef0123456789abcdef-0123456789abcdef-03"/>"#,
);

fn wanted() -> MetaTags {
    MetaTags {
        trace_id: TraceId::from_hex(TRACE).unwrap(),
        sentry_trace: format!("{TRACE}-0123456789abcdef-1"),
        baggage: Some(format!("sentry-trace_id={TRACE},sentry-sampled=true")),
        traceparent: format!("00-{TRACE}-0123456789abcdef-03"),
    }
}

fn scan<'a>(charset: Charset, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Report) {
    let mut scanner = Scanner::new(Some(&wanted()), None, charset);
    let mut out = Vec::new();
    for chunk in chunks {
        scanner.push(Bytes::copy_from_slice(chunk), &mut out);
    }
    scanner.finish(&mut out);
    (out.concat(), scanner.report())
}

/// `case` is a document in which `¦` stands where the tags are to be, and `⟦⟧` around what is to be taken out. It is
/// checked in one piece, in two of every size, and octet by octet.
#[track_caller]
fn check(charset: Charset, case: &str) {
    let input = case.replace(['¦', '⟦', '⟧'], "");
    let mut expect = String::new();
    for part in case.replace('¦', TAGS).split('⟦') {
        expect.push_str(part.split_once('⟧').map_or(part, |(_, behind)| behind));
    }
    let input = input.as_bytes();
    let (whole, report) = scan(charset, [input]);
    assert_eq!(String::from_utf8_lossy(&whole), expect);
    assert_eq!(report.written_bytes > 0, case.contains('¦'));
    for split in 0..input.len() {
        let (out, other) = scan(charset, [&input[..split], &input[split..]]);
        assert_eq!(String::from_utf8_lossy(&out), expect, "split at {split}");
        assert_eq!(other, report, "split at {split}");
    }
    assert_eq!(scan(charset, input.chunks(1)).0, expect.as_bytes(), "octet by octet");
}

#[test]
fn tags_go_where_the_head_begins() {
    for case in [
        "<!doctype html><html><head>¦<title>a</title></head><body>",
        "<HTML><HEAD LANG='a>b' data-x=\">\">¦</HEAD><BODY>",
        "<html>\n<head\n>¦\n<script src=a></script><meta name=x></head>",
        "<head/>¦<link rel=preload href=/a.js><SCRIPT async src=/a.js></script></head>",
        "<!-- <head> --><head>¦<!-- </head> --></head>",
        "<!--><html><!---><head>¦<base href=/><script>",
        "<?xml version='1.0'?><!doctype html [<head>¦] ></head>",
        "<head>¦<meta charset=utf-8/><script>",
        "<head>¦<title>a",
        "<head>¦<style",
        "<head>¦",
        "\u{feff}<head>¦<script>",
        "</p></title><head>¦</body>",
        "<!doctype html><head lang=a>¦<head lang=b></head>",
    ] {
        check(Charset::Declared, case);
    }
}

#[test]
fn a_head_may_be_implied() {
    for case in [
        "¦<title>a</title><p>text",
        "<!doctype html>\n¦<meta charset=utf-8>text",
        "¦plain text",
        "¦<p>a<head>",
        "<html>¦<body><head></head>",
        "<html><!-- a -->¦<unknown-element>",
        "<html>¦<script></script><head>",
        "¦<template></template>",
        "¦</body>",
        "¦<averyveryverylongelementname>",
        "¦\u{fefe}a",
        "¦< p>",
        "¦</br>",
    ] {
        check(Charset::Declared, case);
    }
}

#[test]
fn what_is_no_page_stays() {
    for case in ["", " \n", "<!-- a", "<!doctype html><html>", "<html><head", "<scr", "<head lang='a"] {
        check(Charset::Declared, case);
    }
    for octets in [&b"\xFF\xFE<\0h\0"[..], b"\xFE\xFF\0<", b"<\0h\0e\0a\0d\0>\0", b"\0<\0h", b"\n\0<\0"] {
        assert_eq!(scan(Charset::Declared, [octets]), (octets.to_vec(), Report::default()));
        assert_eq!(scan(Charset::Declared, octets.chunks(1)), (octets.to_vec(), Report::default()));
    }
}

#[test]
fn an_early_charset_stays_early() {
    let far = format!("<head>¦<script>{}</script><meta charset=utf-8></head>", "a".repeat(1000));
    let near = format!("<head><script>{}</script><meta charset=utf-8>¦</head>", "a".repeat(900));
    for case in [
        "<head><title>a</title><meta charset=utf-8>¦<script></script></head>",
        "<meta charset=utf-8>¦<p>",
        "<head><script>a</script><META HTTP-EQUIV=Content-Type CONTENT='text/html; CHARSET=x'>¦</head>",
        "<head>¦<meta http-equiv=refresh content='charset'></head>",
        "<head><meta charset=utf-8>¦<script>a</script><meta charset=utf-8></head>",
        "<head>¦<script>a</script></head><meta charset=utf-8>",
        "<head>¦<!-- <meta charset=utf-8> --><title><meta charset=utf-8></title></head>",
        "\u{feff}<head>¦<script>a</script><meta charset=utf-8>",
        &far,
        &near,
    ] {
        check(Charset::Unknown, case);
    }
    check(Charset::Declared, "<head>¦<script>a</script><meta charset=utf-8></head>");
}

/// A page's own tags: of the same trace, of another one, and what the two look like in a case.
fn own(name: &str, trace: &str) -> String {
    let content = match name {
        "sentry-trace" => format!("{trace}-aaaaaaaaaaaaaaaa-1"),
        "baggage" => format!("a=b,sentry-trace_id={trace}"),
        _ => format!("00-{trace}-aaaaaaaaaaaaaaaa-01"),
    };
    format!("<META CONTENT=\"{content}\" Name='{name}'/>")
}

#[test]
fn tags_of_this_trace_stay_and_others_go() {
    let same = own("sentry-trace", TRACE);
    let (baggage, parent) = (own("baggage", TRACE), own("traceparent", TRACE));
    let other = format!("⟦{}⟧", own("sentry-trace", &"f".repeat(32)));
    let foreign = format!("⟦{}⟧", own("baggage", &"f".repeat(32)));
    let script = "<script async>'<head>'</script>";
    for case in [
        format!("<head>{same}</head>"),
        format!("<head>{script}{same}{baggage}<title>a</title>{parent}</head>"),
        format!("{same}⟦{same}⟧⟦{same}⟧</head>"),
        format!("<head>¦{other}{foreign}{other}{script}</head>"),
        format!("<head>¦{script}{other}</head>{same}"),
        format!("¦{other}<title>a</title>"),
        "<head>¦⟦<meta name=baggage content=''>⟧⟦<meta name=sentry-trace>⟧</head>".to_owned(),
        "<head>¦<meta name=description content=sentry-trace><!-- sentry-trace --></head>".to_owned(),
        "<head>¦<meta name=a name=sentry-trace content=b></head>".to_owned(),
        format!("<head>¦<noscript>{same}</noscript></head>"),
        format!("<head>¦<template>{same}<template></template>{same}<script></template></script></template></head>"),
    ] {
        check(Charset::Declared, &case);
    }
    check(Charset::Unknown, &format!("<head><script></script>{other}<meta charset=x>¦{foreign}</head>"));
    check(Charset::Unknown, &format!("<head>¦<script></script>{other}<title>a</title></head>"));
}

#[test]
fn only_what_is_missing_is_written() {
    let input = format!("<head>{}</head>", own("traceparent", TRACE));
    let (out, report) = scan(Charset::Declared, [input.as_bytes()]);
    let out = String::from_utf8(out).unwrap();
    assert_eq!((out.matches("traceparent").count(), out.matches("name=\"baggage\"").count()), (1, 1));
    assert_eq!((report.kept, report.removed), (1, 0));

    let input = format!("<head>{}<meta name=baggage content=a></head>", own("sentry-trace", TRACE));
    let (out, report) = scan(Charset::Declared, [input.as_bytes()]);
    let out = String::from_utf8(out).unwrap();
    assert_eq!((out.matches("\"sentry-trace\"").count(), out.matches("name=\"baggage\"").count()), (0, 1), "{out}");
    assert_eq!((report.kept, report.removed), (1, 1));
}

#[test]
fn values_are_escaped() {
    let mut tags = wanted();
    tags.baggage = Some("a&\"<>b".to_owned());
    let mut html = String::new();
    Pending::new(&tags).write(&mut html);
    assert!(html.contains("a&amp;&quot;&lt;&gt;b\"/>"));
}

const SCRIPT: &str = "<script src=/a></script>";

/// Checks a document in which `¦` stands where a script without tags is to be.
#[track_caller]
fn check_script(charset: Charset, case: &str) {
    let input = case.replace('¦', "");
    let expect = case.replace('¦', SCRIPT);
    for size in 1..=input.len() {
        let mut scanner = Scanner::new(None, Some(SCRIPT.to_owned()), charset);
        let mut out = Vec::new();
        for chunk in input.as_bytes().chunks(size) {
            scanner.push(Bytes::copy_from_slice(chunk), &mut out);
        }
        scanner.finish(&mut out);
        assert_eq!(String::from_utf8(out.concat()).unwrap(), expect, "in pieces of {size}");
        assert!(scanner.is_done());
    }
}

#[test]
fn a_script_is_the_heads_first_child() {
    for case in [
        "<!doctype html><html><head>¦<title>a</title></head><body>",
        "<head>¦<meta charset=utf-8><script src=b></script>",
        "<head>¦<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\">",
        "<!-- a -->¦<title>a</title>",
        "¦text",
        "<html>¦<body>",
        "<head>¦",
    ] {
        check_script(Charset::Declared, case);
    }
}

#[test]
fn a_script_stands_behind_the_charset_but_in_front_of_a_policy() {
    for case in [
        "<head><meta charset=utf-8>¦<title>a</title>",
        "<head><meta name=a><meta charset=utf-8>¦<meta http-equiv=content-security-policy content=a>",
        "<head>¦<meta http-equiv=' Content-Security-Policy' content=a><meta charset=utf-8>",
        "<head>¦<title>a</title><meta charset=utf-8>",
        "<head>¦<meta name=a><link rel=b>",
        "<head>¦</head>",
    ] {
        check_script(Charset::Unknown, case);
    }
}

#[test]
fn a_script_stands_in_front_of_the_tags_and_leaves_foreign_ones_alone() {
    let own = own("sentry-trace", "0000000000000000000000000000000f");
    let mut scanner = Scanner::new(None, Some(SCRIPT.to_owned()), Charset::Declared);
    let mut out = Vec::new();
    scanner.push(format!("<head>{own}</head>").into(), &mut out);
    assert_eq!(out.concat(), format!("<head>{SCRIPT}{own}</head>").as_bytes());
    let mut scanner = Scanner::new(Some(&wanted()), Some(SCRIPT.to_owned()), Charset::Declared);
    out.clear();
    scanner.push(format!("<head>{own}</head>").into(), &mut out);
    assert_eq!(String::from_utf8(out.concat()).unwrap(), format!("<head>{SCRIPT}{TAGS}</head>"));
}

/// A page whose origin pauses after each chunk.
fn paused<'a>(charset: Charset, chunks: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut scanner = Scanner::new(Some(&wanted()), None, charset);
    let read = |chunk: &str| {
        let mut out = Vec::new();
        scanner.push(Bytes::copy_from_slice(chunk.as_bytes()), &mut out);
        scanner.pause(&mut out);
        String::from_utf8(out.concat()).unwrap()
    };
    chunks.into_iter().map(read).collect()
}

#[test]
fn nothing_waits_but_an_open_tag() {
    let chunks =
        ["<html><he", "ad><title>a", "</title><link rel", "=a><meta name=a", "b><!-- x", " --></he", "ad><p>", "b"];
    let expect =
        ["<html>", "<head>¦<title>a", "</title><link rel", "=a>", "<meta name=ab><!-- x", " -->", "</head><p>", "b"];
    assert_eq!(paused(Charset::Declared, chunks), expect.map(|part| part.replace('¦', TAGS)));
}

#[test]
fn only_a_charset_may_keep_a_paused_page_waiting() {
    let chunks = ["<head><meta name=viewport>", "<meta charset=utf-8>", "<link>"];
    assert_eq!(
        paused(Charset::Unknown, chunks),
        ["<head>".to_owned(), format!("<meta name=viewport>{}{TAGS}", chunks[1]), chunks[2].to_owned()]
    );
    let long = "a".repeat(1024);
    let chunks = ["<head><meta content=a>", &format!("<meta content={long}>"), "<link>"];
    assert_eq!(
        paused(Charset::Unknown, chunks),
        ["<head>".to_owned(), format!("{TAGS}<meta content=a>{}", chunks[1]), "<link>".to_owned()]
    );
}

#[test]
fn a_page_that_began_with_something_else_does_not_wait_for_a_charset() {
    for first in ["<title>a</title>", "<title>a", "<script async src=a></script>", "<meta name=b><link rel=c>"] {
        assert_eq!(
            paused(Charset::Unknown, [&format!("<head>{first}"), "<meta charset=utf-8>"]).first(),
            Some(&format!("<head>{TAGS}{first}")),
        );
    }
    let chunks = ["<head><title>a</title><me", "ta charset=utf-8>", "<link>"];
    assert_eq!(
        paused(Charset::Unknown, chunks),
        [format!("<head>{TAGS}<title>a</title>"), "<meta charset=utf-8>".to_owned(), "<link>".to_owned()]
    );
}

#[test]
fn tags_that_come_after_a_pause_are_duplicates() {
    let same = own("sentry-trace", TRACE);
    assert_eq!(
        paused(Charset::Declared, ["<head><title>", "</title>", &same, "<link>"]).concat(),
        format!("<head>{TAGS}<title></title><link>")
    );
}

#[test]
fn the_pieces_are_those_that_came() {
    let chunk = Bytes::from_static(b"<html><head><title>a</title></head><body>text");
    let mut out = Vec::new();
    Scanner::new(Some(&wanted()), None, Charset::Declared).push(chunk.clone(), &mut out);
    assert_eq!(out.len(), 3);
    assert_eq!(out[0].as_ptr(), chunk.as_ptr());
    assert_eq!(out[2].as_ptr(), chunk[12..].as_ptr());
}

#[test]
fn reading_has_a_bound() {
    let long = "a".repeat(usize::try_from(SCAN_BYTES_MAX).unwrap());
    let spaces = " ".repeat(long.len());
    let other = own("sentry-trace", &"f".repeat(32));
    for (document, place, removed) in [
        (format!("<head><style>{long}</style>{other}</head>"), Some(Place::Head), 0),
        (format!("<head><meta content=\"{long}\"></head>"), Some(Place::Head), 0),
        (format!("{spaces}<head></head>"), None, 0),
        (format!("<head>{}{other}</head>", &spaces[1000..]), Some(Place::Head), 1),
    ] {
        for size in [document.len(), 999] {
            let (out, report) = scan(Charset::Unknown, document.as_bytes().chunks(size));
            let expect = document.len() + report.written_bytes - other.len() * removed as usize;
            assert_eq!((out.len(), report.place, report.removed), (expect, place, removed));
        }
    }
    let mut out = Vec::new();
    let mut scanner = Scanner::new(Some(&wanted()), None, Charset::Declared);
    let endless = format!("<head><meta content=\"{}", &long[..20_000]);
    scanner.push(Bytes::from(endless.clone()), &mut out);
    scanner.pause(&mut out);
    assert_eq!(out.concat().len(), endless.len() + TAGS.len(), "an endless tag is not waited for");
}

#[test]
fn an_end_tag_may_be_hidden_in_a_script() {
    for (script, ends) in [
        ("<script>a</script>", true),
        ("<script></scriptx></script x>", true),
        ("<script><!-- </script>", true),
        ("<script><!-- <script> </script>", false),
        ("<script><!-- <script> </script> </script>", true),
        ("<script><!-- <script> --> </script>", true),
        ("<script><!--><script></script>", true),
        ("<script><!-- <scripty> </script>", true),
        ("<title><!-- <script> </title>", true),
        ("<style></styl</style>", true),
    ] {
        let mut document = format!("<head>{script}<meta name=sentry-trace content=x></head>");
        let (out, report) = scan(Charset::Declared, [document.as_bytes()]);
        assert_eq!(report.removed == 1, ends, "{script}: {}", String::from_utf8_lossy(&out));
        document.insert(0, '\n');
        assert_eq!(scan(Charset::Declared, document.as_bytes().chunks(1)).1.removed == 1, ends, "{script}");
    }
}

/// Well-formed parts of a head, and some that are not.
fn part() -> impl Strategy<Value = &'static str> {
    select(vec![
        "\n ",
        "<title>a</title>",
        "<title>\u{e4}<b></title>",
        "<meta charset=\"utf-8\">",
        "<meta name='a' content=\"<\">",
        "<link rel=stylesheet href=/a.css>",
        "<style>a > b { }</style>",
        "<!-- <script> -->",
        "<script>1 < 2</script>",
        "<script async src=\"/a.js\"></script>",
        "<base href='/'/>",
        "<META NAME=viewport CONTENT=x>",
    ])
}

fn junk() -> impl Strategy<Value = &'static str> {
    select(vec![
        "<",
        ">",
        "</",
        "<!",
        "<!-",
        "--",
        "-->",
        "\"",
        "'",
        "=",
        "/",
        " ",
        "<meta ",
        "name=",
        "content=",
        "sentry-trace",
        "<script",
        "</script",
        "<head",
        "</head",
        "<title>",
        "</title>",
        "<template>",
        "</template>",
        "<p>",
        "a",
        "\0",
        "charset",
        "<meta charset=x>",
        "<meta name=sentry-trace content=x>",
        "\u{feff}",
        "<noscript>",
        "baggage",
    ])
}

/// Cuts `document` where `cuts` say.
fn chunks<'a>(document: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (document.len() + 1)).collect();
    at.extend([0, document.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &document[pair[0]..pair[1]]).collect()
}

/// Where a full rewriter puts the tags.
fn oracle(document: &str) -> String {
    let mut out = Vec::new();
    let head = element!("head", |head| {
        head.prepend(TAGS, ContentType::Html);
        Ok(())
    });
    let settings = Settings::new().append_element_content_handler(head);
    let mut rewriter = HtmlRewriter::new(settings, |part: &[u8]| out.extend_from_slice(part));
    rewriter.write(document.as_bytes()).unwrap();
    rewriter.end().unwrap();
    String::from_utf8(out).unwrap()
}

proptest! {
    #[test]
    fn a_rewriter_agrees(head in prop::collection::vec(part(), 0..8), cuts in prop::collection::vec(0_usize..400, 0..6)) {
        let document = format!("<!doctype html><html><head lang=\"a\">{}</head><body><script></script></body>", head.concat());
        let (out, _) = scan(Charset::Declared, chunks(document.as_bytes(), &cuts));
        prop_assert_eq!(String::from_utf8(out).unwrap(), oracle(&document));
    }

    #[test]
    fn any_chunking_gives_the_same(parts in prop::collection::vec(junk(), 0..24), cuts in prop::collection::vec(0_usize..400, 0..8)) {
        let document = parts.concat();
        for charset in [Charset::Declared, Charset::Unknown] {
            let whole = scan(charset, [document.as_bytes()]);
            prop_assert_eq!(&whole, &scan(charset, chunks(document.as_bytes(), &cuts)));
            let out = String::from_utf8(whole.0).unwrap();
            if whole.1.removed == 0 {
                prop_assert_eq!(&out.replacen(TAGS, "", 1), &document);
            }
            let again = scan(charset, [out.as_bytes()]);
            prop_assert_eq!(String::from_utf8(again.0).unwrap(), out);
        }
    }

    #[test]
    fn any_octets_pass(octets: Vec<u8>, cuts in prop::collection::vec(0_usize..200, 0..4)) {
        let (out, report) = scan(Charset::Unknown, chunks(&octets, &cuts));
        prop_assert_eq!(out.len(), octets.len() + report.written_bytes);
    }
}
