use std::collections::BTreeSet;

use http::HeaderMap;

use super::*;

fn ask(path: &str, fields: &[(http::HeaderName, &str)]) -> Response<Bytes> {
    let headers = fields.iter().map(|(name, value)| (name.clone(), HeaderValue::try_from(*value).unwrap()));
    file(path, &headers.collect::<HeaderMap>())
}

fn unpacked(response: &Response<Bytes>) -> Vec<u8> {
    use std::io::Read as _;
    let mut content = Vec::new();
    match response.headers().get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap()) {
        Some("br") => brotli::BrotliDecompress(&mut &**response.body(), &mut content).unwrap(),
        Some("gzip") => drop(flate2::read::GzDecoder::new(&**response.body()).read_to_end(&mut content).unwrap()),
        _ => content.extend_from_slice(response.body()),
    }
    content
}

#[test]
fn every_file_is_the_same_in_every_coding() {
    for known in FILES {
        let path = format!("{DIGEST}/{}", known.name);
        for coding in ["br", "gzip", "identity"] {
            let response = ask(&path, &[(ACCEPT_ENCODING, coding)]);
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(unpacked(&response), known.plain, "{path}: {coding}");
            assert_eq!(response.headers()[CACHE_CONTROL], "private, max-age=31536000, immutable");
            assert_ne!(response.headers()[CONTENT_TYPE], "application/octet-stream", "{path}");
        }
    }
}

#[test]
fn the_best_coding_that_is_not_refused_is_taken() {
    for (accept, expected) in [
        ("gzip, deflate, br, zstd", Some("br")),
        ("gzip;q=1.0, br;q=0", Some("gzip")),
        ("br;q=0.1, gzip", Some("br")),
        ("*", None),
        ("br;q=x", None),
        ("identity", None),
    ] {
        let response = ask(&format!("{DIGEST}/main.js"), &[(ACCEPT_ENCODING, accept)]);
        let coding = response.headers().get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap());
        assert_eq!(coding, expected, "{accept}");
        assert_eq!(response.headers()[VARY], "accept-encoding");
    }
}

