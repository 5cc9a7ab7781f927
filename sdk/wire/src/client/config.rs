//! A client's timers and limits, and what it refuses.

use alloc::string::String;

use super::{Backoff, Encoding};
use crate::frame::Network;
use crate::heartbeat::Mode;
use crate::limits;

/// Timers and limits of a client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    /// Encoding of frames; the driver offers its subprotocol. Default BSP version 2.
    pub encoding: Encoding,
    /// The network type at the start; default `other`.
    pub network: Network,
    /// When beats go out; default the table's way: one per interval, whatever arrives. The adaptive
    /// way leaves out those that arrivals make needless. Either goes with a server of either mode.
    pub mode: Mode,
    /// Largest frame payload accepted; default 8 MiB.
    pub max_payload: usize,
    /// Messages of ours that may wait for acceptance; default 64. More are refused with
    /// [`SendError::Full`].
    pub max_unaccepted: usize,
    /// Processed messages after which an `Ack` is sent at once; default 16.
    pub ack_every: u64,
    /// Longest time a processed message waits for its `Ack`; default 250 ms.
    pub ack_after_ms: u32,
    /// Longest time from `Connect` to the `Welcome`; default 10,000 ms.
    pub connect_timeout_ms: u32,
    /// Whether attempts to connect are numbered, so that the server can tell one that comes late; default yes. A model
    /// checker, for which an attempt is like another, says no.
    pub number_attempts: bool,
    /// Messages that the server may send ahead of our acknowledgement; default 1,024, 0 for any number. At
    /// least twice `ack_every`, or the server waits for acknowledgements that wait for more.
    pub window: u32,
    /// Longest time that the server may hold a piece of a running reply back, to put several into one frame;
    /// default 40 ms. The first piece of a reply never waits. Only BSP version 2 does so.
    pub rollup_ms: u32,
    /// Delays between attempts.
    pub backoff: Backoff,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            encoding: Encoding::BspV2,
            network: Network::Other,
            mode: Mode::default(),
            max_payload: limits::MAX_SERVER_PAYLOAD,
            max_unaccepted: 64,
            ack_every: 16,
            ack_after_ms: 250,
            connect_timeout_ms: 10_000,
            number_attempts: true,
            window: 1_024,
            rollup_ms: 40,
            backoff: Backoff::default(),
        }
    }
}

/// Why a message was not queued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The id or the text is empty or too long.
    #[error(transparent)]
    Illegal(#[from] limits::Illegal),
    /// A message of that id waits already.
    #[error("a message with id {0:?} waits already; ids are unique")]
    SameId(String),
    /// As many messages wait as may.
    #[error("{0} messages wait for the server already; send again when one was accepted")]
    Full(usize),
    /// The session ended.
    #[error("the session has ended")]
    Ended,
}

/// A command that needs a live connection came without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no live connection")]
pub struct NotActive;
