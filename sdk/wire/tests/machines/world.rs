//! The world of a run: a client with its application, a link, and a server with its session.

use std::collections::VecDeque;

use rolecall_wire::client::{self, Client, Position};
use rolecall_wire::frame::{Body, ClientFrame, Message, Outcome, ServerFrame};
use rolecall_wire::server::{self, Encoding, Server};
use rolecall_wire::{close, codec, limits};

/// A client that speaks the encoding whose frames stand for themselves, so that tests can read them.
pub(crate) fn bsp_v1() -> client::Config {
    client::Config { encoding: Encoding::BspV1, ..client::Config::default() }
}

pub(crate) struct Rng(pub u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What a session must remember, as the simplest correct thing.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) epoch: u32,
    /// Committed messages; holes only where an epoch began.
    pub(crate) log: Vec<Message>,
    next: u64,
    mark: u64,
    answers: Vec<(u64, u64)>,
    turn: u64,
}

impl Session {
    pub(crate) fn commit(&mut self, body: Body) -> u64 {
        self.next += 1;
        self.log.push(Message { seq: self.next, turn: self.turn, at_ms: 0, body });
        self.next
    }

    fn take(&mut self, id: String, client_seq: u64, text: String, rng: &mut Rng) -> ServerFrame {
        if client_seq <= self.mark {
            let seq = self.answers.iter().find(|(c, _)| *c == client_seq).unwrap().1;
            return ServerFrame::Accepted { id, client_seq, seq, duplicate: true };
        }
        let error = |code: &str, id| ServerFrame::Error { code: code.into(), message: String::new(), id: Some(id) };
        if client_seq != self.mark + 1 {
            return error("client_seq_gap", id);
        }
        if rng.one_in(9) {
            return error("busy", id);
        }
        self.turn += 1;
        self.mark = client_seq;
        let seq = self.commit(Body::User { id: id.clone(), text });
        self.answers.push((client_seq, seq));
        let pieces = rng.below(5);
        for piece in 0..pieces {
            self.commit(Body::Delta { text: format!("片{piece} ") });
        }
        self.commit(Body::Reply { text: String::new(), outcome: Outcome::Complete, hits: Vec::new() });
        ServerFrame::Accepted { id, client_seq, seq, duplicate: false }
    }

    /// Forgets the last entries, as a store that lost a tail does.
    pub(crate) fn lose_tail(&mut self, entries: usize) {
        self.log.truncate(self.log.len().saturating_sub(entries));
        self.next = self.log.last().map_or(0, |m| m.seq);
        let head = self.next;
        self.answers.retain(|(_, seq)| *seq <= head);
        self.mark = self.answers.last().map_or(0, |(c, _)| *c);
    }
}

struct Connection {
    machine: Server,
    cursor: u64,
    replaying: Option<u64>,
}

enum Up {
    Frame(Vec<u8>),
    Pong(Vec<u8>),
    Hello(rolecall_wire::frame::Hello),
}

enum Down {
    Opened,
    Frame(Vec<u8>),
    Ping(Vec<u8>),
    Close(u16),
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) client: Client,
    pub(crate) session: Session,
    server: Option<Connection>,
    up: VecDeque<(u64, Up)>,
    down: VecDeque<(u64, Down)>,
    pub(crate) silent: bool,
    pub(crate) flaky: bool,
    pub(crate) events: Vec<client::Event>,
    pub(crate) server_ends: Vec<u16>,
    pub(crate) connects: usize,
    pub(crate) received: Vec<Message>,
    pub(crate) accepted: Vec<(String, u64)>,
    pub(crate) refused: Vec<String>,
    /// What the application itself knows to have processed.
    processed: u64,
}

