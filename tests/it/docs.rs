//! The documentation's examples of the command line and the API, run as they stand against a running instance. (That
//! its examples of the configuration can be read is a test of `config`.)

use std::{fs, os::unix::fs::symlink, process::Command};

use crate::support::instance::{HEAD, Instance, answering};

/// The pages whose examples are run, and how many there are at least.
const PAGES: [(&str, usize); 6] =
    [("access", 1), ("api", 1), ("cache", 3), ("cli", 2), ("operations", 1), ("session-tracing", 2)];
const TOKEN: &str = "a-token-of-some-length-for-tests";

#[test]
fn examples_do_what_they_say() {
    let token = format!("[[access.token]]\nname = \"docs\"\nrole = \"admin\"\ntoken = \"{TOKEN}\"\n");
    let instance = Instance::start(&format!("{HEAD}{token}{}", answering("hello")));
    let bin = instance.path("bin");
    fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_waylight"), bin.join("waylight")).unwrap();
    for (page, least) in PAGES {
        let text = fs::read_to_string(format!("docs/{page}.md")).unwrap();
        let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
        let ours =
            blocks.filter(|block| ["waylight ", "curl "].iter().any(|word| block.trim_start().starts_with(word)));
        let examples: Vec<&str> = ours.collect();
        assert!(examples.len() >= least, "docs/{page}.md has {} examples", examples.len());
        for example in examples {
            let here = example
                .replace("127.0.0.1:8080", &instance.address.to_string())
                .replace("127.0.0.1:9180", &instance.admin)
                // What was answered with an error was not done.
                .replace("curl ", "curl --fail --silent --show-error ");
            let said = Command::new("sh")
                .args(["-euc", &here])
                .current_dir(instance.directory.path())
                .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()))
                .env("TOKEN", TOKEN)
                .output()
                .unwrap();
            assert!(said.status.success(), "docs/{page}.md: {here}\n{said:?}");
        }
    }
    assert_eq!(instance.stop(), Some(0));
}
