//! libFuzzer's way to the target `split`.
#![no_main]

#[path = "../targets/split.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
