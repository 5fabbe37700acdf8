//! The command line: what it prints, and what it exits with.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::Stdio,
};

use crate::support::instance::{HEAD, Instance, answering, output, waylight};

#[test]
fn check_prints_two_faults_of_two_tables() {
    let directory = tempfile::tempdir().unwrap();
    let faulty = format!("{HEAD}{}\n[limits]\nconections_max = 7\n[timeouts]\nidle = \"soon\"\n", answering("one"));
    fs::write(directory.path().join("proxy.toml"), &faulty).unwrap();
    let (code, stdout, _) = output(directory.path(), &["check"]);
    assert_eq!(code, Some(3));
    for key in ["conections_max", "idle"] {
        let line = faulty.lines().position(|line| line.starts_with(key)).unwrap() + 1;
        assert!(stdout.contains(&format!("proxy.toml:{line}:")), "{stdout}");
    }
    assert!(stdout.contains("did you mean `connections_max`"), "{stdout}");
    assert!(!stdout.contains('\u{1b}'), "colours in a pipe: {stdout}");
}

#[test]
fn check_is_content_with_a_sound_file() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("other.toml"), format!("{HEAD}{}", answering("one"))).unwrap();
    let (code, stdout, stderr) = output(directory.path(), &["--config", "other.toml", "check"]);
    assert_eq!((code, &*stdout, &*stderr), (Some(0), "other.toml: no faults\n", ""));
    assert_eq!(output(directory.path(), &["check", "-c", "other.toml"]).0, Some(0));
}

#[test]
fn a_file_that_is_not_there_is_named_with_a_hint() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [&[] as &[_], &["check"], &["link"], &["health"]] {
        let (code, _, stderr) = output(directory.path(), arguments);
        assert!(matches!(code, Some(1 | 3)), "{arguments:?}: {code:?}");
        assert!(stderr.contains("proxy.toml"), "{arguments:?}: {stderr}");
    }
    let (code, _, stderr) = output(directory.path(), &[]);
    assert_eq!(code, Some(3));
    assert!(stderr.contains("--upstream"), "{stderr}");
}

#[test]
fn a_faulty_file_does_not_start() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("proxy.toml"), "[[listener]]\naddress = 7\n").unwrap();
    let (code, _, stderr) = output(directory.path(), &[]);
    assert_eq!(code, Some(3));
    assert!(stderr.contains("proxy.toml:2:"), "{stderr}");
}

#[test]
fn help_shows_examples_and_misuse_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let (code, stdout, _) = output(directory.path(), &["--help"]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("waylight --upstream http://localhost:3000"), "{stdout}");
    assert!(!stdout.contains("demo-app"), "an inner command is shown");
    assert_eq!(output(directory.path(), &["nonsense"]).0, Some(2));
    assert_eq!(output(directory.path(), &["--listen", "127.0.0.1:1"]).0, Some(2));
    assert_eq!(output(directory.path(), &["--upstream", "http://a", "--config", "b"]).0, Some(2));
    let (code, stdout, _) = output(directory.path(), &["version"]);
    assert_eq!((code, stdout), (Some(0), format!("waylight {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn link_and_health_find_a_running_instance() {
    let instance = Instance::start(&format!("{HEAD}{}", answering("one")));
    let directory = instance.directory.path();
    let (code, stdout, stderr) = output(directory, &["link", "--name", "Ada"]);
    assert_eq!(code, Some(0), "{stderr}");
    let expect = format!("http://{}/_waylight/sign-in?token=", instance.address);
    assert!(stdout.starts_with(&expect), "{stdout}");
    assert_eq!(stdout.lines().count(), 1);
    let (_, again, _) = output(directory, &["link", "--name", "Ada"]);
    assert_ne!(stdout, again, "each link is another");
    let page = instance.get(stdout.trim().split_once(&instance.address.to_string()).unwrap().1);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Ada"), "{}", page.body);
    assert_eq!(output(directory, &["health"]), (Some(0), "ok\n".to_owned(), String::new()));
}

#[test]
fn an_instance_without_a_file_is_found_in_its_directory() {
    let directory = tempfile::tempdir().unwrap();
    let run = ["--upstream", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"];
    let mut child = waylight().current_dir(&directory).args(run).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.any(|line| line.contains("ready")));
    let (code, stdout, stderr) = output(directory.path(), &["link"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("/_waylight/sign-in?token="), "{stdout}");
    assert_eq!(output(directory.path(), &["health"]).0, Some(0));
    child.kill().unwrap();
    child.wait().unwrap();
    // What it left behind is no instance.
    assert_eq!(output(directory.path(), &["health"]).0, Some(1));
}

#[test]
fn without_an_instance_there_is_no_link() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("proxy.toml"), format!("{HEAD}{}", answering("one"))).unwrap();
    for command in ["link", "health"] {
        let (code, stdout, stderr) = output(directory.path(), &[command]);
        assert_eq!((code, &*stdout), (Some(1), ""), "{command}");
        assert!(stderr.starts_with("error: "), "{stderr}");
    }
}

#[test]
fn a_second_instance_is_refused() {
    let first = Instance::start(&format!("{HEAD}{}", answering("one")));
    let config = format!("{HEAD}{}", answering("two")).replacen("127.0.0.1:0", &first.address.to_string(), 1);
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("proxy.toml"), config).unwrap();
    let (code, _, stderr) = output(directory.path(), &[]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains(&first.address.to_string()), "{stderr}");
    assert_eq!(first.get("/").body, "one");
    // Another port, but the same state directory.
    let (code, _, stderr) = output(first.directory.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("another running Waylight"), "{stderr}");
}

