//! A connection: two byte streams with what is known at their ends.

use std::collections::VecDeque;

use rolecall_wire::frame::Hello;
use rolecall_wire::heartbeat::Learned;
use rolecall_wire::server::Server;

use crate::watch::ServerWatch;

/// One direction of a connection. What is written arrives in order or not at all.
#[derive(Debug)]
pub(crate) struct Pipe<T> {
    items: VecDeque<(u64, T)>,
    stalled_until: u64,
    /// Whether what is written goes nowhere, and nobody says so.
    pub(crate) dead: bool,
}

impl<T> Pipe<T> {
    const fn new() -> Self {
        Self { items: VecDeque::new(), stalled_until: 0, dead: false }
    }

    /// Writes something that arrives at some time, never before what was written before.
    pub(crate) fn push(&mut self, at: u64, item: T) {
        if !self.dead {
            let last = self.items.back().map_or(0, |(at, _)| *at);
            self.items.push_back((at.max(last).max(self.stalled_until), item));
        }
    }

    /// When the next thing arrives.
    pub(crate) fn due(&self) -> Option<u64> {
        self.items.front().map(|(at, _)| *at)
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.items.pop_front().map(|(_, item)| item)
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Nothing arrives before this time.
    pub(crate) fn stall(&mut self, until: u64) {
        self.stalled_until = self.stalled_until.max(until);
        for (at, _) in &mut self.items {
            *at = (*at).max(until);
        }
    }

    /// Everything under way is lost, and so is everything that follows.
    pub(crate) fn kill(&mut self) {
        self.items.clear();
        self.dead = true;
    }

    /// Everything under way is lost.
    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }
}

/// From the client.
#[derive(Debug)]
pub(crate) enum Up {
    Hello,
    Binary(Vec<u8>),
    Text(String),
    Pong(Vec<u8>),
    /// A close frame, or the end of the stream.
    End,
}

/// From the server.
#[derive(Debug)]
pub(crate) enum Down {
    Opened,
    Refused(u16),
    Binary(Vec<u8>),
    Text(String),
    Ping(Vec<u8>),
    Close(u16),
    Gone,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: u64,
    pub(crate) device: usize,
    /// The node that it reached.
    pub(crate) node: usize,
    pub(crate) hello: Hello,
    pub(crate) up: Pipe<Up>,
    pub(crate) down: Pipe<Down>,
    /// Whether the client still has the socket.
    pub(crate) client_open: bool,
    /// Whether the node still has the socket.
    pub(crate) server_open: bool,
    pub(crate) server: Option<Server>,
    /// Whether it is upgraded before the session is looked up.
    pub(crate) early: bool,
    /// When the lookup began, and when it is done.
    pub(crate) lookup: Option<(u64, u64)>,
    pub(crate) attached: Option<Attached>,
    /// Whether anything happened to it that may delay or lose what is sent.
    pub(crate) harmed: bool,
    /// What the session knew of its links when the machine began.
    pub(crate) taught: Learned,
    /// When anything last was on its way.
    pub(crate) used_at: u64,
    pub(crate) watch: ServerWatch,
}

/// The server's place in a session.
#[derive(Debug)]
pub(crate) struct Attached {
    /// Counts attachments.
    pub(crate) number: u64,
    pub(crate) fence: u64,
    /// The last sequence id sent.
    pub(crate) cursor: u64,
    /// Where the replay began, until it is over.
    pub(crate) replaying: Option<u64>,
    /// What is missed ends here.
    pub(crate) head: u64,
}

impl Connection {
    pub(crate) fn new(id: u64, device: usize, node: usize, hello: Hello, early: bool) -> Self {
        Self {
            id,
            device,
            node,
            hello,
            up: Pipe::new(),
            down: Pipe::new(),
            client_open: true,
            server_open: true,
            server: None,
            early,
            lookup: None,
            attached: None,
            harmed: false,
            taught: Learned::default(),
            used_at: 0,
            watch: ServerWatch::new(),
        }
    }

    /// The node is not there any more; the client hears of it at some time.
    pub(crate) fn drop_server(&mut self, at: u64) {
        (self.server, self.lookup, self.server_open) = (None, None, false);
        self.up.kill();
        self.down.push(at, Down::Gone);
        self.down.dead = true;
    }

    /// Whether both ends are done with it.
    pub(crate) const fn is_over(&self) -> bool {
        !self.client_open && !self.server_open
    }
}
