//! libFuzzer's way to the target `context`.
#![no_main]

#[path = "../targets/context.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
