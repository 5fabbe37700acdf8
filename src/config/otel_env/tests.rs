use proptest::prelude::*;

use super::*;

fn read(variables: &[(&str, &str)]) -> OtelEnv {
    OtelEnv::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

fn endpoint(variables: &[(&str, &str)]) -> Option<String> {
    Some(read(variables).export?.endpoint.to_string())
}

#[test]
fn nothing_set_means_nothing() {
    assert_eq!(read(&[]), OtelEnv::default());
    let empty = [("OTEL_EXPORTER_OTLP_ENDPOINT", " "), ("OTEL_SERVICE_NAME", ""), ("OTEL_TRACES_SAMPLER", "")];
    assert_eq!(read(&empty), OtelEnv::default());
}

#[test]
fn the_base_endpoint_is_completed_and_the_one_for_traces_is_not() {
    let base = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    let protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";
    for (variables, expected) in [
        (&[(base, "http://c:4318")][..], "http://c:4318/v1/traces"),
        (&[(base, "http://c:4318/otlp/")], "http://c:4318/otlp/v1/traces"),
        (&[(traces, "https://c/api/1/otlp")], "https://c/api/1/otlp"),
        (&[(base, "http://base"), (traces, "http://c/x")], "http://c/x"),
        (&[(base, "http://c:4317"), (protocol, "grpc")], "http://c:4317/"),
        (&[("OTEL_TRACES_EXPORTER", "otlp")], "http://localhost:4318/v1/traces"),
        (&[("OTEL_TRACES_EXPORTER", "otlp"), (protocol, "grpc")], "http://localhost:4317/"),
    ] {
        assert_eq!(endpoint(variables).as_deref(), Some(expected), "{variables:?}");
    }
    assert_eq!(endpoint(&[(base, "http://c"), ("OTEL_TRACES_EXPORTER", "none")]), None);
    assert_eq!(endpoint(&[(base, "http://c"), ("OTEL_SDK_DISABLED", "true")]), None);
}

#[test]
fn every_setting_of_the_back_end_is_read() {
    let export = read(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=general"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-sentry-auth=sentry%20sentry_key%3Dabc , X-Two=b%2Cc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/cert.pem"),
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "99"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "9"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "7000"),
    ])
    .export
    .unwrap();
    assert_eq!(export.name, "env");
    let headers: Vec<_> = export.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(headers, [("x-sentry-auth", "sentry sentry_key=abc"), ("x-two", "b,c")]);
    assert_eq!(export.protocol, ExportProtocol::HttpJson);
    assert_eq!(export.gzip, Toggle::On);
    assert_eq!(export.timeout, Duration::from_millis(2500));
    assert_eq!(export.ca_file, Some("/ca.pem".into()));
    assert_eq!(export.client_certificate, Some(("/cert.pem".into(), "/key.pem".into())));
    assert_eq!(export.batch_delay, Duration::from_millis(200));
    assert_eq!((export.queue_spans_max, export.batch_spans_max), (99, 9));
    assert_eq!(export.retry_max, Duration::from_secs(7));
}

#[test]
fn the_service_and_its_resource_are_named() {
    let resource = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,deployment.environment.name=my%20stage");
    let env = read(&[resource]);
    assert_eq!(env.service_name.as_deref(), Some("a"));
    assert_eq!(env.resource, BTreeMap::from([("deployment.environment.name".into(), "my stage".into())]));
    assert_eq!(read(&[resource, ("OTEL_SERVICE_NAME", "b")]).service_name.as_deref(), Some("b"));
}

#[test]
fn samplers_become_a_ratio() {
    let arg = "OTEL_TRACES_SAMPLER_ARG";
    for (sampler, argument, expected) in [
        ("always_on", "", Some(1.0)),
        ("parentbased_always_off", "", Some(0.0)),
        ("traceidratio", "0.25", Some(0.25)),
        ("parentbased_traceidratio", "", Some(1.0)),
    ] {
        let env = read(&[("OTEL_TRACES_SAMPLER", sampler), (arg, argument)]);
        assert_eq!((env.ratio, env.faults), (expected, vec![]), "{sampler}");
    }
}

#[test]
fn what_cannot_be_understood_is_reported_without_its_value() {
    let env = read(&[
        ("OTEL_TRACES_SAMPLER", "secret"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:secret@c"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "secret"),
        ("OTEL_RESOURCE_ATTRIBUTES", "secret"),
        ("OTEL_TRACES_EXPORTER", "secret"),
    ]);
    let mut named: Vec<_> = env.faults.iter().map(|fault| fault.variable.as_str()).collect();
    named.sort_unstable();
    assert_eq!(
        named,
        [
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "OTEL_RESOURCE_ATTRIBUTES",
            "OTEL_TRACES_EXPORTER",
            "OTEL_TRACES_SAMPLER",
        ]
    );
    assert!(!format!("{env:?}").contains("secret"));
    let headers =
        read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=b%0d%0ax: y,c=d")]);
    assert_eq!(headers.faults.len(), 1);
    assert!(headers.export.unwrap().headers.is_empty());
}

proptest! {
    #[test]
    fn any_value_is_read_without_a_panic(value in "\\PC*") {
        OtelEnv::read(|_| Some(value.clone()));
        OtelEnv::read(|name| Some(if name.ends_with("ENDPOINT") { "http://c" } else { &value }.to_owned()));
    }
}
