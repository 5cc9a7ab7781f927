//! One session behind a WebSocket, in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rolecall_wire::frame::{Body, ClientFrame, Hello, Message, Network, Outcome, ServerFrame};
use rolecall_wire::server::{Config, Encoding, Event, Input, Server, Transmit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

pub(crate) type Ws = WebSocketStream<TcpStream>;

#[derive(Clone)]
pub(crate) struct TestServer {
    pub(crate) url: String,
    pub(crate) session: Arc<Mutex<Session>>,
    head: Arc<watch::Sender<u64>>,
}

#[derive(Default)]
pub(crate) struct Session {
    pub(crate) log: Vec<Message>,
    pub(crate) mark: u64,
    answers: Vec<u64>,
    pub(crate) acked: u64,
    pub(crate) upgrades: Vec<String>,
    /// Statuses to answer the next upgrades with.
    pub(crate) refuse: Vec<u16>,
    /// A code to close the next connection with, behind the Welcome.
    pub(crate) close_with: Option<u16>,
    /// Drop the connection before answering the next message.
    pub(crate) lose_answer: bool,
}

const PIECES: [&str; 6] = ["臣闻", "天下之势,", "岂独", "在兵?", "夫", "何待焉?"];

impl TestServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, session: Arc::default(), head: Arc::new(watch::channel(0).0) };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().serve(stream));
            }
        });
        server
    }

    pub(crate) fn commit(&self, body: Body) -> u64 {
        let mut session = self.session.lock().unwrap();
        let seq = session.log.len() as u64 + 1;
        session.log.push(Message { seq, turn: 1, at_ms: 0, body });
        drop(session);
        self.head.send_replace(seq);
        seq
    }

    #[allow(clippy::result_large_err, reason = "the callback's signature")]
    async fn serve(self, mut stream: TcpStream) {
        let mut start = [0; 4];
        stream.peek(&mut start).await.unwrap_or(0);
        if &start == b"POST" {
            return self.post(&mut stream).await;
        }
        let mut hello = None;
        let callback = |request: &Request, mut response: Response| {
            let found = self.upgrade(request)?;
            let name = http::HeaderValue::from_static(found.1.subprotocol());
            response.headers_mut().insert("sec-websocket-protocol", name);
            hello = Some(found);
            Ok(response)
        };
        let Ok(ws) = tokio_tungstenite::accept_hdr_async(stream, callback).await else { return };
        let (hello, encoding) = hello.unwrap();
        self.connection(ws, &hello, encoding).await;
    }

    async fn post(&self, stream: &mut TcpStream) {
        let mut request = vec![0; 4096];
        let n = stream.read(&mut request).await.unwrap();
        let request = String::from_utf8_lossy(&request[..n]).to_string();
        let (status, body) = if request.contains("nobody") {
            (
                "404 Not Found",
                r#"{"error":{"message":"no role nobody","type":"not_found_error","code":"unknown_role","param":null}}"#,
            )
        } else {
            (
                "201 Created",
                r#"{"session_id":"s_1","session_token":"tok.en","next_sequence_id":1,"ws_url":"/v1/session"}"#,
            )
        };
        let response = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(response.as_bytes()).await.unwrap();
    }

    #[allow(clippy::result_large_err, reason = "the callback's signature")]
    fn upgrade(&self, request: &Request) -> Result<(Hello, Encoding), ErrorResponse> {
        let mut session = self.session.lock().unwrap();
        session.upgrades.push(request.uri().to_string());
        let mut refuse = (!session.refuse.is_empty()).then(|| session.refuse.remove(0));
        if request.headers()["authorization"] != "Bearer tok.en" {
            refuse = Some(401);
        }
        if let Some(status) = refuse {
            let mut response = ErrorResponse::new(None);
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            return Err(response);
        }
        let query = request.uri().query().unwrap();
        let field = |name: &str| query.split('&').find_map(|p| p.strip_prefix(name)).unwrap().parse::<u64>().unwrap();
        let (last_seq, epoch) = (field("last_seq="), u32::try_from(field("epoch=")).unwrap());
        let protocol = request.headers()["sec-websocket-protocol"].to_str().unwrap();
        let hello = Hello { token: "tok.en".into(), last_seq, epoch, network: Network::FourG, ..Hello::default() };
        Ok((hello, Encoding::from_subprotocol(protocol).unwrap()))
    }

    async fn connection(&self, mut ws: Ws, hello: &Hello, encoding: Encoding) {
        let started = Instant::now();
        let now = move || u64::try_from(started.elapsed().as_millis()).unwrap();
        let mut machine = Server::new(Config::default(), encoding, hello, 0);
        let mut head = self.head.subscribe();
        let mut cursor = hello.last_seq;
        self.welcome(&mut machine, hello);
        self.pull(&mut machine, &mut cursor, now());
        machine.send(now(), &ServerFrame::Resumed { from: hello.last_seq + 1, to: cursor });
        loop {
            if self.work(&mut machine, &mut cursor, now()).is_err() || !flush(&mut machine, &mut ws).await {
                return;
            }
            let timeout = machine.poll_timeout().unwrap_or(u64::MAX >> 20);
            tokio::select! {
                message = ws.next() => take(&mut machine, now(), message),
                _ = head.changed() => {}
                () = tokio::time::sleep_until(started + Duration::from_millis(timeout)) => machine.handle_timeout(now()),
            }
        }
    }

    fn welcome(&self, machine: &mut Server, hello: &Hello) {
        let mut session = self.session.lock().unwrap();
        let welcome = ServerFrame::Welcome {
            session_id: "s_1".into(),
            role: "scholar".into(),
            epoch: 1,
            next_seq: session.log.len() as u64 + 1,
            resume_from: hello.last_seq + 1,
            client_seq: session.mark,
            heartbeat_ms: 0,
            timeout_ms: 0,
        };
        machine.send(0, &welcome);
        if let Some(code) = session.close_with.take() {
            machine.close(code, "as the test wants");
        }
    }

    fn pull(&self, machine: &mut Server, cursor: &mut u64, now: u64) {
        let session = self.session.lock().unwrap();
        for message in session.log.iter().skip(usize::try_from(*cursor).unwrap()) {
            machine.send(now, &ServerFrame::Message(message.clone()));
            *cursor = message.seq;
        }
    }

    /// `Err` when the connection is to be lost.
    fn work(&self, machine: &mut Server, cursor: &mut u64, now: u64) -> Result<(), ()> {
        while let Some(event) = machine.poll_event() {
            match event {
                Event::Frame(ClientFrame::Send { id, client_seq, text }) => {
                    let answer = self.take_message(id, client_seq, text)?;
                    machine.send(now, &answer);
                }
                Event::Frame(ClientFrame::Ack { seq }) => self.session.lock().unwrap().acked = seq,
                Event::Frame(ClientFrame::Cancel { turn }) => {
                    let outcome = Outcome::Cancelled;
                    self.commit(Body::Reply { text: turn.to_string(), outcome, hits: vec![] });
                }
                _ => {}
            }
        }
        self.pull(machine, cursor, now);
        Ok(())
    }

    fn take_message(&self, id: String, client_seq: u64, text: String) -> Result<ServerFrame, ()> {
        let mark = self.session.lock().unwrap().mark;
        if client_seq <= mark {
            let seq = self.session.lock().unwrap().answers[usize::try_from(client_seq).unwrap() - 1];
            return Ok(ServerFrame::Accepted { id, client_seq, seq, duplicate: true });
        }
        let code = match text.as_str() {
            _ if client_seq != mark + 1 => Some("client_seq_gap"),
            "busy" => Some("busy"),
            _ => None,
        };
        if let Some(code) = code {
            return Ok(ServerFrame::Error { code: code.into(), message: "later".into(), id: Some(id) });
        }
        let seq = self.commit(Body::User { id: id.clone(), text });
        let mut session = self.session.lock().unwrap();
        session.mark = client_seq;
        session.answers.push(seq);
        let lose = std::mem::take(&mut session.lose_answer);
        drop(session);
        tokio::spawn(self.clone().reply());
        if lose { Err(()) } else { Ok(ServerFrame::Accepted { id, client_seq, seq, duplicate: false }) }
    }

    async fn reply(self) {
        for piece in PIECES {
            self.commit(Body::Delta { text: piece.into() });
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.commit(Body::Reply { text: PIECES.concat(), outcome: Outcome::Complete, hits: vec![] });
    }
}

