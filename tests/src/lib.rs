//! What the end-to-end tests and the benches share: the real binary as a process, scripted clients,
//! a misbehaving model server, and a ledger that trusts nobody.
//!
//! Nothing here links the runtime or the client SDK: frames are read as JSON, HTTP is spoken over a
//! plain socket, so that a mistake shared by server and SDK still shows.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

pub mod clock;
pub mod dirs;
pub mod paths;
pub mod process;

pub mod cluster;
pub mod front;
pub mod redis;
pub mod redis_cluster;
pub mod server;

pub mod http;
pub mod ws;

pub mod api;

pub mod ledger;

pub mod committing;

pub mod naive;
pub mod replies;

pub mod upstream;

pub mod public;
