//! A client: the machine that ships, its application, and what that saved.

use rolecall_wire::client::{Backoff, Client, Config, Position};

use rolecall_wire::server::Encoding;

use crate::pair::Name;
use crate::store::Said;

/// The session. There is one.
pub(crate) const SESSION: &str = "s";

/// Never, as far as the model goes: its clock stands.
const NEVER_MS: u32 = 1_000_000_000;

/// What an application was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    /// The client's epoch at that time: with the sequence id, its position.
    pub(crate) epoch: u8,
    pub(crate) seq: u8,
    pub(crate) said: Said,
    /// The client was told since that the store lost something.
    pub(crate) told: bool,
}

/// An application, as durable as it saves itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct App {
    pub(crate) journal: Vec<Seen>,
    /// The last sequence id that it was shown or told to skip.
    pub(crate) last: u8,
    /// What it was told to skip: the epoch, the first and the last.
    pub(crate) skipped: Vec<(u8, u8, u8)>,
    /// Which of its user's messages it knows to be accepted.
    pub(crate) settled: Vec<u8>,
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Device {
    pub(crate) client: Client,
    pub(crate) app: App,
    pub(crate) caught_up: bool,
    /// The connection that it has, or tries to have.
    pub(crate) link: Option<u8>,
    /// How many messages its user has said.
    pub(crate) said: u8,
    /// Why it stopped for good.
    pub(crate) over: Option<u16>,
    pub(crate) saved: Option<Box<(Position, App)>>,
}

impl Device {
    pub(crate) fn new(acks: bool) -> Self {
        let position = Position::start(SESSION.into(), String::new());
        Self {
            client: Client::new(config(acks), position, 0),
            app: App::default(),
            caught_up: false,
            link: None,
            said: 0,
            over: None,
            saved: None,
        }
    }

    /// Another process goes on from a position.
    pub(crate) fn restart(&mut self, acks: bool, position: Position, app: App) {
        self.client = Client::new(config(acks), position, 0);
        self.app = app;
        (self.caught_up, self.link, self.over) = (false, None, None);
    }

    /// The epoch of its sequence ids.
    pub(crate) fn epoch(&self) -> u8 {
        u8::try_from(self.client.epoch()).unwrap_or(u8::MAX)
    }
}

/// What is due later is due now, and its driver late: so the clock need not go on. Two delays are the least there
/// is, because an attempt that is made, given up and made again at once would never leave the machine.
fn config(acks: bool) -> Config {
    Config {
        // A frame stands for itself: with version 2, states would differ by what was said before.
        encoding: Encoding::BspV1,
        number_attempts: false,
        window: 0,
        rollup_ms: 0,
        backoff: Backoff { base_ms: 0, cap_ms: 0, later_ms: 1 },
        connect_timeout_ms: 1,
        ack_after_ms: if acks { 0 } else { NEVER_MS },
        ..Config::default()
    }
}

/// The id that a client gives its user's message.
pub(crate) fn id(from: Name, nth: u8) -> String {
    format!("{from}{nth}")
}

/// Whose message an id stands for.
pub(crate) fn parse_id(id: &str) -> Option<(Name, u8)> {
    let name = Name::BOTH.into_iter().find(|name| id.starts_with(&name.to_string()))?;
    Some((name, id.get(1..)?.parse().ok()?))
}
