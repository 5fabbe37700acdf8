//! libFuzzer's way to the target `routing`.
#![no_main]

#[path = "../targets/routing.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::run(data));
