//! The server's machine with a session behind it: as much of one as shows what the machine does.

use std::collections::{BTreeMap, VecDeque};

use rolecall_conformance::{Arrival, Bindings, Call, Machine, Opening, Said, ServerCase, ServerHost};
use rolecall_wire::frame::{Body, ClientFrame, Message, Outcome, ServerFrame};
use rolecall_wire::heartbeat::Mode;
use rolecall_wire::server::{Config, Encoding, Event, Input, Server, Transmit};
use rolecall_wire::{close, upgrade};
use serde_json::Value;

use crate::far::FarClient;

/// A room with one session.
pub(crate) struct Room {
    config: Config,
    encoding: Encoding,
    /// Whether the session is found: a Welcome follows the upgrade.
    greets: bool,
    now: u64,
    machines: BTreeMap<String, Server>,
    /// What is opposite to each, and the frames of its last message that were not taken yet.
    clients: BTreeMap<String, (FarClient, VecDeque<ServerFrame>)>,
    log: Vec<Message>,
    outcomes: Vec<(String, u64)>,
}

impl Room {
    /// An empty session, the machine set as a case wants it.
    pub(crate) fn new(case: &ServerCase, encoding: Encoding) -> Self {
        let mut config = Config { seed: 7, ..Config::default() };
        if case.config.get("mode").is_some_and(|mode| mode == "adaptive") {
            config.mode = Mode::Adaptive;
        }
        let greets = case.config.get("welcome").is_none_or(|welcome| *welcome != false);
        Self {
            config,
            encoding,
            greets,
            now: 5_000,
            machines: BTreeMap::new(),
            clients: BTreeMap::new(),
            log: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    fn head(&self) -> u64 {
        self.log.len() as u64
    }

    /// Takes in what the machine of a connection tells its application.
    fn attend(&mut self, name: &str) {
        while let Some(event) = self.machines.get_mut(name).and_then(Server::poll_event) {
            if let Event::Frame(ClientFrame::Send { id, client_seq, text }) = event {
                self.take(name, id, client_seq, text);
            }
        }
    }

    fn take(&mut self, name: &str, id: String, client_seq: u64, text: String) {
        let mark = self.outcomes.len() as u64;
        if client_seq > mark + 1 {
            let gap = ServerFrame::Error { code: "client_seq_gap".into(), message: "a gap".into(), id: Some(id) };
            return self.send(name, &gap);
        }
        let duplicate = client_seq <= mark;
        if !duplicate {
            self.outcomes.push((id.clone(), self.head() + 1));
        }
        let (id, seq) = self.outcomes[usize::try_from(client_seq - 1).unwrap()].clone();
        self.send(name, &ServerFrame::Accepted { id: id.clone(), client_seq, seq, duplicate });
        if !duplicate {
            self.commit(name, Body::User { id, text });
            self.commit(name, Body::Delta { text: "好。".into() });
            self.commit(name, Body::Reply { text: "好。".into(), outcome: Outcome::Complete, hits: Vec::new() });
        }
    }

    fn commit(&mut self, name: &str, body: Body) {
        let turn = self.outcomes.len() as u64;
        let message = Message { seq: self.head() + 1, turn, at_ms: self.now, body };
        self.log.push(message.clone());
        self.send(name, &ServerFrame::Message(message));
    }

    fn send(&mut self, name: &str, frame: &ServerFrame) {
        let now = self.now;
        self.machine_of(name).send(now, frame);
    }

    fn machine_of(&mut self, name: &str) -> &mut Server {
        self.machines.get_mut(name).expect("a connection that was opened")
    }
}

impl ServerHost for Room {
    fn start(&mut self, bound: &mut Bindings) {
        for (name, value) in [("session", "s_1"), ("token", "t"), ("role", "r")] {
            bound.bind(name, value);
        }
    }

    fn open(&mut self, name: &str, opening: &Opening, _: &mut Bindings) -> Result<Option<(u16, String)>, String> {
        let hello = upgrade::hello(&opening.query, Some("Bearer t"), []).map_err(|fault| fault.to_string())?;
        let now = self.now;
        for machine in self.machines.values_mut() {
            machine.close_at(now, close::REPLACED, "another connection took over");
        }
        self.clients.insert(name.to_owned(), (FarClient::new(self.encoding), VecDeque::new()));
        self.machines.insert(name.to_owned(), Server::new(self.config.clone(), self.encoding, &hello, now));
        if !self.greets {
            return Ok(None);
        }
        let (from, head) = (hello.last_seq + 1, self.head());
        let welcome = ServerFrame::Welcome {
            session_id: "s_1".into(),
            role: "r".into(),
            epoch: 1,
            next_seq: head + 1,
            resume_from: from,
            client_seq: self.outcomes.len() as u64,
            heartbeat_ms: 0,
            timeout_ms: 0,
        };
        self.send(name, &welcome);
        let missed: Vec<Message> = self.log.iter().filter(|message| message.seq >= from).cloned().collect();
        missed.into_iter().for_each(|message| self.send(name, &ServerFrame::Message(message)));
        self.send(name, &ServerFrame::Resumed { from, to: head });
        Ok(None)
    }

    fn say(&mut self, name: &str, said: Said) -> Result<(), String> {
        let (now, encoding) = (self.now, self.encoding);
        let machine = self.machine_of(name);
        match said {
            Said::Frame(frame) if encoding == Encoding::JsonV1 => {
                machine.handle_input(now, Input::Text(&frame.to_string()));
            }
            Said::Frame(frame) => {
                let frame: ClientFrame = serde_json::from_value(frame).map_err(|error| error.to_string())?;
                let (client, _) = self.clients.get_mut(name).ok_or("no such connection")?;
                let said = client.say(&frame).map_err(|error| error.to_string())?;
                self.machine_of(name).handle_input(now, (&said).into());
            }
            Said::Binary(bytes) => machine.handle_input(now, Input::Binary(&bytes)),
            Said::Text(text) => machine.handle_input(now, Input::Text(&text)),
            Said::Pong(payload) => machine.handle_input(now, Input::Pong(&payload)),
            Said::Close(_) | Said::Cut => machine.handle_input(now, Input::Gone),
        }
        self.attend(name);
        Ok(())
    }

    fn next(&mut self, name: &str) -> Result<Arrival, String> {
        let machine = self.machines.get_mut(name).ok_or("no such connection")?;
        let (client, heard) = self.clients.get_mut(name).ok_or("no such connection")?;
        if heard.is_empty() {
            match machine.poll_transmit().ok_or("nothing comes")? {
                Transmit::Ping(payload) => return Ok(Arrival::Ping(payload.to_vec())),
                Transmit::Close { code, reason } => return Ok(Arrival::Closed(code, reason)),
                message => heard.extend(client.hear(message.try_into().map_err(|other| format!("{other:?}"))?)?),
            }
        }
        let frame = heard.pop_front().ok_or("a message without a frame")?;
        serde_json::to_value(frame).map(Arrival::Frame).map_err(|error| error.to_string())
    }

    fn call(&mut self, _: Call<'_>) -> Result<(u16, Value), String> {
        Err("a machine answers no HTTP call".to_owned())
    }

    fn machine(&mut self, name: &str, what: Machine) -> Result<(), String> {
        match what {
            Machine::Wait(ms) => {
                let until = self.now + ms;
                while let Some(at) = self.machine_of(name).poll_timeout().filter(|at| *at <= until) {
                    self.now = self.now.max(at);
                    let now = self.now;
                    self.machine_of(name).handle_timeout(now);
                }
                self.now = until;
                self.attend(name);
            }
            Machine::Say(frame) => {
                let frame = serde_json::from_value(frame).map_err(|error| error.to_string())?;
                self.send(name, &frame);
            }
            Machine::Silence => {
                let unread = self.clients.get(name).is_some_and(|(_, heard)| !heard.is_empty());
                if unread {
                    return Err("also: frames of the last message".to_owned());
                }
                if let Some(transmit) = self.machine_of(name).poll_transmit() {
                    return Err(format!("also: {transmit:?}"));
                }
            }
        }
        Ok(())
    }
}
