//! `proxy.toml` and the `OTEL_*` variables: any text is read to its end, and what is wrong with it is said.

use std::path::Path;

use waylight::config::{Source, check, effective, model::Toggle, otel_env::OtelEnv, parse};

/// The data is a configuration, and the value of every variable.
pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let source = Source {
        name: "proxy.toml",
        base: Path::new("base"),
        env: &|name| (name.len() % 2 == 0).then(|| name.to_lowercase()),
        file: &|_| Err("there is no file".to_owned()),
    };
    let report = check(text, &source, Toggle::Off, |_| Vec::new());
    match parse(text, &source) {
        Ok((config, _)) => {
            assert_eq!(report.faults, 0, "{}", report.text);
            assert!(!effective(&config).is_empty());
        }
        Err(faults) => assert!(report.faults > 0 && !faults.render(Toggle::Off).is_empty()),
    }
    let env = OtelEnv::read(|_| Some(text.to_owned()));
    for fault in &env.faults {
        assert!(!fault.message.is_empty());
    }
}