pub(crate) fn position() -> Position {
    Position::start("s_1".into(), "token".into())
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut client = Client::new(bsp_v1(), position(), seed);
        client.connect(0);
        let session = Session { epoch: 1, ..Session::default() };
        Self {
            now: 0,
            rng: Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            client,
            session,
            server: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            silent: false,
            flaky: false,
            events: Vec::new(),
            server_ends: Vec::new(),
            connects: 0,
            received: Vec::new(),
            accepted: Vec::new(),
            refused: Vec::new(),
            processed: 0,
        }
    }

    /// One step: whatever is due first happens, at most `patience` ms from now.
    pub(crate) fn step(&mut self, patience: u64) {
        self.drain();
        let server = self.server.as_ref().and_then(|c| c.machine.poll_timeout());
        let links = [self.up.front().map(|x| x.0), self.down.front().map(|x| x.0)];
        let due = [self.client.poll_timeout(), server, links[0], links[1], Some(self.now + patience)];
        self.now = due.into_iter().flatten().min().unwrap().max(self.now);
        while self.up.front().is_some_and(|(at, _)| *at <= self.now) {
            let (_, item) = self.up.pop_front().unwrap();
            if !self.silent {
                self.arrive_up(item);
            }
            self.drain();
        }
        while self.down.front().is_some_and(|(at, _)| *at <= self.now) {
            let (_, item) = self.down.pop_front().unwrap();
            if !self.silent {
                self.arrive_down(item);
            }
            self.drain();
        }
        self.client.handle_timeout(self.now);
        if let Some(connection) = &mut self.server {
            connection.machine.handle_timeout(self.now);
        }
        self.drain();
    }

    /// Runs for some time.
    pub(crate) fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.now < end {
            self.step(end - self.now);
        }
    }

    /// The socket goes: what is under way is lost, each side learns of it or not.
    pub(crate) fn cut(&mut self, client_learns: bool, server_learns: bool) {
        self.up.clear();
        self.down.clear();
        if client_learns {
            self.client.handle_input(self.now, client::Input::Gone);
        }
        match &mut self.server {
            Some(connection) if server_learns => connection.machine.handle_input(self.now, server::Input::Gone),
            _ => self.silent = true,
        }
        if !client_learns {
            self.silent = true;
        }
        self.drain();
    }

    /// The client process dies and another one goes on at what was saved.
    pub(crate) fn restart_client(&mut self, seed: u64) {
        let saved = serde_json::to_string(&self.client.position()).unwrap();
        let position: Position = serde_json::from_str(&saved).unwrap();
        // Messages the application had not processed come again, to the new process.
        let processed = self.processed;
        self.received.retain(|m| m.seq <= processed);
        self.cut(false, true);
        self.silent = false;
        self.client = Client::new(bsp_v1(), position, seed);
        self.client.connect(self.now);
    }

    /// Server-side work of a live connection: answers have gone; now what the log has and the
    /// client has not.
    fn deliver(&mut self) {
        let Some(connection) = &mut self.server else { return };
        if connection.machine.state() != server::State::Active {
            return;
        }
        let from = connection.cursor + 1;
        for message in &self.session.log {
            if message.seq <= connection.cursor {
                continue;
            }
            if message.seq > connection.cursor + 1 {
                let skipped = ServerFrame::Skipped { from: connection.cursor + 1, to: message.seq - 1 };
                connection.machine.send(self.now, &skipped);
            }
            connection.cursor = message.seq;
            connection.machine.send(self.now, &ServerFrame::Message(message.clone()));
        }
        if let Some(first) = connection.replaying.take() {
            assert!(first == from, "the replay starts behind the Welcome");
            connection.machine.send(self.now, &ServerFrame::Resumed { from, to: connection.cursor });
        }
    }

    fn drain(&mut self) {
        self.drain_server();
        self.deliver();
        self.drain_server();
        while let Some(transmit) = self.client.poll_transmit() {
            match transmit {
                client::Transmit::Connect(hello) => {
                    self.connects += 1;
                    self.silent = false;
                    self.up.clear();
                    self.down.clear();
                    self.push_up(Up::Hello(hello));
                }
                client::Transmit::Binary(bytes) => self.push_up(Up::Frame(bytes.to_vec())),
                client::Transmit::Text(_) => panic!("text on a BSP connection"),
                client::Transmit::Close { .. } => {
                    self.up.clear();
                    self.down.clear();
                    if let Some(connection) = &mut self.server {
                        connection.machine.handle_input(self.now, server::Input::Gone);
                    }
                }
            }
        }
        while let Some(event) = self.client.poll_event() {
            self.note(&event);
            self.events.push(event);
        }
    }

    fn note(&mut self, event: &client::Event) {
        match event {
            client::Event::Message(message) => {
                self.received.push(message.clone());
                // The application is sometimes behind.
                if !self.rng.one_in(3) {
                    self.client.processed(self.now, message.seq);
                    self.processed = message.seq;
                }
            }
            client::Event::Accepted { id, seq } => self.accepted.push((id.clone(), *seq)),
            client::Event::Refused { id, code, .. } => {
                assert_eq!(code, "busy");
                self.refused.push(id.clone());
            }
            client::Event::Error { code, .. } => panic!("error {code}"),
            _ => {}
        }
    }

    fn drain_server(&mut self) {
        let Some(connection) = &mut self.server else { return };
        let mut out = Vec::new();
        let mut ended = false;
        while let Some(event) = connection.machine.poll_event() {
            match event {
                server::Event::Frame(ClientFrame::Send { id, client_seq, text }) => {
                    let answer = self.session.take(id, client_seq, text, &mut self.rng);
                    connection.machine.send(self.now, &answer);
                }
                server::Event::Ended { code, .. } => {
                    self.server_ends.push(code);
                    ended = true;
                }
                _ => {}
            }
        }
        while let Some(transmit) = connection.machine.poll_transmit() {
            out.push(match transmit {
                server::Transmit::Binary(bytes) => Down::Frame(bytes.to_vec()),
                server::Transmit::Ping(payload) => Down::Ping(payload.to_vec()),
                server::Transmit::Close { code, .. } => Down::Close(code),
                server::Transmit::Text(_) => panic!("text on a BSP connection"),
            });
        }
        for item in out {
            self.push_down(item);
        }
        if ended {
            self.server = None;
        }
    }

    fn push_up(&mut self, item: Up) {
        let at = self.up.back().map_or(self.now, |x| x.0).max(self.now + 1 + self.rng.below(80));
        self.up.push_back((at, item));
    }

    fn push_down(&mut self, item: Down) {
        let at = self.down.back().map_or(self.now, |x| x.0).max(self.now + 1 + self.rng.below(80));
        if let Down::Frame(bytes) = &item {
            let message =
                matches!(codec::decode_server(bytes, limits::MAX_SERVER_PAYLOAD), Ok(ServerFrame::Message(_)));
            if self.flaky && message && self.rng.one_in(20) {
                return;
            }
            if self.flaky && message && self.rng.one_in(20) {
                self.down.push_back((at, Down::Frame(bytes.clone())));
            }
        }
        self.down.push_back((at, item));
    }

    fn arrive_up(&mut self, item: Up) {
        let now = self.now;
        if let Up::Hello(hello) = item {
            let mut machine = Server::new(server::Config::default(), Encoding::BspV1, &hello, now);
            if hello.last_seq > self.session.next {
                self.session.epoch += 1;
                self.session.next = hello.last_seq;
            }
            let resume_from = hello.last_seq + 1;
            machine.send(
                now,
                &ServerFrame::Welcome {
                    session_id: "s_1".into(),
                    role: "scholar".into(),
                    epoch: self.session.epoch,
                    next_seq: self.session.next + 1,
                    resume_from,
                    client_seq: self.session.mark,
                    heartbeat_ms: 0,
                    timeout_ms: 0,
                },
            );
            self.server = Some(Connection { machine, cursor: hello.last_seq, replaying: Some(resume_from) });
            self.push_down(Down::Opened);
            return;
        }
        let Some(connection) = &mut self.server else { return };
        match &item {
            Up::Frame(bytes) => connection.machine.handle_input(now, server::Input::Binary(bytes)),
            Up::Pong(payload) => connection.machine.handle_input(now, server::Input::Pong(payload)),
            Up::Hello(_) => {}
        }
    }

    fn arrive_down(&mut self, item: Down) {
        let now = self.now;
        match item {
            Down::Opened => self.client.handle_input(now, client::Input::Opened),
            Down::Frame(bytes) => self.client.handle_input(now, client::Input::Binary(&bytes)),
            Down::Ping(payload) => {
                self.client.handle_input(now, client::Input::Ping(&payload));
                self.push_up(Up::Pong(payload));
            }
            Down::Close(code) => {
                assert!(close::advice(code) != close::Advice::Stop, "the server stopped the client with {code}");
                self.client.handle_input(now, client::Input::Closed { code });
            }
        }
    }
}
