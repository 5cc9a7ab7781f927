//! The rolecall session protocol as values: frames, codecs, and the client and server machines,
//! without clock, socket or thread. `PROTOCOL.md` beside this crate is normative.
//!
//! The drain rule: give a machine one input (`handle_input`, `handle_timeout` or a command), then
//! drain `poll_transmit` and `poll_event` until both are empty, then sleep until `poll_timeout`.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod frame;

pub mod limits;

pub mod codec;

pub mod close;

pub mod upgrade;

pub mod heartbeat;

pub mod sse;

mod random;

mod timer;

pub mod server;

pub mod client;
