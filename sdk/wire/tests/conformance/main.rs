//! The conformance cases against the machines, in virtual time. Whole servers and clients are held to the same cases by
//! the end-to-end tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod client;
mod coverage;
#[path = "../far/mod.rs"]
mod far;
mod room;
mod server;
