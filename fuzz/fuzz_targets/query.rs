//! libFuzzer's way to the target `query`.
#![no_main]

#[path = "../targets/query.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
