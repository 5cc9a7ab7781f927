//! The machines that ship, on both ends.

use rolecall_wire::client::{self, Client, Position};
use rolecall_wire::frame::{Body, ClientFrame, Hello, Message, ServerFrame};
use rolecall_wire::heartbeat::{Learned, Mode};
use rolecall_wire::server::{self, Encoding, Server};
use rolecall_wire::{close, codec, limits};

use super::cell::Cell;
use super::pair::{Item, Kind, Out, Pair, Side};

pub(crate) struct Machines {
    server: Server,
    client: Client,
    /// Whether the client's platform shows it Pings; browsers do not.
    sees_pings: bool,
    seq: u64,
    sent: u64,
}

/// How both ends are set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) mode: Mode,
    pub(crate) timeout_ms: u32,
    pub(crate) sees_pings: bool,
    pub(crate) learned: Learned,
    pub(crate) seed: u64,
}

impl Machines {
    pub(crate) fn new(cell: &Cell, setup: Setup, now: u64, out: &mut Out) -> Self {
        let Setup { mode, timeout_ms, sees_pings, learned, seed } = setup;
        let network = cell.network();
        let config = client::Config { network, mode, encoding: Encoding::BspV1, ..client::Config::default() };
        let mut client = Client::new(config, Position::start("s".into(), "t".into()), seed);
        client.connect(now);
        client.handle_input(now, client::Input::Opened);
        while client.poll_transmit().is_some() {}
        let config = server::Config { mode, timeout_ms, learned, seed: !seed, ..server::Config::default() };
        let hello = Hello { token: "t".into(), network, ..Hello::default() };
        let mut server = Server::new(config, Encoding::BspV1, &hello, now);
        server.send(now, &welcome());
        server.send(now, &ServerFrame::Resumed { from: 1, to: 0 });
        let mut new = Self { server, client, sees_pings, seq: 0, sent: 0 };
        new.drain(now, out);
        new
    }

    fn drain(&mut self, now: u64, out: &mut Out) {
        self.drain_server(now, out);
        while let Some(event) = self.client.poll_event() {
            if let client::Event::Message(message) = event {
                self.client.processed(now, message.seq);
            }
        }
        while let Some(transmit) = self.client.poll_transmit() {
            if let client::Transmit::Binary(bytes) = transmit {
                let frame = codec::decode_client(&bytes, limits::MAX_PAYLOAD);
                let beat = matches!(frame, Ok(ClientFrame::Beat { .. }));
                out.up.push(Item { kind: Kind::Frame, bytes: bytes.to_vec(), beat, answer: false });
            }
        }
    }

    fn drain_server(&mut self, now: u64, out: &mut Out) {
        while let Some(event) = self.server.poll_event() {
            if let server::Event::Frame(ClientFrame::Send { id, client_seq, text }) = event {
                self.seq += 1;
                let accepted = ServerFrame::Accepted { id: id.clone(), client_seq, seq: self.seq, duplicate: false };
                self.server.send(now, &accepted);
                self.say(now, Body::User { id, text });
            }
        }
        while let Some(transmit) = self.server.poll_transmit() {
            match transmit {
                server::Transmit::Ping(payload) => out.down.push(Item::ping(payload.to_vec())),
                server::Transmit::Binary(bytes) => {
                    let frame = codec::decode_server(&bytes, limits::MAX_SERVER_PAYLOAD);
                    let beat = matches!(frame, Ok(ServerFrame::Beat { .. }));
                    out.down.push(Item { kind: Kind::Frame, bytes: bytes.to_vec(), beat, answer: beat });
                }
                server::Transmit::Text(_) | server::Transmit::Close { .. } => {}
            }
        }
    }

    fn say(&mut self, now: u64, body: Body) {
        self.server.send(now, &ServerFrame::Message(Message { seq: self.seq, turn: 1, at_ms: 0, body }));
    }
}

impl Pair for Machines {
    fn next(&self, client_lives: bool) -> Option<u64> {
        let client = self.client.poll_timeout().filter(|_| client_lives);
        [self.server.poll_timeout(), client].into_iter().flatten().min()
    }

    fn advance(&mut self, now: u64, client_lives: bool, out: &mut Out) {
        self.server.handle_timeout(now);
        if client_lives {
            self.client.handle_timeout(now);
        }
        self.drain(now, out);
    }

    fn arrive_up(&mut self, now: u64, item: &Item, out: &mut Out) {
        match item.kind {
            Kind::Pong => self.server.handle_input(now, server::Input::Pong(&item.bytes)),
            Kind::Ping | Kind::Frame => self.server.handle_input(now, server::Input::Binary(&item.bytes)),
        }
        self.drain(now, out);
    }

    fn arrive_down(&mut self, now: u64, item: &Item, out: &mut Out) {
        match item.kind {
            Kind::Ping => {
                if self.sees_pings {
                    self.client.handle_input(now, client::Input::Ping(&item.bytes));
                }
                out.up.push(Item::pong(item.bytes.clone()));
            }
            Kind::Pong | Kind::Frame => self.client.handle_input(now, client::Input::Binary(&item.bytes)),
        }
        self.drain(now, out);
    }

    fn user_sends(&mut self, now: u64, out: &mut Out) {
        self.sent += 1;
        // A full queue loses what the user said; here nobody minds.
        drop(self.client.send(&format!("m{}", self.sent), "How do I keep a habit when I travel?"));
        self.drain(now, out);
    }

    fn server_sends(&mut self, now: u64, out: &mut Out) {
        self.seq += 1;
        self.say(now, Body::Delta { text: "a few words ".into() });
        self.drain(now, out);
    }

    fn ended(&self) -> Option<Side> {
        if self.server.state() != server::State::Active {
            return Some(Side::Server);
        }
        (self.client.state() == client::State::Waiting || self.client.state() == client::State::Closed)
            .then_some(Side::Client)
    }

    fn replaced(&mut self, now: u64) -> Learned {
        self.server.close_at(now, close::REPLACED, "another connection took over");
        self.server.learned().unwrap_or_default()
    }
}

fn welcome() -> ServerFrame {
    ServerFrame::Welcome {
        session_id: "s".into(),
        role: "r".into(),
        epoch: 1,
        next_seq: 1,
        resume_from: 1,
        client_seq: 0,
        heartbeat_ms: 0,
        timeout_ms: 0,
    }
}
