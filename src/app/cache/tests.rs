use serde_json::json;

use super::*;

#[test]
fn an_explanation_is_sentences() {
    let answer = json!({
        "url": "https://shop.example/a?utm_source=x",
        "routed": {
            "route": "products", "path": "/*", "site": "shop.example", "cached": true, "why": null,
            "key": "https://shop.example/a", "key_parts": ["cookie:currency=eur"], "settings": [],
        },
        "stored": [{
            "status": 200, "bytes": 12, "age": 5, "ttl": 55, "variant": ["accept-encoding:gzip"], "tier": "memory",
            "filled_by_trace": "0af7651916cd43dd8448eb211c80319c", "answers": true, "reason": "fresh",
            "explanation": "the stored response is 5 s old and fresh for another 55 s",
        }],
        "last_not_stored": { "reason": "private", "explanation": "the response says private", "seconds_ago": 3 },
    });
    let expected = "https://shop.example/a?utm_source=x\n\
        \x20 route products of shop.example: the cache is asked\n\
        \x20   under the key https://shop.example/a\n\
        \x20     with cookie:currency=eur\n\
        \x20 stored in memory: status 200, 12 octets, 5 s old, fresh for another 55 s\n\
        \x20   for accept-encoding:gzip\n\
        \x20   would answer: the stored response is 5 s old and fresh for another 55 s\n\
        \x20   filled by trace 0af7651916cd43dd8448eb211c80319c\n\
        \x20 the last answer was not stored, 3 s ago: the response says private";
    assert_eq!(told(&answer), expected);
    assert_eq!(told(&json!({ "url": "http://a/", "stored": [] })), "http://a/\n  nothing is stored");
    let plain = json!({ "route": "/*", "site": "*", "cached": false, "why": "the route has no `cache`" });
    assert_eq!(routed(&plain), ["  route /* of *: the cache is not asked: the route has no `cache`"]);
    assert_eq!(routed(&json!({ "route": null, "why": "no site has this host" })), ["  no site has this host"]);
}
