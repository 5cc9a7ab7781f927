//! The form of a case. `README.md` says what each step means.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What carries frames to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Carrier {
    /// A WebSocket with `rolecall.bsp.v1`.
    WebsocketBsp,
    /// A WebSocket with `rolecall.bsp.v2`.
    WebsocketBsp2,
    /// A WebSocket with `rolecall.json.v1`.
    WebsocketJson,
    /// Server-sent events and `POST`.
    Events,
    /// Long polling and `POST`.
    Poll,
}

impl Carrier {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::WebsocketBsp, Self::WebsocketBsp2, Self::WebsocketJson, Self::Events, Self::Poll];
}

/// What a client does, and what the server must answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerCase {
    /// What is shown.
    pub name: String,
    /// The rule it holds, such as `§8.4`.
    pub section: String,
    /// Carriers it does not apply to, each with a reason.
    #[serde(default)]
    pub except: BTreeMap<Carrier, String>,
    /// Why it runs against the server's machine alone, in virtual time; else it runs against whole servers.
    pub machine: Option<String>,
    /// How the server's machine is set, where it is not as by default.
    #[serde(default)]
    pub config: BTreeMap<String, Value>,
    /// What happens, in order.
    pub steps: Vec<ServerStep>,
}

/// A step of a [`ServerCase`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ServerStep {
    /// Opens a connection from a `last_seq`, and takes what the greeting is made of: `welcome` (bound by the pattern
    /// given), what was missed, `resumed`.
    Live {
        /// Where from.
        #[serde(default)]
        last_seq: Value,
        /// What the Welcome must have.
        #[serde(default)]
        welcome: Value,
    },
    /// Opens a connection.
    Open(Open),
    /// From here on, the steps are those of the connection of this name.
    Use(String),
    /// The client sends a frame.
    Send(Value),
    /// The client sends these bytes (hex) as a binary message.
    Raw(Value),
    /// The client sends this as a text message.
    Text(Value),
    /// The client sends a Pong with this payload (hex).
    Pong(Value),
    /// The very next frame.
    Next(Value),
    /// One of the following frames; those before it are passed over, but for `goaway` and an `error` with an `id`.
    Expect(Value),
    /// A Ping follows, before or behind other things: its payload as `{"clock", "seq", "payload"}`.
    Ping(Value),
    /// The server closes: `{"code", "reason"}`.
    Closed(Value),
    /// The client closes with a code.
    Close(u16),
    /// The client's socket goes without a word.
    Cut,
    /// Time passes (machine only).
    Wait(u64),
    /// Nothing follows (machine only).
    Silence,
    /// The server's application says this frame (machine only).
    Say(Value),
    /// An HTTP call.
    Http(Http),
    /// The same again, `$i` counting from 1.
    Repeat {
        /// How often.
        times: u64,
        /// What.
        steps: Vec<Self>,
    },
}

/// How a connection is opened.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Open {
    /// The query without the token; `last_seq=0` when absent.
    pub query: Option<Value>,
    /// The token; the session's own when absent. Null for none.
    #[serde(deserialize_with = "present")]
    pub token: Option<Value>,
    /// Where the token goes: `header`, `protocol` or `query`.
    pub token_in: Option<String>,
    /// Subprotocols instead of the carrier's own.
    pub offer: Option<Vec<String>>,
    /// The subprotocol that must be answered, where `offer` is there. Null for none.
    #[serde(deserialize_with = "present")]
    pub chosen: Option<Value>,
    /// Headers instead of those of an upgrade.
    pub headers: Option<BTreeMap<String, String>>,
    /// It must be refused so.
    pub refused: Option<Refused>,
}

/// A refusal.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// `error.code` of the body.
    pub code: String,
}

/// An HTTP call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query, where `{name}` stands for a bound variable.
    pub path: String,
    /// The bearer token, if any.
    pub token: Option<Value>,
    /// The body.
    pub body: Option<Value>,
    /// The status that must be answered.
    pub status: u16,
    /// The body that must be answered, if it matters.
    pub answer: Option<Value>,
}

/// What a server does, and what the client must do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCase {
    /// What is shown.
    pub name: String,
    /// The rule it holds.
    pub section: String,
    /// Where the client goes on from; a new session when absent.
    pub position: Option<Value>,
    /// How the client is set, where it is not as by default.
    #[serde(default)]
    pub config: BTreeMap<String, Value>,
    /// Why it runs in virtual time only.
    pub machine: Option<String>,
    /// What happens, in order.
    pub steps: Vec<ClientStep>,
}

/// A step of a [`ClientCase`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientStep {
    /// The client opens a connection, which is accepted; it is told a `Welcome` with these fields instead of its usual
    /// ones, and shows `connected`. Where nothing was missed, `Resumed` follows, and it shows `caught_up`.
    Live(Value),
    /// The client opens a connection, now or at its next timers, and is answered.
    Opens {
        /// What it presents.
        #[serde(default)]
        hello: Value,
        /// It may not come earlier, nor later, than so many ms after the step before: `[least, most]`.
        within_ms: Option<[u64; 2]>,
        /// What it is answered.
        answer: Answer,
    },
    /// The server sends a frame.
    Tell(Value),
    /// The server sends these bytes (hex) as a binary message.
    TellRaw(Value),
    /// The server sends this as a text message.
    TellText(Value),
    /// The server sends a Ping with this payload (hex).
    Ping(Value),
    /// The server closes with a code.
    Close(Value),
    /// The socket goes without a word.
    Cut,
    /// The application does something.
    Do(Do),
    /// The next frame of the client; beats are passed over unless one is asked for.
    Says(Value),
    /// The next event for the application; `rtt` is passed over unless it is asked for.
    Shows(Value),
    /// The client closes: `{"code"}`.
    Closes(Value),
    /// Time passes (virtual time only).
    Wait(u64),
    /// The client says and shows nothing else (but for beats and `rtt`), and opens nothing, now.
    Silence,
    /// The client never opens anything again.
    StaysAway,
    /// The same again, `$i` counting from 1.
    Repeat {
        /// How often.
        times: u64,
        /// What.
        steps: Vec<Self>,
    },
}

/// What the server makes of an attempt to connect.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is upgraded.
    Accept,
    /// It is refused with this HTTP status.
    Refuse(Value),
    /// The connection goes.
    Gone,
    /// Nothing comes.
    Nothing,
}

/// What the application does.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Do {
    /// Says something.
    Send {
        /// Its id.
        id: Value,
        /// What.
        text: Value,
        /// The client must refuse to take it.
        #[serde(default)]
        refused: bool,
    },
    /// Has processed everything up to here.
    Processed(Value),
    /// Stops the reply of a turn.
    Cancel(u64),
    /// Is on another network now.
    Network(Value),
    /// Moves to another connection.
    Migrate,
    /// Ends for good.
    Close,
}

/// A field that is there, null or not: what is absent means something else.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}
