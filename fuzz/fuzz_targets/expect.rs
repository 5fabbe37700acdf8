//! libFuzzer's way to the target `expect`.
#![no_main]

#[path = "../targets/expect.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
