//! Plays a case for servers against a server, whatever carries it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Bindings, Http, Open, ServerCase, ServerStep};

/// A server with a session of the case's own, and connections to it by name.
pub trait ServerHost {
    /// What is bound at the start: `session`, `token`, `role`.
    fn start(&mut self, bound: &mut Bindings);

    /// Opens a connection; gives the status and `error.code` of a refusal.
    ///
    /// # Errors
    /// What went wrong otherwise.
    fn open(&mut self, name: &str, opening: &Opening, bound: &mut Bindings) -> Result<Option<(u16, String)>, String>;

    /// The client does something on a connection.
    ///
    /// # Errors
    /// What went wrong.
    fn say(&mut self, name: &str, said: Said) -> Result<(), String>;

    /// What arrives next on a connection.
    ///
    /// # Errors
    /// When nothing does.
    fn next(&mut self, name: &str) -> Result<Arrival, String>;

    /// Calls over HTTP; gives the status and the body.
    ///
    /// # Errors
    /// What went wrong.
    fn call(&mut self, call: Call<'_>) -> Result<(u16, Value), String>;

    /// Time passes, or the application says a frame: only where a case is for machines.
    ///
    /// # Errors
    /// Where that cannot be done.
    fn machine(&mut self, name: &str, what: Machine) -> Result<(), String>;
}

/// How a connection is opened, filled in.
#[derive(Debug, Default)]
pub struct Opening {
    /// The query, without the token.
    pub query: String,
    /// The token, if any.
    pub token: Option<String>,
    /// `header`, `protocol` or `query`.
    pub token_in: String,
    /// Subprotocols instead of the carrier's own.
    pub offer: Option<Vec<String>>,
    /// Headers instead of those of an upgrade.
    pub headers: Option<BTreeMap<String, String>>,
}

/// An HTTP call, filled in.
#[derive(Debug)]
pub struct Call<'c> {
    /// `GET` or `POST`.
    pub method: &'c str,
    /// Path and query.
    pub path: &'c str,
    /// The bearer token, if any.
    pub token: Option<&'c str>,
    /// The body, if any.
    pub body: Option<Value>,
}

/// What the client does.
#[derive(Debug)]
pub enum Said {
    /// Sends a frame.
    Frame(Value),
    /// Sends a binary message.
    Binary(Vec<u8>),
    /// Sends a text message.
    Text(String),
    /// Sends a Pong.
    Pong(Vec<u8>),
    /// Closes with a code.
    Close(u16),
    /// Lets the socket go.
    Cut,
}

/// What arrives at the client.
#[derive(Debug, Clone)]
pub enum Arrival {
    /// A frame.
    Frame(Value),
    /// A Ping with its payload.
    Ping(Vec<u8>),
    /// The end, with code and reason.
    Closed(u16, String),
}

/// What only a machine can be told.
#[derive(Debug)]
pub enum Machine {
    /// So many ms pass.
    Wait(u64),
    /// Its application says this.
    Say(Value),
    /// Nothing may be on its way.
    Silence,
}

/// Plays a case.
///
/// # Errors
/// The first step that went otherwise.
pub fn play(case: &ServerCase, host: &mut impl ServerHost) -> Result<(), String> {
    let mut bound = Bindings::default();
    host.start(&mut bound);
    let mut play = Play { host, bound, on: "first".to_owned(), last: BTreeMap::new(), pings: BTreeMap::new() };
    play.steps(&case.steps)
}

struct Play<'h, H> {
    host: &'h mut H,
    bound: Bindings,
    /// The connection that the steps are about.
    on: String,
    /// The highest sequence id that each connection has shown.
    last: BTreeMap<String, u64>,
    /// Pings that came before they were asked for.
    pings: BTreeMap<String, Vec<Vec<u8>>>,
}

