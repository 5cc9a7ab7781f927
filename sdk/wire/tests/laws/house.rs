//! A session as the machines' owner keeps it: a log, the client's numbers, one connection at a time.

use std::collections::VecDeque;

use rolecall_wire::close;
use rolecall_wire::frame::{Body, ClientFrame, Hello, Message, ServerFrame};
use rolecall_wire::heartbeat::{Learned, Mode};
use rolecall_wire::server::{Config, Encoding, Event, Input, Server, Transmit};

/// The session.
pub struct House {
    pub server: Option<Server>,
    mode: Mode,
    learned: Learned,
    log: Vec<Message>,
    /// The last message that was given to the connection: what it has no room for stays in the log.
    cursor: u64,
    /// What is said when the cursor reaches the end of what was missed: from, to.
    missed: Option<(u64, u64)>,
    /// What each number of the client had for an outcome: its id and sequence id.
    outcomes: Vec<(String, u64)>,
}

impl House {
    pub fn new(mode: Mode) -> Self {
        Self {
            server: None,
            mode,
            learned: Learned::default(),
            log: Vec::new(),
            cursor: 0,
            missed: None,
            outcomes: Vec::new(),
        }
    }

    /// The highest sequence id.
    pub fn head(&self) -> u64 {
        self.log.len() as u64
    }

    /// What was committed under a sequence id.
    pub fn message(&self, seq: u64) -> Option<&Message> {
        self.log.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// Says something.
    pub fn commit(&mut self, now: u64, length: usize) {
        self.append(now, Body::Delta { text: "话".repeat(length) });
    }

    /// Asks the client to come back later.
    pub fn goaway(&mut self, now: u64, after_ms: u32) {
        // No frame stands before the Welcome, which is sent when a connection opens.
        if let Some(server) = &mut self.server {
            server.send(now, &ServerFrame::Goaway { after_ms });
        }
    }

    /// A client presents itself; what it misses is sent.
    pub fn open(&mut self, now: u64, hello: &Hello, encoding: Encoding) {
        let config = Config { mode: self.mode, learned: self.learned, seed: now, ..Config::default() };
        let mut server = Server::new(config, encoding, hello, now);
        let (from, head) = (hello.last_seq + 1, self.head());
        server.send(
            now,
            &ServerFrame::Welcome {
                session_id: "s".into(),
                role: "r".into(),
                epoch: 1,
                next_seq: head + 1,
                resume_from: from,
                client_seq: self.outcomes.len() as u64,
                heartbeat_ms: 0,
                timeout_ms: 0,
            },
        );
        (self.server, self.cursor, self.missed) = (Some(server), hello.last_seq, Some((from, head)));
        self.go_on(now);
    }

    /// Gives the connection what it has room for.
    fn go_on(&mut self, now: u64) {
        let Some(server) = &mut self.server else { return };
        loop {
            if let Some((from, to)) = self.missed.take_if(|(_, to)| self.cursor >= *to) {
                server.send(now, &ServerFrame::Resumed { from, to });
            }
            let next = usize::try_from(self.cursor).ok().and_then(|at| self.log.get(at));
            let Some(message) = next.filter(|_| server.room() > 0) else { return };
            server.send(now, &ServerFrame::Message(message.clone()));
            self.cursor = message.seq;
        }
    }

    pub fn input(&mut self, now: u64, input: Input<'_>) {
        if let Some(server) = &mut self.server {
            server.handle_input(now, input);
        }
    }

    /// Takes in what the client said, and hands out what goes to it.
    pub fn drain(&mut self, now: u64, down: &mut VecDeque<Transmit>) {
        while let Some(event) = self.server.as_mut().and_then(Server::poll_event) {
            match event {
                Event::Frame(ClientFrame::Send { id, client_seq, text }) => self.take(now, id, client_seq, text),
                Event::Ended { code, reason } => {
                    let fair = [
                        close::EXPIRED,
                        close::ABNORMAL,
                        close::HANDSHAKE_TIMEOUT,
                        close::TOO_MANY_FRAMES,
                        close::SLOW,
                    ];
                    assert!(fair.contains(&code), "the server accuses the client: {code} {reason}");
                    self.learned = self.server.as_ref().and_then(Server::learned).unwrap_or_default();
                }
                _ => {}
            }
        }
        // An acknowledgement has made room.
        self.go_on(now);
        while let Some(transmit) = self.server.as_mut().and_then(Server::poll_transmit) {
            down.push_back(transmit);
        }
    }

    fn take(&mut self, now: u64, id: String, client_seq: u64, text: String) {
        let mark = self.outcomes.len() as u64;
        assert!(client_seq <= mark + 1, "the number {client_seq} behind {mark}");
        let duplicate = client_seq <= mark;
        if !duplicate {
            self.outcomes.push((id.clone(), self.head() + 1));
            self.append(now, Body::User { id, text });
        }
        let at = usize::try_from(client_seq - 1).expect("a short session");
        let (id, seq) = self.outcomes[at].clone();
        if let Some(server) = &mut self.server {
            server.send(now, &ServerFrame::Accepted { id, client_seq, seq, duplicate });
        }
    }

    fn append(&mut self, now: u64, body: Body) {
        let message = Message { seq: self.head() + 1, turn: 1, at_ms: now, body };
        self.log.push(message);
        self.go_on(now);
    }
}
