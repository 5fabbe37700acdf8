//! The API of the console, in JSON, under `/_waylight/api/v1`.

pub mod columns;
pub mod problem;
pub mod query;
