//! The demo: a small shop behind Waylight, so that the first trace is one command away.

pub mod shop;
