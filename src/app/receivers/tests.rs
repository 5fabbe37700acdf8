use super::*;

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
