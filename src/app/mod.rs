//! Floor 6, what lives: the command line, start, reload, drain, and the demo.

pub mod admin;
pub mod backup;
pub mod cache;
pub mod cli;
pub mod demo;
pub mod force;
pub mod health;
pub mod instance;
pub mod link;
pub mod pages;
pub mod print;
pub mod receivers;
pub mod run;
mod running;
pub mod signals;
pub mod source;
pub mod state;
pub mod telemetry;
pub mod terminal;
pub mod trace;
pub mod traces;
pub mod watch;
pub mod whereabouts;

mod life;
mod process;
mod reload;
mod replay;
mod restart;
mod verify;
mod workers;