use tokio_tungstenite::tungstenite::{Error as WsError, Message as WsMessage};

fn take(machine: &mut Server, now: u64, message: Option<Result<WsMessage, WsError>>) {
    match message {
        Some(Ok(WsMessage::Binary(bytes))) => machine.handle_input(now, Input::Binary(&bytes)),
        Some(Ok(WsMessage::Text(text))) => machine.handle_input(now, Input::Text(&text)),
        Some(Ok(WsMessage::Pong(payload))) => machine.handle_input(now, Input::Pong(&payload)),
        Some(Ok(_)) => {}
        Some(Err(_)) | None => machine.handle_input(now, Input::Gone),
    }
}

/// `false` when the connection is over.
async fn flush(machine: &mut Server, ws: &mut Ws) -> bool {
    while let Some(transmit) = machine.poll_transmit() {
        let message = match transmit {
            Transmit::Binary(bytes) => WsMessage::Binary(bytes),
            Transmit::Text(text) => WsMessage::Text(text.into()),
            Transmit::Ping(payload) => WsMessage::Ping(payload),
            Transmit::Close { code, reason } => {
                let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
                let _ = ws.close(Some(frame)).await;
                while ws.next().await.is_some() {}
                return false;
            }
        };
        if ws.send(message).await.is_err() {
            return false;
        }
    }
    !matches!(machine.state(), rolecall_wire::server::State::Idle | rolecall_wire::server::State::Closed)
}
