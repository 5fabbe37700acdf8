//! libFuzzer's way to the target `otlp`.
#![no_main]

#[path = "../targets/otlp.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
