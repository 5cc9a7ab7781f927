//! A client's timers and limits, and what it refuses.

use alloc::string::String;

use super::{Backoff, Encoding};
use crate::frame::Network;
use crate::heartbeat::Mode;
use crate::limits;

/// Timers and limits of a client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    /// Encoding of frames; the driver offers its subprotocol. Default BSP.
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
    /// Delays between attempts.
    pub backoff: Backoff,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            encoding: Encoding::BspV1,
            network: Network::Other,
            mode: Mode::default(),
            max_payload: limits::MAX_SERVER_PAYLOAD,
            max_unaccepted: 64,
            ack_every: 16,
            ack_after_ms: 250,
            connect_timeout_ms: 10_000,
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
