//! libFuzzer's way to the target `envelope`.
#![no_main]

#[path = "../targets/envelope.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
