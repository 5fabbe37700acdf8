use std::{collections::BTreeMap, fs, path::PathBuf};

use super::{model::*, *};

const PROXY_TOML: &str = include_str!("../../proxy.toml");

fn env(name: &str) -> Option<String> {
    match name {
        "UNSET" | "OTLP_URL" | "STATE_DIRECTORY" => None,
        "SHORT" => Some("hunter2".to_owned()),
        _ => Some(format!("the-value-of-{name}-which-is-long-enough")),
    }
}

fn file(path: &Path) -> Result<String, String> {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("missing") => Err("no such file".to_owned()),
        Some("dsn") => Ok("https://abc@o42.ingest.sentry.io/7\n".to_owned()),
        _ => Ok("first-secret-of-the-file-is-long-enough\nsecond-secret-of-the-file-is-long-enough\n".to_owned()),
    }
}

fn source(name: &str) -> Source<'_> {
    Source { name, base: Path::new("/etc/waylight"), env: &env, file: &file }
}

fn read(text: &str) -> Config {
    match parse(text, &source("proxy.toml")) {
        Ok((config, _)) => config,
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

/// proxy.toml with everything that is commented out switched on, alternatives (`##`) aside.
fn uncommented() -> String {
    let line = |line: &str| {
        let setting = line.strip_prefix('#').filter(|rest| !rest.starts_with(['#', ' ']) && !rest.is_empty());
        setting.unwrap_or(line).to_owned() + "\n"
    };
    PROXY_TOML.lines().map(line).collect()
}

/// Every key that readers ask for, once the alternatives are switched on too.
fn schema() -> Vec<String> {
    let text = uncommented().replace("\n##", "\n");
    let source = source("proxy.toml");
    let toml = document::Toml::new(&text);
    let document = document::Document::new(&toml, &source);
    read::config(&document);
    document.keys()
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

#[test]
fn proxy_toml_is_valid_and_shows_the_defaults() {
    let config = read(PROXY_TOML);
    let minimal =
        Config::minimal(&"http://127.0.0.1:3000".parse().unwrap(), "127.0.0.1:8080".parse().unwrap()).unwrap();
    // Without a file nobody can choose another port for the admin listener, so it takes a free one; and whoever tries it
    // out on his own machine is alone with its pages.
    let access = Access { on_site: minimal.access.on_site, ..config.access.clone() };
    let (state_dir, admin) = (minimal.state_dir.clone(), minimal.admin.clone());
    assert_eq!(Config { state_dir, admin, access, ..config }, minimal);
    assert_eq!(minimal.access.on_site, Scope::All);
}

#[test]
fn proxy_toml_shows_every_setting() {
    let config = read(&uncommented());
    assert_eq!(config.middleware.len(), 5);
    for key in schema() {
        let shown = PROXY_TOML.lines().any(|line| {
            let line = line.trim_start_matches('#');
            line.split(['=', ']', ' ']).next().is_some_and(|word| word.trim_matches('[').ends_with(last(&key)))
        });
        assert!(shown || matches!(&*key, "upstream" | "middleware"), "proxy.toml does not show `{key}`");
    }
}

#[test]
fn the_documentation_describes_every_setting() {
    let page = fs::read_to_string("docs/configuration.md").unwrap();
    for key in schema() {
        let described = [&*key, last(&key)].iter().any(|name| page.contains(&format!("`{name}`")));
        assert!(described, "docs/configuration.md does not describe `{key}`");
    }
}

#[test]
fn every_example_of_the_documentation_can_be_read() {
    // Examples are parts of a file: what they lean on may be missing, nothing else.
    const MISSING: &[&str] = &["there is no ", "TLS needs a certificate"];
    let mut examples = 0;
    let pages = fs::read_dir("docs").unwrap().map(|entry| entry.unwrap().path());
    for page in pages.chain([PathBuf::from("README.md")]).filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let text = fs::read_to_string(&page).unwrap();
        for block in text.split("```toml\n").skip(1) {
            let example = block.split("```").next().unwrap();
            examples += 1;
            let name = page.display().to_string();
            if let Err(diagnostics) = parse(example, &source(&name)) {
                let missing = |what: &str| MISSING.iter().any(|missing| what.starts_with(missing));
                let fault = |found: &&Diagnostic| found.severity == diagnostic::Severity::Fault;
                let wrong = diagnostics.iter().filter(fault).find(|found| !missing(&found.what));
                assert!(wrong.is_none(), "{example}\n{diagnostics}");
            }
        }
    }
    assert!(examples > 5);
}

#[test]
fn the_effective_configuration_reads_back_as_itself() {
    let config = read(&uncommented());
    let text = effective(&config);
    let again = read(
        &text
            .replace("dsn = \"***\"", "dsn = \"https://key@o1.ingest.sentry.io/1\"")
            .replace("tunnel_dsns = [\"***\"]", "tunnel_dsns = [\"https://key@o1.ingest.sentry.io/2\"]")
            .replace("secrets = [\"***\"]", "secrets = [\"${WAYLIGHT_SECRET}\"]")
            .replace("token = \"***\"", "token = \"${WAYLIGHT_TOKEN}\"")
            .replace("client_secret = \"***\"", "client_secret = \"${OIDC_SECRET}\""),
    );
    // Secrets read back as what stands for them.
    let plain = |mut config: Config| {
        config
            .exports
            .iter_mut()
            .flat_map(|export| &mut export.headers)
            .for_each(|(_, value)| *value = Secret::new(""));
        for start in config.upstreams.values_mut().filter_map(|upstream| upstream.start.as_mut()) {
            start.env.values_mut().for_each(|value| *value = Secret::new(""));
        }
        config.receive.token = None;
        config
    };
    assert_eq!(plain(again), plain(config));
}

#[test]
fn no_secret_is_ever_shown() {
    let text = uncommented().replace("\"waylight\"", "\"${EDGE}\"");
    let config = read(&text);
    let shown = format!("{}{:?}", effective(&config), config.access);
    for secret in ["the-value-of-OTLP_TOKEN", "the-value-of-WAYLIGHT_SECRET", "first-secret-of", "production\\\""] {
        assert!(!shown.contains(secret), "{secret}");
    }
    // Nor where it stands in a faulty line, understood or not.
    let faulty = "[access]\nsecrets = [\"hunter2\"]\nsecret = \"hunter2\"\n[[export]]\nname = \"a\"\n\
                  endpoint = \"http://user:hunter2@a/v1/traces\"\nheaders = { \"x y\" = \"hunter2\", authorization = \"hunter2\" }\n\
                  [sentry]\ndsn = \"hunter2\"\n[upstream.a.start]\ncommand = []\nenv = { A = \"hunter2\", A_file = \"missing\" }\n\
                  api_key = \"hunter2\n[upstream.a.start.env]\nX = \"hunter2\n";
    let shown = parse(faulty, &source("proxy.toml")).unwrap_err().to_string();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!parse("[access]\nsecrets = [\"${SHORT}\"]", &source("a")).unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn secrets_come_from_the_environment_and_from_files() {
    let text = format!(
        "{PROXY_TOML}\n[sentry]\ndsn_file = \"dsn\"\n[[export]]\nname = \"a\"\nendpoint = \"http://a/v1/traces\"\n\
         headers = {{ authorization = \"Bearer ${{TOKEN}}\", x-key_file = \"key\" }}\n"
    );
    let config = read(&text);
    assert_eq!(config.sentry.as_ref().unwrap().dsn.public_key(), "abc");
    assert_eq!(config.sentry.unwrap().org_id.as_deref(), Some("42"));
    let headers: BTreeMap<_, _> =
        config.exports[0].headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(headers["authorization"], "Bearer the-value-of-TOKEN-which-is-long-enough");
    assert!(headers["x-key"].starts_with("first-secret"));
    let config = read(&PROXY_TOML.replace("[access]", "[access]\nsecrets_file = \"secrets\""));
    assert_eq!(config.access.secrets.len(), 2);
    assert_eq!(config.state_dir, Path::new("/etc/waylight/.waylight"));
}

#[test]
fn state_lies_where_the_service_manager_wants_it() {
    let text = "[[listener]]\naddress = \"127.0.0.1:80\"\n[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nrespond = { status = 204 }\n";
    let named = format!("state_dir = \"here\"\n{text}");
    for (text, given, expected) in [
        (text, "", "/etc/waylight/.waylight"),
        (text, "/var/lib/waylight", "/var/lib/waylight"),
        (text, "/var/lib/a:/var/lib/b", "/var/lib/a"),
        (&named, "/var/lib/waylight", "/etc/waylight/here"),
    ] {
        let env = |name: &str| (name == "STATE_DIRECTORY").then(|| given.to_owned());
        let (config, _) = parse(text, &Source { env: &env, ..source("proxy.toml") }).unwrap();
        assert_eq!(config.state_dir, Path::new(expected));
    }
}

#[test]
fn an_upstream_that_is_started_has_its_endpoint() {
    let text = "[[listener]]\naddress = \"127.0.0.1:80\"\n[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\n\
                upstream = \"a\"\n[upstream.a.start]\ncommand = [\"a\"]\n";
    let upstream = &read(text).upstreams["a"];
    assert!(upstream.endpoints.is_empty());
    assert_eq!(upstream.start.as_ref().unwrap().port, StartPort::Variable("PORT".into()));
    let upstream = &read(&format!("{text}port = 3000\n")).upstreams["a"];
    assert_eq!(upstream.endpoints, [Endpoint { scheme: Scheme::Http, host: "127.0.0.1".into(), port: 3000 }]);
}

#[test]
fn variables_are_replaced() {
    let expand = |text| interpolate::expand(text, &|name| (name == "A").then(|| "1".to_owned()));
    for (text, expected) in
        [("a${A}b", "a1b"), ("${B:-2}", "2"), ("${A:-2}", "1"), ("$${A}", "${A}"), ("$A", "$A"), ("${A}$${B", "1${B")]
    {
        assert_eq!(expand(text).unwrap().text, expected);
    }
    assert_eq!(expand("${B}"), Err(interpolate::ExpandError::Unset("B".into())));
    assert_eq!(expand("${A"), Err(interpolate::ExpandError::Unclosed));
    assert!(matches!(expand("${1a}"), Err(interpolate::ExpandError::Name(_))));
}

/// Each `tests/cases/config/NAME.toml` has its findings beside it in `NAME.txt`. With `UPDATE_EXPECT` set, they are
/// written anew.
#[test]
fn every_fault_is_reported_with_its_place_and_a_hint() {
    let mut cases = 0;
    for entry in fs::read_dir("tests/cases/config").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        cases += 1;
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let report = check(&text, &source(name), Toggle::Off, |_| Vec::new()).text;
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&expected, &report).unwrap();
        }
        assert_eq!(report, fs::read_to_string(&expected).unwrap_or_default(), "{name}");
    }
    assert!(cases >= 6);
}

#[test]
fn colours_come_only_when_asked_for() {
    let text = "x = 1\n";
    assert!(!check(text, &source("a"), Toggle::Off, |_| Vec::new()).text.contains('\u{1b}'));
    assert!(check(text, &source("a"), Toggle::On, |_| Vec::new()).text.contains('\u{1b}'));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*", at in 0..PROXY_TOML.len()) {
        let mut whole = uncommented();
        if whole.is_char_boundary(at) {
            whole.insert_str(at, &text);
        }
        for text in [&whole, &text] {
            if let Err(diagnostics) = parse(text, &source("a")) {
                proptest::prop_assert!(!diagnostics.to_string().is_empty());
            }
        }
    }
}
