//! rolecall: a runtime for AI roles.
//!
//! One frame's way through the house, which is also the order of the modules:
//!
//! ```text
//! client ─► gateway ─► connection ─► session ─► enforce(in) ─► model ─► enforce(stream, out) ─► outbox ─► connection ─► client
//!             auth       wire machine   actor      permit        SSE       monitors, plugins      seq, store   writer
//!                        heartbeat      turn, state                        repair                    │
//!                                                                                                    └► offline ─► (resume) ─► outbox
//! ```
//!
//! Nothing skips a room: the model and the outbox accept only [`enforce::Permitted`] values, which
//! only [`enforce`] can make.

pub mod cli;

pub mod app;
pub mod config;

pub mod gateway;

pub mod connection;

pub mod session;

pub mod jobs;

pub mod dialogue;

pub mod enforce;

pub mod model;

pub mod outbox;

pub mod offline;

pub mod store;

pub mod contracts;

pub mod reload;

/// WebAssembly policies (crate `rolecall-plugin-host`).
pub use rolecall_plugin_host as plugin;

pub mod telemetry;

pub mod clock;
pub mod ids;
pub mod shutdown;
