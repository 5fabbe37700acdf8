//! The `waylight` binary.

fn main() {}
