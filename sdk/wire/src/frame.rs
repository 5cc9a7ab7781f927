//! The frames both sides exchange (`PROTOCOL.md` §4).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

/// What a client presents in the upgrade request (`PROTOCOL.md` §3).
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Hello {
    /// The session token.
    pub token: String,
    /// The highest sequence id the client has processed; 0 for none.
    pub last_seq: u64,
    /// The epoch that `last_seq` belongs to; 0 when the client does not know one.
    pub epoch: u32,
    /// The client's network type.
    pub network: Network,
    /// A random number of this run of the client; 0 for none. With it, an attempt that was given up and arrives
    /// late does not replace a later one.
    pub instance: u64,
    /// Which attempt to connect of this instance, from 1.
    pub attempt: u32,
    /// Messages that may be under way without acknowledgement; 0 for any number.
    pub window: u32,
    /// Longest time that pieces of a running reply may wait for each other, in milliseconds; only
    /// version 2 puts them into one frame.
    pub rollup_ms: u32,
    /// Whether the client takes new tokens in band.
    pub refresh: bool,
}

impl fmt::Debug for Hello {
    /// Without the token, which would open the session to whoever reads a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Hello");
        shown.field("last_seq", &self.last_seq).field("epoch", &self.epoch).field("network", &self.network);
        shown.field("instance", &self.instance).field("attempt", &self.attempt).field("window", &self.window);
        shown.finish_non_exhaustive()
    }
}

/// `navigator.connection.effectiveType`, or `other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Network {
    /// 4g.
    #[serde(rename = "4g")]
    FourG,
    /// 3g.
    #[serde(rename = "3g")]
    ThreeG,
    /// 2g.
    #[serde(rename = "2g")]
    TwoG,
    /// slow-2g.
    #[serde(rename = "slow-2g")]
    SlowTwoG,
    /// Anything else, and unknown.
    #[default]
    #[serde(rename = "other")]
    Other,
}

impl Network {
    /// Every type.
    pub const ALL: [Self; 5] = [Self::FourG, Self::ThreeG, Self::TwoG, Self::SlowTwoG, Self::Other];

    /// Its name in queries and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FourG => "4g",
            Self::ThreeG => "3g",
            Self::TwoG => "2g",
            Self::SlowTwoG => "slow-2g",
            Self::Other => "other",
        }
    }

    /// The type of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|network| network.name() == name)
    }
}

/// Client to server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// A user's message. `client_seq` counts from 1 without gaps; a repeat has no second effect.
    Send {
        /// The client's own id, 1–64 bytes.
        id: String,
        /// Its number.
        client_seq: u64,
        /// What the user says.
        text: String,
    },
    /// Everything up to `seq` was processed.
    Ack {
        /// The watermark.
        seq: u64,
    },
    /// A sign of life with the ack watermark. The server echoes `sent_ms`.
    Beat {
        /// The ack watermark.
        ack: u64,
        /// The client's own clock, echoed verbatim.
        sent_ms: u64,
        /// The network type, when it changed.
        network: Option<Network>,
    },
    /// Stop the running reply of a turn.
    Cancel {
        /// The turn.
        turn: u64,
    },
}

/// Server to client.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The first frame: the session as the server knows it.
    Welcome {
        /// The session.
        session_id: String,
        /// The role that answers.
        role: String,
        /// The epoch of all sequence ids from here on.
        epoch: u32,
        /// The sequence id that the next committed message will have.
        next_seq: u64,
        /// The first sequence id that follows now; `last_seq + 1` unless the store lost a tail.
        resume_from: u64,
        /// The highest `client_seq` the server has processed.
        client_seq: u64,
        /// Milliseconds between the beats the server expects.
        heartbeat_ms: u32,
        /// Milliseconds of silence after which the connection expires.
        timeout_ms: u32,
    },
    /// Every missed message has been sent: `from..=to` was replayed (`to < from` when none was).
    Resumed {
        /// First replayed sequence id.
        from: u64,
        /// Last replayed sequence id.
        to: u64,
    },
    /// The answer to a `Send`.
    Accepted {
        /// The client's id.
        id: String,
        /// The client's number.
        client_seq: u64,
        /// The sequence id of the committed user message.
        seq: u64,
        /// Whether this was a repeat of one already processed.
        duplicate: bool,
    },
    /// A committed message.
    Message(Message),
    /// The answer to a `Beat`.
    Beat {
        /// The client's clock, verbatim.
        echo_ms: u64,
        /// Milliseconds until the server expects the next beat.
        heartbeat_ms: u32,
    },
    /// Something went wrong that does not end the connection.
    Error {
        /// A stable code such as `busy`.
        code: String,
        /// What to do, for people.
        message: String,
        /// The client id of the `Send` it answers, if it does.
        id: Option<String>,
    },
    /// The sequence ids `from..=to` never come: they were lost with a tail of the store before this
    /// epoch, or are so old that the log dropped them. The next message is `to + 1`. Never a
    /// substitute for a message the store has.
    Skipped {
        /// First lost sequence id: one above the last message.
        from: u64,
        /// Last lost sequence id.
        to: u64,
    },
    /// The server is going away; reconnect after `after_ms`.
    Goaway {
        /// Milliseconds to wait before reconnecting.
        after_ms: u32,
    },
    /// A new session token, for the next connection; only to clients that said they take it.
    Token {
        /// The token.
        token: Secret,
    },
}

/// What no log shows.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides a token.
    #[must_use]
    pub const fn new(token: String) -> Self {
        Self(token)
    }

    /// The token itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A committed message with its place in the session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Message {
    /// Sequence id: +1 per committed message of a session, from 1.
    pub seq: u64,
    /// The turn it belongs to; 0 for messages outside of turns.
    pub turn: u64,
    /// Milliseconds since the Unix epoch at the commit.
    pub at_ms: u64,
    /// What it is.
    pub body: Body,
}

/// The content of a committed message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// What the user said.
    User {
        /// The client's id of it.
        id: String,
        /// The text.
        text: String,
    },
    /// The next piece of the running reply; pieces of one turn concatenate.
    Delta {
        /// The piece.
        text: String,
    },
    /// The end of a reply.
    Reply {
        /// The whole text: the concatenation of the turn's deltas.
        text: String,
        /// How it ended.
        outcome: Outcome,
        /// Rules that acted.
        hits: Vec<Hit>,
    },
    /// A message that came while the user was away, or several merged into one.
    Delivery {
        /// The text.
        text: String,
        /// The role intent it was posted with.
        intent: String,
        /// The ids it stands for, in order; more than one when merged.
        parts: Vec<String>,
    },
}

/// How a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The model's reply complied.
    Complete,
    /// Complied after a repair (a cut, a redaction, a dropped sentence, another model call).
    Repaired,
    /// The contract's fallback was said.
    Fallback,
    /// No reply complied; what was shown before stands.
    Refused,
    /// Cancelled by the user.
    Cancelled,
    /// The model failed; what was shown before stands.
    Failed,
}

/// A rule that acted on a reply.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Hit {
    /// The rule's id in the contract.
    pub rule: String,
    /// What was done: `truncate`, `redact`, `drop`, `repair`, `fallback`, `reject`, `warn`.
    pub action: String,
    /// One sentence for people.
    pub message: String,
}
