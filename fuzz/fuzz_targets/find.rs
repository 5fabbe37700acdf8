//! libFuzzer's way to the target `find`.
#![no_main]

#[path = "../targets/find.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
