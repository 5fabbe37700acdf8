//! libFuzzer's way to the target `html`.
#![no_main]

#[path = "../targets/html.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
