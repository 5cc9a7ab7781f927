//! How a server's connection speaks, and its limits.

use crate::{heartbeat, limits};

/// Encoding of frames, chosen by the WebSocket subprotocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `rolecall.bsp.v1`.
    BspV1,
    /// `rolecall.bsp.v2`: says nothing twice. For chat this is the smallest.
    BspV2,
    /// `rolecall.json.v1`.
    JsonV1,
}

impl Encoding {
    /// The WebSocket subprotocol that stands for it.
    #[must_use]
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::BspV1 => "rolecall.bsp.v1",
            Self::BspV2 => "rolecall.bsp.v2",
            Self::JsonV1 => "rolecall.json.v1",
        }
    }

    /// The encoding a subprotocol stands for.
    #[must_use]
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        [Self::BspV1, Self::BspV2, Self::JsonV1].into_iter().find(|e| e.subprotocol() == name)
    }
}

/// Timers and limits of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    /// Silence after which the connection expires; default 30,000 ms.
    pub timeout_ms: u32,
    /// Largest frame payload accepted; default 256 KiB.
    pub max_payload: usize,
    /// How the interval between beats comes about; default the table.
    pub mode: heartbeat::Mode,
    /// The intervals between beats by network type, and their floor; a contract's `heartbeat {}`.
    /// Of these, [`Mode::Adaptive`](heartbeat::Mode::Adaptive) takes the floor.
    pub table: heartbeat::Table,
    /// One interval between beats in place of the table. Default none. Not for
    /// [`Mode::Adaptive`](heartbeat::Mode::Adaptive).
    pub heartbeat_ms: Option<u32>,
    /// What earlier connections of the session learned, by [`Server::learned`](super::Server::learned).
    pub learned: heartbeat::Learned,
    /// A random number, which must differ between connections: when the first regular beat of
    /// [`Mode::Adaptive`](heartbeat::Mode::Adaptive) comes follows from it.
    pub seed: u64,
    /// How long a client may let its window be used up without an acknowledgement; default 300,000 ms. Then the
    /// connection closes with [`close::SLOW`](crate::close::SLOW).
    pub slow_ms: u32,
    /// Frames a client may send per second in the long run; default 50.
    pub frames_per_second: u32,
    /// Frames a client may send at once; default 200. More close the connection with
    /// [`close::TOO_MANY_FRAMES`](crate::close::TOO_MANY_FRAMES).
    pub frame_burst: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timeout_ms: heartbeat::DEFAULT_TIMEOUT_MS,
            max_payload: limits::MAX_PAYLOAD,
            mode: heartbeat::Mode::default(),
            table: heartbeat::Table::default(),
            heartbeat_ms: None,
            learned: heartbeat::Learned::default(),
            seed: 0,
            slow_ms: 300_000,
            frames_per_second: 50,
            frame_burst: 200,
        }
    }
}

/// What of a [`Config`] is asked for as long as a connection lives. The rest is used up when it begins; a machine may live
/// for days, and most of them are idle.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Standing {
    pub(super) timeout_ms: u32,
    pub(super) slow_ms: u32,
    pub(super) heartbeat_ms: Option<u32>,
    pub(super) table: heartbeat::Table,
    pub(super) max_payload: usize,
}

impl From<Config> for Standing {
    fn from(config: Config) -> Self {
        let Config { timeout_ms, slow_ms, heartbeat_ms, table, max_payload, .. } = config;
        Self { timeout_ms, slow_ms, heartbeat_ms, table, max_payload }
    }
}
