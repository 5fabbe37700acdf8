//! Floor 6, what lives: the command line, start, reload, drain, and the demo.

pub mod admin;
pub mod cli;
pub mod demo;
pub mod instance;
pub mod pages;
pub mod print;
pub mod signals;
pub mod state;
pub mod telemetry;
pub mod terminal;
pub mod watch;
pub mod whereabouts;