#[test]
fn what_a_browser_has_is_not_sent_again() {
    let path = format!("{DIGEST}/main.js");
    let tag = ask(&path, &[(ACCEPT_ENCODING, "br")]).headers()[ETAG].to_str().unwrap().to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
        let response = ask(&path, &[(ACCEPT_ENCODING, "br"), (IF_NONE_MATCH, &known)]);
        assert_eq!((response.status(), response.body().len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
    }
    assert_eq!(ask(&path, &[(IF_NONE_MATCH, &tag)]).status(), StatusCode::OK, "another coding is another content");
}

#[test]
fn there_is_nothing_else() {
    for path in [
        "",
        "main.js",
        "0/main.js",
        &format!("{DIGEST}/"),
        &format!("{DIGEST}/../mod.rs"),
        &format!("{DIGEST}/waylight.css"),
    ] {
        assert_eq!(ask(path, &[]).status(), StatusCode::NOT_FOUND, "{path}");
    }
}

/// The names in `text` between `begin` and `end`, below the digest's address.
fn named<'t>(text: &'t str, begin: &str) -> Vec<&'t str> {
    let begin = format!("{begin}{ASSETS}{DIGEST}/");
    text.split(&begin).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn the_page_names_files_that_are_there_and_loads_few_modules_ahead() {
    let page = std::str::from_utf8(INDEX.as_bytes()).unwrap();
    assert!(!page.contains("{assets}") && !page.contains("style=") && !page.contains("<script>"));
    for name in named(page, "\"") {
        assert!(FILES.iter().any(|file| file.name == name), "{name}");
    }
    let ahead = named(page, "modulepreload\" href=\"");
    assert!((1..=14).contains(&ahead.len()), "{ahead:?}");
    // Nothing that is loaded ahead is left unused.
    let mut loaded = BTreeSet::new();
    loaded_with("main.js", &mut loaded);
    let unused: Vec<_> = ahead.iter().filter(|name| !loaded.contains(**name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

/// A file as it is written, with what is sent along in it, and without its lines of comment.
fn written(name: &str) -> String {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console/web");
    let text = |name: &str| std::fs::read_to_string(web.join(name)).unwrap();
    let texts: Vec<_> = joined::parts_of(name).iter().chain([&name]).map(|name| text(name)).collect();
    let text = if let [text] = &texts[..] { text.clone() } else { joined::joined(&texts) };
    let is_comment = |line: &str| line.trim_start().starts_with(['/', '*']);
    text.lines().filter(|line| !is_comment(line)).flat_map(|line| ["\n", line]).collect()
}

/// The module of a file, and all that is loaded with it.
fn loaded_with(name: &str, seen: &mut BTreeSet<String>) {
    if !FILES.iter().any(|file| file.name == name) || !seen.insert(name.to_owned()) {
        return;
    }
    let text = written(name);
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    for begin in ["from '", "\nimport '"] {
        for path in text.split(begin).skip(1).filter_map(|rest| rest.split('\'').next()) {
            let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
            for part in path.split('/') {
                match part {
                    "." => {}
                    ".." => drop(parts.pop()),
                    part => parts.push(part),
                }
            }
            loaded_with(&parts.join("/"), seen);
        }
    }
    // Style sheets that it asks for.
    for sheet in text.split("sheet('").skip(1).filter_map(|rest| rest.split('\'').next()) {
        seen.insert(sheet.to_owned());
    }
}

#[test]
fn the_console_stays_small() {
    let page = std::str::from_utf8(INDEX.as_bytes()).unwrap();
    let packed = |name: &str| FILES.iter().find(|file| file.name == name).map_or(0, |file| file.brotli.len());
    let screens = written("screens.js");
    let modules: Vec<&str> = screens.split("import('./").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    assert!(modules.contains(&"views/logs/logs.js"), "{modules:?}");
    for module in modules {
        let mut loaded = BTreeSet::new();
        loaded_with("main.js", &mut loaded);
        loaded_with(module, &mut loaded);
        loaded.extend(named(page, "stylesheet\" href=\"").into_iter().map(str::to_owned));
        let size =
            |end: &str| -> usize { loaded.iter().filter(|name| name.ends_with(end)).map(|name| packed(name)).sum() };
        let (scripts, styles) = (size(".js"), size(".css"));
        println!("{module}: {scripts} octets of scripts, {styles} of style sheets");
        assert!(scripts <= 45_000, "{module}: {scripts} octets of scripts; {loaded:?}");
        assert!(styles <= 8_000, "{module}: {styles} octets of style sheets");
    }
}

/// What begins behind each `begin`, as long as it is a name or the address of a module.
fn behind<'t>(text: &'t str, begin: &'t str) -> impl Iterator<Item = &'t str> {
    let is_inner = |letter: char| letter.is_alphanumeric() || "_$./-".contains(letter);
    text.split(begin).skip(1).map(move |rest| rest.split(|letter| !is_inner(letter)).next().unwrap())
}

#[test]
fn a_script_is_shortened_where_nobody_sees_it() {
    for file in FILES.iter().filter(|file| file.name.starts_with("toolbar/")) {
        // However a text is quoted.
        let text = std::str::from_utf8(file.plain).unwrap().replace(['"', '`'], "'");
        let (written, name) = (written(file.name), file.name);
        assert!(text.len() < written.len(), "{name}: {} octets of {}", text.len(), written.len());
        for module in written.lines().filter_map(|line| line.strip_suffix("';")?.split_once(" from '")) {
            assert!(text.contains(&format!("from'{}'", module.1)), "{name}: {module:?}");
        }
        for kind in ["function", "async function", "class", "const"] {
            for exported in behind(&written, &format!("\nexport {kind} ")) {
                let is_there = [format!("export {kind} {exported}"), format!(",{exported}=")];
                assert!(is_there.iter().any(|code| text.contains(code)), "{name}: {kind} {exported}");
            }
        }
    }
}

#[test]
fn the_toolbar_stays_small() {
    // What is loaded with a page, with the panel, with a traced page, with the first command, with an interaction to come.
    let parts = [
        ("toolbar.js", 6_100),
        ("panel.js", 2_900),
        ("agent/patch.js", 7_100),
        ("commands.js", 1_100),
        ("agent/arm.js", 600),
    ];
    let packed = |name: &str| {
        let path = format!("toolbar/{name}");
        FILES.iter().find(|file| file.name == path).unwrap().brotli.len()
    };
    for (name, octets_max) in parts {
        let octets = packed(name);
        println!("{name}: {octets} octets");
        assert!(octets <= octets_max, "{name}: {octets} octets");
    }
    let lazy = packed("panel.js") + packed("agent/patch.js");
    assert!(lazy <= 10_000, "panel and agent: {lazy} octets");
    let all = FILES.iter().filter(|file| file.name.starts_with("toolbar/")).count();
    assert_eq!(parts.len(), all, "each script is weighed");
    let script = path("toolbar/toolbar.js", None);
    assert_eq!(ask(&script[ASSETS.len()..], &[]).status(), StatusCode::OK);
}

#[test]
fn no_module_reaches_for_a_way_around_the_policy() {
    let ways = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "createContextualFragment",
        "DOMParser",
        "setHTMLUnsafe",
        "eval(",
        "new Function",
        "javascript:",
        "http://",
        "https://",
    ];
    for file in FILES.iter().filter(|file| file.name.ends_with(".js")) {
        let text = std::str::from_utf8(file.plain).unwrap().replace("http://www.w3.org/2000/svg", "");
        let found: Vec<_> = ways.iter().filter(|way| text.contains(**way)).collect();
        assert!(found.is_empty(), "{}: {found:?}", file.name);
    }
}

#[tokio::test]
async fn a_folder_has_the_files_that_are_embedded() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console/web");
    for File { name, .. } in FILES {
        assert_eq!(file_of(&web, &format!("live/{name}")).await.status(), StatusCode::OK, "{name}");
    }
    // A page's policy may forbid to ask for the rest: it comes with the first.
    let agent = file_of(&web, "live/toolbar/agent/patch.js").await;
    let text = std::str::from_utf8(agent.body()).unwrap();
    assert!(text.contains("\nclass Idle") && text.contains("\nfunction start(") && !text.contains("\nimport "));
    for part in joined::parts_of("toolbar/agent/patch.js") {
        assert_eq!(file_of(&web, &format!("live/{part}")).await.status(), StatusCode::NOT_FOUND);
    }
    // `joined.rs` knows these forms only.
    for part in joined::parts_of("toolbar/agent/patch.js").iter().chain([&"toolbar/agent/patch.js"]) {
        let source = std::fs::read_to_string(web.join(part)).unwrap();
        for line in source.lines().filter_map(|line| line.strip_prefix("import ")) {
            assert!(line.starts_with("{ ") && line.ends_with("';") && !line.contains(" as "), "{part}: {line}");
        }
        for line in source.lines().filter_map(|line| line.strip_prefix("export ")) {
            assert!(["const ", "function ", "class "].iter().any(|kind| line.starts_with(kind)), "{part}: {line}");
        }
    }
}

#[tokio::test]
async fn a_folder_is_served_as_it_is_and_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("web");
    std::fs::create_dir_all(inner.join("views")).unwrap();
    std::fs::write(folder.path().join("secret.js"), "no").unwrap();
    std::fs::write(inner.join(".hidden.js"), "no").unwrap();
    assert_eq!(index_of(&inner).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    std::fs::write(inner.join("index.html"), "<link href=\"{assets}/a.css\">").unwrap();
    for text in ["one", "two"] {
        std::fs::write(inner.join("views/logs.js"), text).unwrap();
        let response = file_of(&inner, "live/views/logs.js").await;
        assert_eq!((response.body(), response.headers().get(CACHE_CONTROL)), (&Bytes::from(text), None));
        assert_eq!(file_of(&inner, &format!("{DIGEST}/views/logs.js")).await.body(), text, "as pages name the toolbar");
    }
    let script = path("views/logs.js", Some(&inner));
    assert_eq!(file_of(&inner, &script[ASSETS.len()..]).await.status(), StatusCode::OK, "where the toolbar is, too");
    let page = index_of(&inner).await;
    assert!(std::str::from_utf8(page.body()).unwrap().contains("\"/_waylight/assets/live/a.css\""));
    let out = [
        "live/../secret.js",
        "live//secret.js",
        "live/.hidden.js",
        "live/views",
        "live/",
        "main.js",
        "live/..%2fsecret.js",
    ];
    for path in out {
        assert_eq!(file_of(&inner, path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
