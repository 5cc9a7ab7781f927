//! The client's machine, to whom a case plays the server.

use std::collections::VecDeque;

use rolecall_conformance::{Answer, Bindings, ClientCase, ClientStep, Do, client_cases, unhex};
use rolecall_wire::client::{Client, Config, Encoding, Event, Input, Position, Transmit};
use rolecall_wire::close::Advice;
use rolecall_wire::frame::{Hello, ServerFrame};
use rolecall_wire::heartbeat::Mode;
use serde_json::{Value, json};

use crate::far::FarServer;

/// How long a client may take for what it says or opens by itself, in ms.
const PATIENCE: u64 = 120_000;
/// How soon a frame follows what calls for it: an acknowledgement may wait to be gathered.
const SOON: u64 = 1_000;

/// What the client does on the line.
#[derive(Debug)]
enum Said {
    Connect(Hello),
    Frame(Value),
    Close { code: u16, reason: String },
}

struct Room {
    client: Client,
    encoding: Encoding,
    now: u64,
    bound: Bindings,
    server: FarServer,
    said: VecDeque<Said>,
    shown: VecDeque<Value>,
}

/// Fails when the client's machine breaks a rule that a case holds, in any encoding.
#[test]
fn the_machine_keeps_every_case() {
    let cases = client_cases().unwrap();
    let mut failed = Vec::new();
    for case in &cases {
        for (encoding, name) in [(Encoding::BspV1, "bsp"), (Encoding::BspV2, "bsp2"), (Encoding::JsonV1, "json")] {
            if case.config.get("encoding").is_some_and(|only| only != name) {
                continue;
            }
            if let Err(what) = run(case, encoding) {
                failed.push(format!("{} {} ({name}): {what}", case.section, case.name));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {} cases:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

fn run(case: &ClientCase, encoding: Encoding) -> Result<(), String> {
    let mut position = json!({
        "session_id": "s_1", "token": "t_1", "last_seq": 0, "epoch": 0, "next_client_seq": 1, "unaccepted": [],
    });
    for (name, value) in case.position.iter().filter_map(Value::as_object).flatten() {
        position[name] = value.clone();
    }
    let position: Position = serde_json::from_value(position).map_err(|error| error.to_string())?;
    let adaptive = case.config.get("mode").is_some_and(|mode| mode == "adaptive");
    let mode = if adaptive { Mode::Adaptive } else { Mode::Table };
    let mut room = Room {
        client: Client::new(Config { encoding, mode, ..Config::default() }, position, 1),
        encoding,
        now: 1_000,
        bound: Bindings::default(),
        server: FarServer::new(encoding),
        said: VecDeque::new(),
        shown: VecDeque::new(),
    };
    room.client.connect(room.now);
    room.drain();
    room.steps(&case.steps)?;
    room.nothing_is_left()
}

impl Room {
    fn steps(&mut self, steps: &[ClientStep]) -> Result<(), String> {
        for (at, step) in steps.iter().enumerate() {
            self.step(step).map_err(|what| format!("step {}: {what}", at + 1))?;
        }
        Ok(())
    }

    fn step(&mut self, step: &ClientStep) -> Result<(), String> {
        match step {
            ClientStep::Live(fields) => return self.live(fields),
            ClientStep::Opens { hello, within_ms, answer } => return self.opens(hello, *within_ms, answer),
            ClientStep::Tell(frame) => {
                let frame = self.fill(frame)?;
                self.tell(&frame)?;
            }
            ClientStep::TellRaw(hex) => {
                let bytes = unhex(&self.fill(hex)?)?;
                self.client.handle_input(self.now, Input::Binary(&bytes));
            }
            ClientStep::TellText(text) => {
                let text = self.fill(text)?;
                self.client.handle_input(self.now, Input::Text(text.as_str().ok_or("no text")?));
            }
            ClientStep::Ping(hex) => {
                let payload = unhex(&self.fill(hex)?)?;
                self.client.handle_input(self.now, Input::Ping(&payload));
            }
            ClientStep::Close(code) => {
                let code = self.fill(code)?.as_u64().and_then(|code| u16::try_from(code).ok()).ok_or("no code")?;
                self.client.handle_input(self.now, Input::Closed { code });
            }
            ClientStep::Cut => self.client.handle_input(self.now, Input::Gone),
            ClientStep::Do(what) => self.act(what)?,
            ClientStep::Says(pattern) => return self.says(pattern),
            ClientStep::Shows(pattern) => return self.shows(pattern),
            ClientStep::Closes(pattern) => return self.closes(pattern),
            ClientStep::Wait(ms) => self.wait(*ms),
            ClientStep::Silence => return self.nothing_is_left(),
            ClientStep::StaysAway => {
                self.wait(PATIENCE);
                let opened = self.said.iter().any(|said| matches!(said, Said::Connect(_)));
                return if opened { Err("it comes back".to_owned()) } else { Ok(()) };
            }
            ClientStep::Repeat { times, steps } => {
                for i in 1..=*times {
                    self.bound.bind("i", i);
                    self.steps(steps).map_err(|what| format!("round {i}: {what}"))?;
                }
                return Ok(());
            }
        }
        self.drain();
        Ok(())
    }

    fn live(&mut self, fields: &Value) -> Result<(), String> {
        let mut welcome = json!({
            "type": "welcome", "session_id": "s_1", "role": "r", "epoch": 1, "next_seq": 1, "resume_from": 1,
            "client_seq": 0, "heartbeat_ms": 10_000, "timeout_ms": 30_000,
        });
        for (name, value) in self.fill(fields)?.as_object().into_iter().flatten() {
            welcome[name] = value.clone();
        }
        self.opens(&Value::Null, None, &Answer::Accept)?;
        self.tell(&welcome)?;
        self.drain();
        self.shows(&json!({"event": "connected"}))?;
        if welcome["next_seq"] == welcome["resume_from"] {
            let from = welcome["resume_from"].as_u64().ok_or("no resume_from")?;
            self.tell(&json!({"type": "resumed", "from": from, "to": from - 1}))?;
            self.drain();
            self.shows(&json!({"event": "caught_up"}))?;
        }
        Ok(())
    }

    fn opens(&mut self, hello: &Value, within_ms: Option<[u64; 2]>, answer: &Answer) -> Result<(), String> {
        let began = self.now;
        let found = self.next_said(PATIENCE, |said| matches!(said, Said::Connect(_)))?;
        let Said::Connect(presented) = found else { return Err(format!("it opens nothing, but {found:?}")) };
        let presented = serde_json::to_value(presented).map_err(|error| error.to_string())?;
        if !hello.is_null() {
            self.bound.matches(hello, &presented).map_err(|error| error.to_string())?;
        }
        let took = self.now - began;
        if within_ms.is_some_and(|[least, most]| took < least || took > most) {
            return Err(format!("it came after {took} ms"));
        }
        match answer {
            Answer::Accept => self.client.handle_input(self.now, Input::Opened),
            Answer::Refuse(status) => {
                let status = self.fill(status)?.as_u64().and_then(|status| u16::try_from(status).ok());
                self.client.handle_input(self.now, Input::Refused { status: status.ok_or("no status")? });
            }
            Answer::Gone => self.client.handle_input(self.now, Input::Gone),
            Answer::Nothing => {}
        }
        self.drain();
        Ok(())
    }

    fn act(&mut self, what: &Do) -> Result<(), String> {
        let now = self.now;
        match what {
            Do::Send { id, text, refused } => {
                let (id, text) = (self.fill(id)?, self.fill(text)?);
                let sent = self.client.send(id.as_str().ok_or("no id")?, text.as_str().ok_or("no text")?);
                if sent.is_err() != *refused {
                    return Err(format!("to send gave {sent:?}"));
                }
            }
            Do::Processed(seq) => {
                let seq = self.fill(seq)?.as_u64().ok_or("no sequence id")?;
                self.client.processed(now, seq);
            }
            Do::Cancel(turn) => self.client.cancel(*turn).map_err(|error| error.to_string())?,
            Do::Network(network) => {
                let network = serde_json::from_value(network.clone()).map_err(|error| error.to_string())?;
                self.client.set_network(now, network);
            }
            Do::Migrate => self.client.migrate(now),
            Do::Close => self.client.close(),
        }
        Ok(())
    }

    fn says(&mut self, pattern: &Value) -> Result<(), String> {
        let beats = pattern["type"] == "beat";
        let found = self.next_said(SOON, |said| beats || !is_beat(said))?;
        let Said::Frame(frame) = &found else { return Err(format!("it says nothing, but {found:?}")) };
        self.bound.matches(pattern, frame).map_err(|error| format!("it says {frame}: {error}"))
    }

    fn closes(&mut self, pattern: &Value) -> Result<(), String> {
        let found = self.next_said(SOON, |said| !is_beat(said))?;
        let Said::Close { code, reason } = &found else { return Err(format!("it does not close, but {found:?}")) };
        let closed = json!({"code": code, "reason": reason});
        self.bound.matches(pattern, &closed).map_err(|error| format!("it closes with {closed}: {error}"))
    }

    fn shows(&mut self, pattern: &Value) -> Result<(), String> {
        let rtts = pattern["event"] == "rtt";
        while self.shown.front().is_some_and(|event| !rtts && event["event"] == "rtt") {
            self.shown.pop_front();
        }
        let event = self.shown.pop_front().ok_or_else(|| format!("it shows nothing for {pattern}"))?;
        self.bound.matches(pattern, &event).map_err(|error| format!("it shows {event}: {error}"))
    }

    /// The next of what it says that counts, at its next timers if it says nothing now.
    fn next_said(&mut self, patience: u64, counts: impl Fn(&Said) -> bool) -> Result<Said, String> {
        let until = self.now + patience;
        loop {
            while let Some(said) = self.said.pop_front() {
                if counts(&said) {
                    return Ok(said);
                }
                if matches!(said, Said::Connect(_) | Said::Close { .. }) {
                    return Err(format!("instead: {said:?}"));
                }
            }
            let due = self.client.poll_timeout().filter(|at| *at <= until);
            self.now = self.now.max(due.ok_or_else(|| format!("nothing more; shown: {:?}", self.shown))?);
            self.client.handle_timeout(self.now);
            self.drain();
        }
    }

    fn wait(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some(at) = self.client.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.client.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn nothing_is_left(&mut self) -> Result<(), String> {
        self.said.retain(|said| !is_beat(said));
        self.shown.retain(|event| event["event"] != "rtt");
        let (said, shown) = (&self.said, &self.shown);
        if said.is_empty() && shown.is_empty() { Ok(()) } else { Err(format!("also: {said:?} {shown:?}")) }
    }

    fn tell(&mut self, frame: &Value) -> Result<(), String> {
        let told: ServerFrame = serde_json::from_value(frame.clone()).map_err(|error| format!("{frame}: {error}"))?;
        let told = self.server.say(&told).map_err(|error| error.to_string())?;
        self.client.handle_input(self.now, (&told).into());
        Ok(())
    }

    fn fill(&self, template: &Value) -> Result<Value, String> {
        self.bound.fill(template).map_err(|error| error.to_string())
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.client.poll_transmit() {
            self.said.push_back(match transmit {
                Transmit::Connect(hello) => {
                    self.server = FarServer::new(self.encoding);
                    Said::Connect(hello)
                }
                Transmit::Close { code, reason } => Said::Close { code, reason },
                message => {
                    let frame = self.server.hear(message.try_into().unwrap()).unwrap();
                    Said::Frame(serde_json::to_value(frame).unwrap())
                }
            });
        }
        self.shown.extend(std::iter::from_fn(|| self.client.poll_event()).map(event_of));
    }
}

fn is_beat(said: &Said) -> bool {
    matches!(said, Said::Frame(frame) if frame["type"] == "beat")
}

fn event_of(event: Event) -> Value {
    match event {
        Event::Connected { role, resumed, from, missed } => {
            json!({"event": "connected", "role": role, "resumed": resumed, "from": from, "missed": missed})
        }
        Event::CaughtUp { from, to } => json!({"event": "caught_up", "from": from, "to": to}),
        Event::Message(message) => {
            let mut shown = serde_json::to_value(message).unwrap();
            shown["event"] = "message".into();
            shown
        }
        Event::Accepted { id, seq } => json!({"event": "accepted", "id": id, "seq": seq}),
        Event::Refused { id, code, .. } => json!({"event": "refused", "id": id, "code": code}),
        Event::Error { code, .. } => json!({"event": "error", "code": code}),
        Event::EpochChanged { from, to } => json!({"event": "epoch_changed", "from": from, "to": to}),
        Event::Skipped { from, to } => json!({"event": "skipped", "from": from, "to": to}),
        Event::Token { token } => json!({"event": "token", "token": token.reveal()}),
        Event::Rtt { rtt_ms } => json!({"event": "rtt", "rtt_ms": rtt_ms}),
        Event::Disconnected { code, .. } => json!({"event": "disconnected", "code": code}),
        Event::Ended { code, advice, .. } => {
            let advice = match advice {
                Advice::Resume => "resume",
                Advice::Reauthenticate => "reauthenticate",
                Advice::RetryLater => "later",
                Advice::Stop => "stop",
            };
            json!({"event": "ended", "code": code, "advice": advice})
        }
    }
}
