//! The real client over real sockets, to which a case plays the server.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use rolecall_client::{Advice, Body, Client, Encoding, Event, Saved, Session};
use rolecall_conformance::{Answer, Bindings, ClientCase, ClientStep, Do, unhex};
use rolecall_wire::frame::{ClientFrame, ServerFrame};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};

use crate::far::{FarServer, Payload};

/// How long anything expected may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// The end of the stream.
const GONE: &str = "the client is gone";

/// How long nothing must come where nothing may. A client that does what it must not does it at once.
const QUIET: Duration = Duration::from_millis(300);

/// How long a client that must stay away is waited for: far longer than its first delay.
const AWAY: Duration = Duration::from_secs(3);

/// Whether a case asks only for what this client lets an application do and see: it numbers and names what is sent by
/// itself, and takes for processed what it has handed out.
pub(crate) fn applies(steps: &[ClientStep]) -> bool {
    steps.iter().all(|step| match step {
        ClientStep::Do(Do::Send { .. } | Do::Processed(_) | Do::Migrate)
        | ClientStep::Wait(_)
        | ClientStep::Opens { answer: Answer::Nothing, .. } => false,
        ClientStep::Repeat { steps, .. } => applies(steps),
        _ => true,
    })
}

struct Room {
    listener: TcpListener,
    session: Session,
    encoding: Encoding,
    /// What is opposite to the client on this connection.
    server: FarServer,
    socket: Option<WebSocketStream<TcpStream>>,
    /// What the server closed this connection with.
    closed_with: Option<u16>,
    bound: Bindings,
}

/// Plays a case to a client of its own.
pub(crate) async fn run(case: &ClientCase, encoding: Encoding) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut position = json!({
        "session_id": "s_1", "token": "t_1", "last_seq": 0, "epoch": 0, "next_client_seq": 1, "unaccepted": [],
    });
    for (name, value) in case.position.iter().filter_map(Value::as_object).flatten() {
        position[name] = value.clone();
    }
    let to = listener.local_addr()?;
    let saved = Saved { ws_url: format!("ws://{to}/v1/session"), position: serde_json::from_value(position)? };
    let session = Client::builder(format!("http://{to}")).encoding(encoding).build()?.resume(saved)?;
    let mut room = Room {
        listener,
        session,
        encoding,
        server: FarServer::new(encoding),
        socket: None,
        closed_with: None,
        bound: Bindings::default(),
    };
    let mut played = room.steps(&case.steps).await;
    if played.is_ok() {
        played = room.nothing_is_left().await.context("at the end");
    }
    room.session.close().await;
    played
}

