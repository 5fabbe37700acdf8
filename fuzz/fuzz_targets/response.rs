//! libFuzzer's way to the target `response`.
#![no_main]

#[path = "../targets/response.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