impl<H: ServerHost> Play<'_, H> {
    fn steps(&mut self, steps: &[ServerStep]) -> Result<(), String> {
        for (at, step) in steps.iter().enumerate() {
            self.step(step).map_err(|what| format!("step {}: {what}", at + 1))?;
        }
        Ok(())
    }

    fn step(&mut self, step: &ServerStep) -> Result<(), String> {
        match step {
            ServerStep::Live { last_seq, welcome } => self.live(last_seq, welcome),
            ServerStep::Open(open) => self.open(open),
            ServerStep::Use(name) => {
                self.on.clone_from(name);
                Ok(())
            }
            ServerStep::Send(frame) => self.say(Said::Frame(self.fill(frame)?)),
            ServerStep::Raw(hex) => self.say(Said::Binary(unhex(&self.fill(hex)?)?)),
            ServerStep::Pong(hex) => self.say(Said::Pong(unhex(&self.fill(hex)?)?)),
            ServerStep::Text(text) => self.say(Said::Text(self.fill(text)?.as_str().unwrap_or_default().to_owned())),
            ServerStep::Close(code) => self.say(Said::Close(*code)),
            ServerStep::Cut => self.say(Said::Cut),
            ServerStep::Next(pattern) => {
                let frame = self.frame()?;
                self.holds(pattern, &frame)
            }
            ServerStep::Expect(pattern) => self.expect(pattern),
            ServerStep::Ping(pattern) => self.ping(pattern),
            ServerStep::Closed(pattern) => self.closed(pattern),
            ServerStep::Wait(ms) => self.host.machine(&self.on, Machine::Wait(*ms)),
            ServerStep::Silence => self.host.machine(&self.on, Machine::Silence),
            ServerStep::Say(frame) => {
                let frame = self.fill(frame)?;
                self.host.machine(&self.on, Machine::Say(frame))
            }
            ServerStep::Http(http) => self.http(http),
            ServerStep::Repeat { times, steps } => (1..=*times).try_for_each(|i| {
                self.bound.bind("i", i);
                self.steps(steps).map_err(|what| format!("round {i}: {what}"))
            }),
        }
    }

    fn live(&mut self, last_seq: &Value, welcome: &Value) -> Result<(), String> {
        let last_seq = self.fill(last_seq)?.as_u64().unwrap_or(0);
        let query = format!("last_seq={last_seq}&epoch=0&network=4g");
        self.open(&Open { query: Some(query.into()), ..Open::default() })?;
        let greeting = self.frame()?;
        self.holds(&json!({"type": "welcome"}), &greeting)?;
        if !welcome.is_null() {
            self.holds(welcome, &greeting)?;
        }
        self.expect(&json!({"type": "resumed"}))
    }

    fn open(&mut self, open: &Open) -> Result<(), String> {
        let token = match &open.token {
            Some(token) => self.fill(token)?.as_str().map(str::to_owned),
            None => self.fill(&json!("$token"))?.as_str().map(str::to_owned),
        };
        let query = self.fill(open.query.as_ref().unwrap_or(&json!("last_seq=0")))?;
        let opening = Opening {
            query: self.write(query.as_str().ok_or("a query is text")?)?,
            token,
            token_in: open.token_in.clone().unwrap_or_else(|| "header".to_owned()),
            offer: open.offer.clone(),
            headers: open.headers.clone(),
        };
        let answer = self.host.open(&self.on, &opening, &mut self.bound)?;
        match (answer, &open.refused) {
            (None, None) => {
                if let Some(chosen) = &open.chosen {
                    let answered = self.fill(&json!("$chosen"))?;
                    self.holds(chosen, &answered)?;
                }
                Ok(())
            }
            (Some((status, code)), Some(refused)) if status == refused.status && code == refused.code => Ok(()),
            (answer, refused) => Err(format!("refused with {answer:?}, expected {refused:?}")),
        }
    }

    fn expect(&mut self, pattern: &Value) -> Result<(), String> {
        let mut passed = Vec::new();
        loop {
            let frame = self.frame().map_err(|what| format!("{what}, waiting for {pattern} behind {passed:?}"))?;
            let kind = frame.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
            match self.holds(pattern, &frame) {
                Ok(()) => return Ok(()),
                // An error that answers nothing of the client's changes nothing.
                Err(what) if kind == "goaway" || (kind == "error" && frame.get("id").is_some_and(Value::is_string)) => {
                    return Err(what);
                }
                Err(_) => passed.push(kind),
            }
        }
    }

    fn ping(&mut self, pattern: &Value) -> Result<(), String> {
        let kept = self.pings.get_mut(&self.on).filter(|pings| !pings.is_empty()).map(|pings| pings.remove(0));
        let payload = match kept {
            Some(payload) => payload,
            None => loop {
                match self.host.next(&self.on)? {
                    Arrival::Ping(payload) => break payload,
                    Arrival::Frame(frame) => self.note(&frame)?,
                    Arrival::Closed(code, reason) => return Err(format!("closed with {code} {reason}, before a Ping")),
                }
            },
        };
        let number = |half: Option<&[u8]>| half.map_or(0, |half| half.iter().fold(0, |n, b| n << 8 | u64::from(*b)));
        let hex: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
        let found = json!({
            "bytes": payload.len(), "payload": hex, "clock": number(payload.get(..8)), "seq": number(payload.get(8..16)),
        });
        self.holds(pattern, &found)
    }

    fn closed(&mut self, pattern: &Value) -> Result<(), String> {
        loop {
            match self.host.next(&self.on)? {
                Arrival::Closed(code, reason) => {
                    return self.holds(pattern, &json!({"code": code, "reason": reason, "bytes": reason.len()}));
                }
                Arrival::Ping(_) => {}
                Arrival::Frame(frame) => self.note(&frame)?,
            }
        }
    }

    fn http(&mut self, http: &Http) -> Result<(), String> {
        let path = self.write(&http.path)?;
        let token = http.token.as_ref().map(|token| self.fill(token)).transpose()?;
        let body = http.body.as_ref().map(|body| self.fill(body)).transpose()?;
        let token = token.as_ref().and_then(Value::as_str);
        let (status, answer) = self.host.call(Call { method: &http.method, path: &path, token, body })?;
        if status != http.status {
            return Err(format!("{path} is answered {status} {answer}, expected {}", http.status));
        }
        http.answer.as_ref().map_or(Ok(()), |pattern| self.holds(pattern, &answer))
    }

    /// The next frame; every message follows the one before.
    fn frame(&mut self) -> Result<Value, String> {
        loop {
            match self.host.next(&self.on)? {
                Arrival::Frame(frame) => {
                    self.note(&frame)?;
                    return Ok(frame);
                }
                Arrival::Ping(payload) => self.pings.entry(self.on.clone()).or_default().push(payload),
                Arrival::Closed(code, reason) => return Err(format!("closed with {code} {reason}")),
            }
        }
    }

    fn note(&mut self, frame: &Value) -> Result<(), String> {
        let number = |name: &str| frame.get(name).and_then(Value::as_u64).unwrap_or(0);
        let last = self.last.entry(self.on.clone()).or_default();
        let (first, end) = match frame.get("type").and_then(Value::as_str) {
            Some("welcome") => {
                *last = number("resume_from").saturating_sub(1);
                return Ok(());
            }
            Some("message") => (number("seq"), number("seq")),
            Some("skipped") => (number("from"), number("to")),
            _ => return Ok(()),
        };
        if first != *last + 1 || end < first {
            return Err(format!("{frame} follows {last}"));
        }
        *last = end;
        Ok(())
    }

    fn say(&mut self, said: Said) -> Result<(), String> {
        self.host.say(&self.on, said)
    }

    fn holds(&mut self, pattern: &Value, value: &Value) -> Result<(), String> {
        self.bound.matches(pattern, value).map_err(|error| format!("{value}: {error}"))
    }

    fn fill(&self, template: &Value) -> Result<Value, String> {
        self.bound.fill(template).map_err(|error| error.to_string())
    }

    fn write(&self, text: &str) -> Result<String, String> {
        self.bound.write(text).map_err(|error| error.to_string())
    }
}

/// Bytes out of hex.
///
/// # Errors
/// When it is none.
pub fn unhex(hex: &Value) -> Result<Vec<u8>, String> {
    let hex = hex.as_str().ok_or("no hex")?;
    let byte = |at: usize| hex.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..hex.len().div_ceil(2)).map(|at| byte(at).ok_or_else(|| format!("not hex: {hex}"))).collect()
}
