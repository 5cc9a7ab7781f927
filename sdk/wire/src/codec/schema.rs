//! The Protobuf messages, as `PROTOCOL.md` §4 and `rolecall.proto` number them. A number, once
//! given, is never used for anything else. The one `Envelope` is two types here, so that a side decodes only
//! what the other may send.

use alloc::string::String;
use alloc::vec::Vec;

/// A frame's number in the envelope, and its name there.
pub(super) type Numbered = (u32, &'static str);

/// What a client's envelope may hold.
pub(super) const CLIENT_FRAMES: &[Numbered] = &[(1, "send"), (2, "ack"), (3, "client_beat"), (4, "cancel")];

/// What a server's envelope may hold.
pub(super) const SERVER_FRAMES: &[Numbered] = &[
    (8, "welcome"),
    (9, "resumed"),
    (10, "accepted"),
    (11, "message"),
    (12, "server_beat"),
    (13, "error"),
    (14, "goaway"),
    (15, "skipped"),
    (16, "token"),
];

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ClientEnvelope {
    #[prost(oneof = "ClientFrame", tags = "1, 2, 3, 4")]
    pub(super) frame: Option<ClientFrame>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum ClientFrame {
    #[prost(message, tag = "1")]
    Send(Send),
    #[prost(message, tag = "2")]
    Ack(Ack),
    #[prost(message, tag = "3")]
    ClientBeat(ClientBeat),
    #[prost(message, tag = "4")]
    Cancel(Cancel),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ServerEnvelope {
    #[prost(oneof = "ServerFrame", tags = "8, 9, 10, 11, 12, 13, 14, 15, 16")]
    pub(super) frame: Option<ServerFrame>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum ServerFrame {
    #[prost(message, tag = "8")]
    Welcome(Welcome),
    #[prost(message, tag = "9")]
    Resumed(Resumed),
    #[prost(message, tag = "10")]
    Accepted(Accepted),
    #[prost(message, tag = "11")]
    Message(Message),
    #[prost(message, tag = "12")]
    ServerBeat(ServerBeat),
    #[prost(message, tag = "13")]
    Error(Error),
    #[prost(message, tag = "14")]
    Goaway(Goaway),
    #[prost(message, tag = "15")]
    Skipped(Skipped),
    #[prost(message, tag = "16")]
    Token(Token),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Send {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(uint64, tag = "2")]
    pub(super) client_seq: u64,
    #[prost(string, tag = "3")]
    pub(super) text: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Ack {
    #[prost(uint64, tag = "1")]
    pub(super) seq: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ClientBeat {
    #[prost(uint64, tag = "1")]
    pub(super) ack: u64,
    #[prost(uint64, tag = "2")]
    pub(super) sent_ms: u64,
    #[prost(enumeration = "Network", optional, tag = "3")]
    pub(super) network: Option<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Cancel {
    #[prost(uint64, tag = "1")]
    pub(super) turn: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Welcome {
    #[prost(string, tag = "1")]
    pub(super) session_id: String,
    #[prost(string, tag = "2")]
    pub(super) role: String,
    #[prost(uint32, tag = "3")]
    pub(super) epoch: u32,
    #[prost(uint64, tag = "4")]
    pub(super) next_seq: u64,
    #[prost(uint64, tag = "5")]
    pub(super) resume_from: u64,
    #[prost(uint64, tag = "6")]
    pub(super) client_seq: u64,
    #[prost(uint32, tag = "7")]
    pub(super) heartbeat_ms: u32,
    #[prost(uint32, tag = "8")]
    pub(super) timeout_ms: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Resumed {
    #[prost(uint64, tag = "1")]
    pub(super) from: u64,
    #[prost(uint64, tag = "2")]
    pub(super) to: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Accepted {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(uint64, tag = "2")]
    pub(super) client_seq: u64,
    #[prost(uint64, tag = "3")]
    pub(super) seq: u64,
    #[prost(bool, tag = "4")]
    pub(super) duplicate: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ServerBeat {
    #[prost(uint64, tag = "1")]
    pub(super) echo_ms: u64,
    #[prost(uint32, tag = "2")]
    pub(super) heartbeat_ms: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Error {
    #[prost(string, tag = "1")]
    pub(super) code: String,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(string, optional, tag = "3")]
    pub(super) id: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Goaway {
    #[prost(uint32, tag = "1")]
    pub(super) after_ms: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Token {
    #[prost(string, tag = "1")]
    pub(super) token: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Skipped {
    #[prost(uint64, tag = "1")]
    pub(super) from: u64,
    #[prost(uint64, tag = "2")]
    pub(super) to: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Message {
    #[prost(uint64, tag = "1")]
    pub(super) seq: u64,
    #[prost(uint64, tag = "2")]
    pub(super) turn: u64,
    #[prost(uint64, tag = "3")]
    pub(super) at_ms: u64,
    #[prost(oneof = "Body", tags = "4, 5, 6, 7")]
    pub(super) body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Body {
    #[prost(message, tag = "4")]
    User(User),
    #[prost(message, tag = "5")]
    Delta(Delta),
    #[prost(message, tag = "6")]
    Reply(Reply),
    #[prost(message, tag = "7")]
    Delivery(Delivery),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct User {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) text: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Delta {
    #[prost(string, tag = "1")]
    pub(super) text: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Reply {
    #[prost(string, tag = "1")]
    pub(super) text: String,
    #[prost(enumeration = "Outcome", tag = "2")]
    pub(super) outcome: i32,
    #[prost(message, repeated, tag = "3")]
    pub(super) hits: Vec<Hit>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Hit {
    #[prost(string, tag = "1")]
    pub(super) rule: String,
    #[prost(string, tag = "2")]
    pub(super) action: String,
    #[prost(string, tag = "3")]
    pub(super) message: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Delivery {
    #[prost(string, tag = "1")]
    pub(super) text: String,
    #[prost(string, tag = "2")]
    pub(super) intent: String,
    #[prost(string, repeated, tag = "3")]
    pub(super) parts: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Network {
    Other = 0,
    FourG = 1,
    ThreeG = 2,
    TwoG = 3,
    SlowTwoG = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Outcome {
    /// Never written; what an absent field reads as.
    Unspecified = 0,
    Complete = 1,
    Repaired = 2,
    Fallback = 3,
    Refused = 4,
    Cancelled = 5,
    Failed = 6,
}
