//! rolecall's own HTTP calls, and a client that plays a whole session.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::http::{self, Request, Response};
use crate::ledger::Ledger;
use crate::ws::{self, Arrival, Hello, Socket};

/// A session as `POST /v1/sessions` hands it out.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Its token.
    pub token: String,
}

/// Opens a session.
///
/// # Errors
/// When it is refused.
pub async fn create(to: SocketAddr, role: &str) -> Result<Session> {
    let body = json!({"role": role, "user": "tester", "network": "4g"});
    let answer = http::post(to, "/v1/sessions", &body).await?;
    ensure!(matches!(answer.status, 200 | 201), "no session: {} {}", answer.status, answer.text());
    let answer = answer.json()?;
    let field = |name: &str| answer[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {answer}"));
    ensure!(answer["next_sequence_id"] == 1, "a new session starts at 1: {answer}");
    ensure!(field("ws_url")?.contains("/v1/session"), "no address to go on with: {answer}");
    Ok(Session { id: field("session_id")?, token: field("session_token")? })
}

/// `POST /v1/reconnect`.
///
/// # Errors
/// When the server cannot be reached.
pub async fn reconnect(to: SocketAddr, token: &str, last_seq: u64) -> Result<Response> {
    http::post(to, "/v1/reconnect", &json!({"session_token": token, "last_sequence_id": last_seq})).await
}

/// Every message of a session from a sequence id on, page by page through `GET /v1/diff`.
///
/// # Errors
/// When a page is refused, or repeats or leaves out a message.
pub async fn diff(to: SocketAddr, token: &str, from: u64) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    let mut next = from;
    loop {
        let answer = Request::new("GET", &format!("/v1/diff?from={next}")).bearer(token).send(to).await?.expect(200)?;
        let page = answer["messages"].as_array().with_context(|| format!("no messages in {answer}"))?;
        if page.is_empty() {
            return Ok(all);
        }
        for message in page {
            ensure!(message["seq"] == next, "expected {next}, got {message}");
            next += 1;
        }
        all.extend(page.iter().cloned());
    }
}

/// Posts a message for somebody who may be away.
///
/// # Errors
/// When the server cannot be reached.
pub async fn post(to: SocketAddr, session: &Session, message: &Value) -> Result<Response> {
    let path = format!("/v1/sessions/{}/messages", session.id);
    Request::post(&path, message).bearer(&session.token).send(to).await
}

/// One un-streamed or streamed chat completion, raw.
///
/// # Errors
/// When the server cannot be reached.
pub async fn complete(to: SocketAddr, role: &str, user: &str, stream: bool) -> Result<Response> {
    let body = json!({"model": role, "stream": stream, "messages": [{"role": "user", "content": user}]});
    http::post(to, "/v1/chat/completions", &body).await
}

/// A person in a session: keeps the token, the position and a ledger of everything shown, over any
/// number of connections.
#[derive(Debug)]
pub struct Person {
    to: SocketAddr,
    /// The session.
    pub session: Session,
    /// Everything shown so far.
    pub ledger: Ledger,
    /// The last `Welcome`.
    pub welcome: Value,
    client_seq: u64,
}

impl Person {
    /// Opens a session with a role.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn meet(to: SocketAddr, role: &str) -> Result<Self> {
        let session = create(to, role).await?;
        Ok(Self { to, session, ledger: Ledger::default(), welcome: Value::Null, client_seq: 0 })
    }

    /// From here on connects to another server, with the same session.
    pub fn go_to(&mut self, to: SocketAddr) {
        self.to = to;
    }

    /// Where this person would go on.
    #[must_use]
    pub fn hello(&self) -> Hello {
        Hello { last_seq: self.ledger.last_seq(), epoch: self.ledger.epoch(), ..Hello::fresh(&self.session.token) }
    }

    /// Connects where the ledger ends and takes everything missed, up to `Resumed`.
    ///
    /// # Errors
    /// When refused, or when `Resumed` does not name exactly what came before it.
    pub async fn attach(&mut self) -> Result<Socket> {
        let mut socket = ws::connect(self.to, &self.hello()).await?;
        let Arrival::Frame(welcome) = socket.next().await? else { bail!("no welcome") };
        ensure!(welcome["type"] == "welcome", "the first frame is {welcome}");
        ensure!(welcome["session_id"] == self.session.id.as_str(), "another session: {welcome}");
        self.ledger.welcome(&welcome)?;
        self.welcome = welcome;
        let before = self.ledger.last_seq();
        let ledger = &mut self.ledger;
        let resumed = socket.until("resumed", |frame| ledger.frame(frame)).await?;
        let (from, to) = (resumed["from"].as_u64(), resumed["to"].as_u64());
        let after = self.ledger.last_seq();
        if after > before {
            ensure!((from, to) == (Some(before + 1), Some(after)), "{resumed}, but {before} to {after} came");
        } else {
            ensure!(to < from, "{resumed}, but nothing came");
        }
        Ok(socket)
    }

    /// Says something new; the id is `m1`, `m2`, ….
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn say(&mut self, socket: &mut Socket, text: &str) -> Result<String> {
        self.client_seq += 1;
        let id = format!("m{}", self.client_seq);
        socket.say(self.client_seq, &id, text).await?;
        Ok(id)
    }

    /// Repeats the latest thing said, as a client does that never saw it accepted.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn repeat(&self, socket: &mut Socket, text: &str) -> Result<()> {
        socket.say(self.client_seq, &format!("m{}", self.client_seq), text).await
    }

    /// How many things were said.
    #[must_use]
    pub fn said(&self) -> u64 {
        self.client_seq
    }

    /// Reads until the reply to a message is complete in the ledger.
    ///
    /// # Errors
    /// When the connection ends first or the server reports an error.
    pub async fn hear_reply(&mut self, socket: &mut Socket, id: &str) -> Result<Value> {
        loop {
            if let Some(reply) = self.ledger.reply_to(id) {
                return Ok(reply.clone());
            }
            match socket.next().await? {
                Arrival::Frame(frame) if frame["type"] == "error" => bail!("the server says {frame}"),
                Arrival::Frame(frame) => self.ledger.frame(&frame)?,
                end => bail!("waiting for the reply to {id}: {end:?}"),
            }
        }
    }

    /// Says something and hears the whole reply.
    ///
    /// # Errors
    /// As [`hear_reply`](Self::hear_reply).
    pub async fn ask(&mut self, socket: &mut Socket, text: &str) -> Result<Value> {
        let id = self.say(socket, text).await?;
        self.hear_reply(socket, &id).await
    }

    /// Holds the ledger against the server's own log, read from its beginning.
    ///
    /// # Errors
    /// When anything was lost, duplicated, reordered or differs.
    pub async fn settle(&self) -> Result<()> {
        self.ledger.verify()?;
        let log = diff(self.to, &self.session.token, 1).await?;
        self.ledger.equals(&log)
    }
}
