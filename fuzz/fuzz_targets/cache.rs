//! libFuzzer's way to the target `cache`.
#![no_main]

#[path = "../targets/cache.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
