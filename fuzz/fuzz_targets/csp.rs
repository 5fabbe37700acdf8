//! libFuzzer's way to the target `csp`.
#![no_main]

#[path = "../targets/csp.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
