//! The rolecall session protocol as values: frames, codecs, and the client and server machines,
//! without clock, socket or thread. `PROTOCOL.md` beside this crate is normative.
//!
//! The drain rule: give a machine one input (`handle_input`, `handle_timeout` or a command), then
//! drain `poll_transmit` and `poll_event` until both are empty, then sleep until `poll_timeout`.
//!
//! A machine can be cloned, compared and hashed as any value: that is how a model checker visits its states.
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