#[test]
fn a_port_that_another_program_has_is_refused() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let (code, _, stderr) = output(directory.path(), &["--upstream", "http://127.0.0.1:1", "--listen", &listen]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains(&listen), "{stderr}");
}

/// A back end that accepts connections, and never answers.
#[test]
fn spans_that_a_hanging_back_end_loses_are_warned_of() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let export = format!(
        "[trace]\nratio = 1.0\n[[export]]\nname = \"hanging\"\nendpoint = \"http://{}/v1/traces\"\n\
         timeout = \"50ms\"\nretry_max = \"1ms\"\nbatch_delay = \"1ms\"\n",
        hanging.local_addr().unwrap()
    );
    let instance = Instance::start(&format!("{HEAD}{}{export}", answering("one")));
    assert_eq!(instance.get("/").body, "one");
    let line = instance.line("spans were dropped");
    assert_eq!((&line["level"], &line["back_end"]), (&"WARN".into(), &"hanging".into()), "{line}");
}

/// The program and the directory are named, since the system names neither.
#[test]
fn a_process_that_cannot_be_spawned_is_named() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("app")).unwrap();
    let site = "[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/nowhere\"\nupstream = \"nowhere\"\n\
                [[site.route]]\npath = \"/*\"\nupstream = \"app\"\n\
                [upstream.app.start]\ncommand = [\"no-such-program\"]\ndirectory = \"app\"\nport_variable = \"PORT\"\n\
                [upstream.nowhere.start]\ncommand = [\"true\"]\ndirectory = \"gone\"\nport_variable = \"PORT\"\n";
    let instance = Instance::start_in(directory, &format!("{HEAD}{site}"));
    for (path, parts) in
        [("/", ["\"no-such-program\" in ", "app: "]), ("/nowhere", ["\"true\" in ", "gone: there is no"])]
    {
        assert_eq!(instance.get(path).status, 503);
        let line = instance.line("the upstream's process could not be started");
        let error = line["error"].as_str().unwrap();
        assert!(parts.iter().all(|part| error.contains(part)), "{line}");
    }
}

#[test]
fn check_looks_into_certificates_where_a_start_would() {
    let directory = tempfile::tempdir().unwrap();
    let made = |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (one, other) = (made("one.example"), made("other.example"));
    let files = [
        ("cert.pem", one.cert.pem()),
        ("key.pem", one.signing_key.serialize_pem()),
        ("other.pem", other.signing_key.serialize_pem()),
        ("text.pem", "no certificate".to_owned()),
    ];
    for (name, text) in &files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let config = |cert: &str, key: &str, ca: &str, client: &str| {
        format!(
            "{HEAD}{}[[listener]]\naddress = \"127.0.0.2:0\"\ntls = true\n\
             [[certificate]]\ncert_file = {cert:?}\nkey_file = {key:?}\n\
             [upstream.app]\nendpoints = [\"https://localhost\"]\n[upstream.app.tls]\nca_file = {ca:?}\n\
             [[export]]\nname = \"back-end\"\nendpoint = \"https://localhost/v1/traces\"\n\
             client_cert_file = {client:?}\nclient_key_file = \"key.pem\"\nca_file = {ca:?}\n",
            answering("one")
        )
    };
    let sound = ["cert.pem", "key.pem", "cert.pem", "cert.pem"];
    for (at, key, bad) in [
        (0, "cert_file", "missing.pem"),
        (0, "cert_file", "text.pem"),
        (1, "key_file", "other.pem"),
        (2, "ca_file", "missing.pem"),
        (2, "ca_file", "text.pem"),
        (3, "client_cert_file", "missing.pem"),
        (3, "client_cert_file", "text.pem"),
    ] {
        let mut names = sound;
        names[at] = bad;
        let text = config(names[0], names[1], names[2], names[3]);
        fs::write(directory.path().join("proxy.toml"), &text).unwrap();
        let (code, stdout, _) = output(directory.path(), &["check"]);
        assert_eq!(code, Some(3), "{key} {bad}: {stdout}");
        let start = format!("{key} = \"");
        let line = text.lines().position(|line| line.starts_with(&start)).unwrap() + 1;
        assert!(stdout.contains(&format!("proxy.toml:{line}:{}\n", start.len())), "{key} {bad}: {stdout}");
    }
    let [cert, key, ca, client] = sound;
    fs::write(directory.path().join("proxy.toml"), config(cert, key, ca, client)).unwrap();
    let (code, stdout, _) = output(directory.path(), &["check"]);
    assert_eq!(code, Some(0), "{stdout}");
}

/// The demo's own shop, started from a file that is named without its folder.
#[test]
fn a_process_starts_from_the_folder_of_a_file_named_without_one() {
    let directory = tempfile::tempdir().unwrap();
    let site = format!(
        "[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n\
         [upstream.app.start]\ncommand = [{:?}, \"demo-app\"]\nport_variable = \"PORT\"\n",
        env!("CARGO_BIN_EXE_waylight")
    );
    let instance = Instance::start_in(directory, &format!("{HEAD}{site}"));
    assert_eq!(instance.get("/").status, 200);
    assert_eq!(instance.stop(), Some(0));
}
