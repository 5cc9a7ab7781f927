//! Both machines wired back to back over a link that delays, cuts and goes silent, in virtual
//! time. Every run follows from its seed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod rules_client;
mod rules_heartbeat;
mod rules_rollup;
mod rules_server;
mod runs;
mod world;
