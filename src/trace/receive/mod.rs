//! Spans of the applications behind Waylight: how they come in, and which of them are kept.

pub mod room;