impl Room {
    async fn steps(&mut self, steps: &[ClientStep]) -> Result<()> {
        for (at, step) in steps.iter().enumerate() {
            if let ClientStep::Repeat { times, steps } = step {
                for i in 1..=*times {
                    self.bound.bind("i", i);
                    Box::pin(self.steps(steps)).await.with_context(|| format!("round {i}"))?;
                }
                continue;
            }
            let done = timeout(PATIENCE, self.step(step)).await;
            done.unwrap_or_else(|_| bail!("nothing comes")).with_context(|| format!("step {}", at + 1))?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &ClientStep) -> Result<()> {
        match step {
            ClientStep::Live(fields) => self.live(fields).await,
            // That it comes in time, and not too early, is asked in virtual time: this machine may be busy.
            ClientStep::Opens { hello, answer, within_ms: _ } => self.opens(hello, answer).await,
            ClientStep::Tell(frame) => {
                let frame = self.bound.fill(frame)?;
                self.tell(frame).await
            }
            ClientStep::TellRaw(hex) => {
                let bytes = unhex(&self.bound.fill(hex)?).map_err(|error| anyhow!(error))?;
                self.send(Message::binary(bytes)).await
            }
            ClientStep::TellText(text) => {
                let text = self.bound.fill(text)?;
                self.send(Message::text(text.as_str().context("no text")?)).await
            }
            ClientStep::Ping(hex) => {
                let payload = unhex(&self.bound.fill(hex)?).map_err(|error| anyhow!(error))?;
                self.send(Message::Ping(payload.into())).await
            }
            ClientStep::Close(code) => self.close(code).await,
            ClientStep::Cut => {
                self.socket = None;
                Ok(())
            }
            ClientStep::Do(Do::Cancel(turn)) => Ok(self.session.cancel(*turn).await?),
            ClientStep::Do(Do::Network(network)) => {
                Ok(self.session.set_network(serde_json::from_value(network.clone())?).await?)
            }
            ClientStep::Do(Do::Close) => {
                self.session.close().await;
                Ok(())
            }
            ClientStep::Says(pattern) => self.says(pattern).await,
            ClientStep::Shows(pattern) => self.shows(pattern).await,
            ClientStep::Closes(pattern) => self.closes(pattern).await,
            ClientStep::Silence => self.nothing_is_left().await,
            ClientStep::StaysAway => {
                let event = self.session.next_event().await;
                ensure!(event.is_none(), "it is not over: {event:?}");
                let came = timeout(AWAY, self.listener.accept()).await;
                ensure!(came.is_err(), "it comes back: {came:?}");
                Ok(())
            }
            ClientStep::Repeat { .. } | ClientStep::Wait(_) | ClientStep::Do(_) => bail!("not played to this client"),
        }
    }

    async fn live(&mut self, fields: &Value) -> Result<()> {
        let mut welcome = json!({
            "type": "welcome", "session_id": "s_1", "role": "r", "epoch": 1, "next_seq": 1, "resume_from": 1,
            "client_seq": 0, "heartbeat_ms": 10_000, "timeout_ms": 30_000,
        });
        for (name, value) in self.bound.fill(fields)?.as_object().into_iter().flatten() {
            welcome[name] = value.clone();
        }
        let (from, next) = (welcome["resume_from"].as_u64().context("no resume_from")?, welcome["next_seq"].as_u64());
        self.opens(&Value::Null, &Answer::Accept).await?;
        self.tell(welcome).await?;
        self.shows(&json!({"event": "connected"})).await?;
        if next == Some(from) {
            self.tell(json!({"type": "resumed", "from": from, "to": from - 1})).await?;
            self.shows(&json!({"event": "caught_up"})).await?;
        }
        Ok(())
    }

    async fn opens(&mut self, hello: &Value, answer: &Answer) -> Result<()> {
        let (stream, _) = self.listener.accept().await?;
        let status = match answer {
            Answer::Gone | Answer::Nothing => return Ok(()),
            Answer::Accept => None,
            Answer::Refuse(status) => {
                Some(self.bound.fill(status)?.as_u64().and_then(|n| u16::try_from(n).ok()).context("no status")?)
            }
        };
        let mut presented = Value::Null;
        (self.server, self.closed_with) = (FarServer::new(self.encoding), None);
        let offered = self.encoding.subprotocol();
        #[allow(clippy::result_large_err, reason = "the type of the WebSocket library")]
        let answered = |request: &Request, mut response: Response| {
            presented = present(request);
            match status {
                Some(status) => {
                    let mut refusal = ErrorResponse::new(None);
                    *refusal.status_mut() = status.try_into().unwrap_or_default();
                    Err(refusal)
                }
                None => {
                    response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(offered));
                    Ok(response)
                }
            }
        };
        let opened = tokio_tungstenite::accept_hdr_async(stream, answered).await;
        if !hello.is_null() {
            self.bound.matches(hello, &presented)?;
        }
        self.socket = match (opened, status) {
            (Ok(socket), None) => Some(socket),
            (Err(_), Some(_)) => None,
            (opened, _) => bail!("the handshake went otherwise: {:?}", opened.err()),
        };
        Ok(())
    }

    async fn tell(&mut self, frame: Value) -> Result<()> {
        let frame: ServerFrame = serde_json::from_value(frame)?;
        let message = match self.server.say(&frame)? {
            Payload::Binary(bytes) => Message::Binary(bytes),
            Payload::Text(text) => Message::text(text),
        };
        self.send(message).await
    }

    async fn send(&mut self, message: Message) -> Result<()> {
        Ok(self.socket.as_mut().context("no connection")?.send(message).await?)
    }

    async fn close(&mut self, code: &Value) -> Result<()> {
        let code = self.bound.fill(code)?.as_u64().and_then(|code| u16::try_from(code).ok()).context("no code")?;
        self.closed_with = Some(code);
        // Two stand for what was not said, and are never sent.
        match code {
            1005 => self.send(Message::Close(None)).await,
            1006 => {
                self.socket = None;
                Ok(())
            }
            code => self.send(Message::Close(Some(CloseFrame { code: code.into(), reason: "".into() }))).await,
        }
    }

