//! What reading a request costs, refusals included: a small head as tools send it, one as browsers send it, a body in
//! chunks.

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use waylight::rules::framing::{Bounds, request::Requests};

const BOUNDS: Bounds = Bounds { head_bytes_max: 32 * 1024, fields_max: 100, target_bytes_max: 8 * 1024 };

const SMALL: &str = "GET /products/lamp?colour=red HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8.14.1\r\n\
    Accept: */*\r\n\r\n";

const BROWSER: &str = "GET /products/lamp?colour=red HTTP/1.1\r\nHost: shop.example\r\nConnection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"142\", \"Not?A_Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\nUpgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n\
    Referer: https://shop.example/products\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n";

fn framing(criterion: &mut Criterion) {
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        format!("{:x}\r\n{}\r\n", 16 * 1024, "x".repeat(16 * 1024)).repeat(4),
    );
    let mut group = criterion.benchmark_group("framing");
    for (name, octets) in [("small head", SMALL), ("browser's head", BROWSER), ("64 KiB in chunks", &chunked)] {
        group.throughput(Throughput::Bytes(octets.len() as u64));
        let mut requests = Requests::new(BOUNDS);
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || BytesMut::from(octets),
                |input| {
                    black_box(requests.head(input)).ok();
                    while let Ok(Some(part)) = requests.part(input) {
                        black_box(part);
                    }
                    assert!(input.is_empty());
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, framing);
criterion_main!(benches);
