use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::*;
use crate::{
    config::{self, Source, otel_env::OtelEnv},
    trace::{
        collector::{Collector, CollectorSettings},
        encode::Resource,
        outbox::Outbox,
    },
};

#[test]
fn our_own_address_is_no_back_end() {
    for (endpoint, own, same) in [
        ("http://127.0.0.1:4318/v1/traces", "127.0.0.1:4318", true),
        ("http://localhost:4318/v1/traces", "127.0.0.1:4318", true),
        ("http://[::1]:4318/v1/traces", "127.0.0.1:4318", true),
        ("http://127.0.0.1:4318/v1/traces", "0.0.0.0:4318", true),
        ("http://127.0.0.1:4319/v1/traces", "127.0.0.1:4318", false),
        ("http://jaeger:4318/v1/traces", "127.0.0.1:4318", false),
        ("http://127.0.0.1:4318/v1/traces", "127.0.0.1:0", false),
    ] {
        assert_eq!(leads_to(&endpoint.parse().unwrap(), own.parse().unwrap()), same, "{endpoint} {own}");
    }
}

/// A configuration with receivers and an admin listener, and what the `OTEL_*` variables add to it.
fn config(more: &str, endpoint: &str) -> Config {
    let text = format!(
        "[[listener]]\naddress = \"127.0.0.1:8080\"\n[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\n\
         respond = {{ status = 200 }}\n[receive]\nhttp = \"127.0.0.1:4318\"\ngrpc = \"127.0.0.1:4317\"\n{more}"
    );
    let file = |_: &Path| Err("there is no file".to_owned());
    let source = Source { name: "test", base: Path::new(""), env: &|_| None, file: &file };
    let (mut config, _) = config::parse(&text, &source).unwrap();
    let lookup = |name: &str| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| endpoint.to_owned());
    OtelEnv::read(lookup).apply(&mut config);
    config
}

#[tokio::test]
async fn a_receiver_that_a_back_end_leads_to_is_not_opened() {
    let (_, inbox) = Outbox::new(1, Arc::default());
    let settings = CollectorSettings::new(Resource::new("edge", &BTreeMap::new()));
    let collector = Collector::start(settings, inbox, Vec::new(), Arc::default());
    let export = "[[export]]\nname = \"b\"\nprotocol = \"grpc\"\nendpoint = \"http://localhost:4317\"\n";
    // By the environment, as an SDK's user would set it for all programs of a machine; and by the file.
    let config = config(export, "http://127.0.0.1:4318");
    let receivers = Receivers::open(&config, &collector.intake()).await;
    let faults: Vec<_> = receivers.status.iter().map(|status| status.fault.as_deref().unwrap_or_default()).collect();
    assert_eq!(
        faults,
        ["the back end \"env\" is expected at this address", "the back end \"b\" is expected at this address"]
    );
    assert_eq!(receivers.told, SpansTo::default(), "no process is told to send its spans round");
}

#[test]
fn back_ends_that_are_waylight_itself_are_told() {
    for (endpoint, told) in [
        ("http://127.0.0.1:9180", "the back end `env` is the admin listener: it takes no spans there"),
        ("http://localhost:8080", "the back end `env` is a listener of Waylight itself: it takes no spans there"),
        ("http://127.0.0.1:14318", ""),
    ] {
        assert_eq!(own_back_ends(&config("", endpoint)).join(", "), told, "{endpoint}");
    }
}

#[test]
fn an_upstream_that_is_waylight_itself_is_refused() {
    let listen = ([127, 0, 0, 1], 8080).into();
    for (upstream, what) in [
        ("http://127.0.0.1:4318", "the upstream is the OTLP receiver"),
        ("http://localhost:4317", "the upstream is the OTLP receiver"),
    ] {
        let faults = Config::minimal(&upstream.parse().unwrap(), listen).unwrap_err().to_string();
        assert!(faults.contains(what), "{faults}");
    }
}