    /// The next frame of the client, or the code that it closes with. Acknowledgements go out by themselves here.
    async fn hear(&mut self, beats: bool) -> Result<Result<Value, u16>> {
        let socket = self.socket.as_mut().context("no connection")?;
        loop {
            let message = match socket.next().await.context(GONE)?? {
                Message::Binary(bytes) => Payload::Binary(bytes),
                Message::Text(text) => Payload::Text(text.to_string()),
                Message::Close(close) => return Ok(Err(close.map_or(1005, |close| close.code.into()))),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            match self.server.hear(message).map_err(|fault| anyhow!(fault))? {
                ClientFrame::Ack { .. } => {}
                ClientFrame::Beat { .. } if !beats => {}
                frame => return Ok(Ok(serde_json::to_value(frame)?)),
            }
        }
    }

    /// It neither says nor shows anything that no step has asked for.
    async fn nothing_is_left(&mut self) -> Result<()> {
        if let Ok(Some(event)) = timeout(QUIET, self.session.next_event()).await {
            bail!("it shows {:?}", shown(event)?);
        }
        if self.socket.is_some()
            && let Ok(said) = timeout(QUIET, self.hear(false)).await
        {
            // Whoever has closed is gone; and a close is echoed. What cannot be read is no end.
            match said {
                Err(error) if error.is::<WebSocketError>() || error.to_string() == GONE => {}
                Err(error) => return Err(error),
                Ok(Err(code)) if self.closed_with == Some(code) => {}
                Ok(said) => bail!("it says {said:?}"),
            }
        }
        Ok(())
    }

    async fn says(&mut self, pattern: &Value) -> Result<()> {
        match self.hear(pattern["type"] == "beat").await? {
            Ok(frame) => Ok(self.bound.matches(pattern, &frame)?),
            Err(code) => bail!("it closes with {code}"),
        }
    }

    async fn closes(&mut self, pattern: &Value) -> Result<()> {
        match self.hear(false).await? {
            Ok(frame) => bail!("it says {frame}"),
            Err(code) => Ok(self.bound.matches(pattern, &json!({"code": code}))?),
        }
    }

    async fn shows(&mut self, pattern: &Value) -> Result<()> {
        let event = self.session.next_event().await.context("it has ended")?;
        let (event, mut pattern) = (shown(event)?, pattern.clone());
        if event["event"] == "message" && event["at_ms"].is_null() {
            // A piece of a reply is handed out without its time.
            pattern.as_object_mut().context("no pattern")?.remove("at_ms");
        }
        self.bound.matches(&pattern, &event).with_context(|| format!("it shows {event}"))
    }
}

/// What an upgrade presents.
fn present(request: &Request) -> Value {
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    match rolecall_wire::upgrade::hello(request.uri().query().unwrap_or_default(), authorization, []) {
        Ok(hello) => json!(hello),
        Err(fault) => json!(fault.to_string()),
    }
}

fn shown(event: Event) -> Result<Value> {
    Ok(match event {
        Event::Connected { role, resumed, from, gap } => {
            json!({"event": "connected", "role": role, "resumed": resumed, "from": from, "missed": gap})
        }
        Event::CaughtUp { from, to } => json!({"event": "caught_up", "from": from, "to": to}),
        Event::ReplyDelta { seq, turn, text } => {
            json!({"event": "message", "seq": seq, "turn": turn, "body": Body::Delta { text }})
        }
        Event::Message(message) => {
            let mut shown = serde_json::to_value(message)?;
            shown["event"] = "message".into();
            shown
        }
        Event::Accepted { id, seq } => json!({"event": "accepted", "id": id, "seq": seq}),
        Event::Disconnected { code, .. } => json!({"event": "disconnected", "code": code}),
        Event::TokenRenewed => json!({"event": "token"}),
        Event::EpochChanged { from, to } => json!({"event": "epoch_changed", "from": from, "to": to}),
        Event::Skipped { from, to } => json!({"event": "skipped", "from": from, "to": to}),
        Event::Error { code, id: Some(id), .. } => json!({"event": "refused", "id": id, "code": code}),
        Event::Error { code, .. } => json!({"event": "error", "code": code}),
        Event::Ended { code, advice, .. } => {
            let advice = match advice {
                Advice::Resume => "resume",
                Advice::Reauthenticate => "reauthenticate",
                Advice::RetryLater => "later",
                Advice::Stop => "stop",
            };
            json!({"event": "ended", "code": code, "advice": advice})
        }
        other => bail!("an event that the cases do not know: {other:?}"),
    })
}
