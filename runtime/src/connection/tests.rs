//! Over real sockets on loopback.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rolecall_wire::close;
use rolecall_wire::frame::Network;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;
use crate::config::{Sources, StoreKind};
use crate::gateway;
use crate::model::{CallLimits, Rehearsal};

const PATIENCE: Duration = Duration::from_secs(20);
const ROLE: &str = "role clerk { version 1.0.0 language en persona \"A clerk\" \
                    constraints { max_sentences 3 { on_violation truncate } } \
                    heartbeat { timeout 40s  base { 3g 12s } } }";

/// A server on a port of its own.
struct House {
    app: Arc<App>,
    address: SocketAddr,
    _folder: TempDir,
}

impl House {
    async fn open() -> Self {
        Self::with_tokens_for(Duration::from_secs(3_600)).await
    }

    /// One whose tokens live so long.
    async fn with_tokens_for(lifetime: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let contracts = folder.path().join("contracts");
        std::fs::create_dir(&contracts).unwrap();
        std::fs::write(contracts.join("clerk.role"), ROLE).unwrap();
        let walker = ROLE.replace("role clerk", "role walker").replace("base { 3g 12s }", "mode adaptive");
        std::fs::write(contracts.join("walker.role"), walker).unwrap();
        let sources = Sources { directory: folder.path().to_owned(), ..Sources::default() };
        let mut config = sources.resolve().unwrap().config;
        config.contracts = contracts;
        config.plugins = folder.path().join("plugins");
        config.data = folder.path().join("data");
        config.store = StoreKind::Memory;
        config.token_ttl = lifetime;
        let model = Arc::new(Rehearsal::new(Duration::from_millis(1), CallLimits::default()));
        let (app, _report) = App::with_model(config, model).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        app.shutdown.spawn(gateway::serve(listener, app.clone()));
        Self { app, address, _folder: folder }
    }

    async fn token(&self) -> String {
        self.token_for("clerk").await
    }

    async fn token_for(&self, role: &str) -> String {
        let created = self.app.sessions.create(role, "u").await.unwrap();
        self.app.tokens.issue(&created.id, role, created.epoch).unwrap()
    }

    async fn connect(&self, query: &str, token: &str) -> Result<Client, Error> {
        let mut request = format!("ws://{}/v1/session{query}", self.address).into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        headers.insert("sec-websocket-protocol", "rolecall.json.v1".parse().unwrap());
        let (socket, response) = timeout(PATIENCE, connect_async(request)).await.expect("the server answers")?;
        assert_eq!(response.headers()["sec-websocket-protocol"], "rolecall.json.v1");
        Ok(Client(socket))
    }

    /// Ends in order. Fails when a task is left.
    async fn end(self) {
        assert!(self.app.shutdown.finish(PATIENCE).await, "every task ends");
        assert!(self.app.metrics.render().unwrap().contains("\ntasks_live 0\n"));
    }

    fn counted(&self, line: &str) -> bool {
        self.app.metrics.render().unwrap().lines().any(|metric| metric == line)
    }
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    /// The next frame, control frames left out.
    async fn frame(&mut self) -> Value {
        loop {
            match self.message().await {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next frame of a type.
    async fn of(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    async fn message(&mut self) -> Message {
        timeout(PATIENCE, self.0.next()).await.expect("something comes").expect("the socket lives").unwrap()
    }

    /// Reads to the close and gives its code.
    async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(Some(frame)) = self.message().await {
                return frame.code.into();
            }
        }
    }

    async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }
}

fn refused(outcome: Result<Client, Error>) -> (u16, String) {
    let Err(Error::Http(response)) = outcome else { panic!("upgraded") };
    let body: Value = serde_json::from_slice(response.body().as_ref().unwrap()).unwrap();
    (response.status().as_u16(), body["error"]["code"].as_str().unwrap().to_owned())
}

// Fails when frames come out of order, a drop loses or repeats a message, or a place is misread.
#[tokio::test]
async fn a_reply_streams_and_resumes_behind_what_was_read() {
    let house = House::open().await;
    let token = house.token().await;
    let mut client = house.connect("?network=4g", &token).await.unwrap();
    let welcome = client.frame().await;
    assert_eq!(
        (&welcome["type"], &welcome["resume_from"], &welcome["next_seq"]),
        (&json!("welcome"), &json!(1), &json!(1))
    );
    // 4G as the protocol has it, the timeout as the contract does.
    assert_eq!((&welcome["heartbeat_ms"], &welcome["timeout_ms"]), (&json!(8_000), &json!(40_000)));
    assert_eq!(client.frame().await, json!({"type": "resumed", "from": 1, "to": 0}));
    client.send(json!({"type": "send", "id": "a", "client_seq": 1, "text": "Where is my order?"})).await;
    let accepted = client.of("accepted").await;
    assert_eq!((&accepted["seq"], &accepted["duplicate"]), (&json!(1), &json!(false)));
    let mut seen = BTreeSet::new();
    let first = client.of("message").await["seq"].as_u64().unwrap();
    (1..=first).for_each(|seq| assert!(seen.insert(seq)));
    drop(client);

    let mut client = house.connect(&format!("?last_seq={first}&epoch=1"), &token).await.unwrap();
    let welcome = client.frame().await;
    assert_eq!((&welcome["resume_from"], &welcome["client_seq"]), (&json!(first + 1), &json!(1)));
    let end = loop {
        let message = client.of("message").await;
        assert!(seen.insert(message["seq"].as_u64().unwrap()), "twice: {message}");
        if message["body"]["kind"] == "reply" {
            break message["seq"].as_u64().unwrap();
        }
    };
    assert_eq!(seen.len() as u64, end, "nothing is missing");
    client.send(json!({"type": "ack", "seq": end})).await;
    client.send(json!({"type": "beat", "ack": end, "sent_ms": 7, "network": null})).await;
    assert_eq!(client.of("beat").await["echo_ms"], 7);
    assert!(house.counted("resume_total{outcome=\"resumed\"} 1"));
    assert!(house.counted("resume_total{outcome=\"fresh\"} 1"));
    assert!(house.counted("sessions{state=\"attached\"} 1"));
    house.end().await;
}

// Fails when a bad upgrade is let in, or refused in another shape than the API's.
#[tokio::test]
async fn bad_upgrades_are_http_errors() {
    let house = House::open().await;
    let token = house.token().await;
    assert_eq!(refused(house.connect("", "a.b.c").await), (401, "token_invalid".into()));
    assert_eq!(refused(house.connect("?last_seq=x", &token).await), (400, "invalid_query".into()));
    assert_eq!(refused(house.connect("?last_seq=99999999", &token).await), (400, "last_seq_impossible".into()));
    let stranger = SessionId::random().unwrap();
    let stale = house.app.tokens.issue(&stranger, "clerk", 1).unwrap();
    assert_eq!(refused(house.connect("", &stale).await), (404, "session_not_found".into()));
    assert!(house.counted("sessions{state=\"attached\"} 0") || !house.counted("sessions{state=\"attached\"} 1"));
    house.end().await;
}

// Fails when a peer's fault goes on, ends without its code, or ends other connections.
#[tokio::test]
async fn faults_close_with_their_code() {
    let house = House::open().await;
    let token = house.token().await;
    let mut broken = house.connect("", &token).await.unwrap();
    broken.0.send(Message::text("not json")).await.unwrap();
    assert_eq!(broken.closed().await, close::BAD_FRAME);
    let mut binary = house.connect("", &token).await.unwrap();
    binary.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(binary.closed().await / 100, 43);
    let mut large = house.connect("", &token).await.unwrap();
    large.0.send(Message::text("x".repeat(300 * 1_024))).await.unwrap();
    assert_eq!(large.closed().await, close::TOO_LARGE);
    let mut ahead = house.connect("", &token).await.unwrap();
    ahead.of("resumed").await;
    ahead.send(json!({"type": "ack", "seq": 9})).await;
    assert_eq!(ahead.closed().await, close::PROTOCOL);
    let mut old = house.connect("", &token).await.unwrap();
    old.of("resumed").await;
    let mut new = house.connect("", &token).await.unwrap();
    assert_eq!(old.closed().await, close::REPLACED);
    new.of("resumed").await;
    assert!(house.counted("close_total{code=\"4304\"} 1"));
    house.end().await;
}

// Fails when clients are cut off without being told that the server comes back, or a task outlives it.
#[tokio::test]
async fn a_shutdown_tells_clients_to_come_back() {
    let house = House::open().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = house.connect("", &house.token().await).await.unwrap();
        client.of("resumed").await;
        client.send(json!({"type": "send", "id": "a", "client_seq": 1, "text": "Where is my order?"})).await;
        client.of("accepted").await;
        clients.push(client);
    }
    let app = house.app.clone();
    let ending = app.shutdown.finish(PATIENCE);
    let reading = async {
        for client in &mut clients {
            assert!(client.of("goaway").await["after_ms"].as_u64().unwrap() < 2_000);
            assert_eq!(client.closed().await, close::RESTART);
        }
    };
    let (ended, ()) = tokio::join!(ending, reading);
    assert!(ended);
    assert!(house.counted("tasks_live 0"));
    assert!(house.counted("sessions{state=\"detached\"} 0") && house.counted("sessions{state=\"attached\"} 0"));
}

// Fails when a contract's heartbeat does not reach its connections.
#[tokio::test]
async fn a_contract_sets_the_heartbeat() {
    let house = House::open().await;
    let token = house.token().await;
    let mut client = house.connect("?network=3g", &token).await.unwrap();
    let welcome = client.frame().await;
    assert_eq!((&welcome["heartbeat_ms"], &welcome["timeout_ms"]), (&json!(12_000), &json!(40_000)));
}

// Fails when a contract's mode does not reach the machine, or what one connection knew of its link is not there for
// the next.
#[tokio::test]
async fn a_learned_heartbeat_follows_the_session() {
    let house = House::open().await;
    let token = house.token_for("walker").await;
    let mut client = house.connect("?network=3g", &token).await.unwrap();
    // The table would say 15 s, and 12 s for the clerk.
    let first = client.of("welcome").await["heartbeat_ms"].as_u64().unwrap();
    assert!((5_000..=20_000).contains(&first) && first != 12_000, "{first}");
    let sid = house.app.tokens.verify(&token).unwrap().sid;
    let hello = Hello { token: token.clone(), network: Network::ThreeG, ..Hello::default() };
    drop(client);
    let lessons = house.app.sessions.attach(&sid, &hello, 0).await.unwrap().lessons.clone();
    let learned = serde_json::from_str(r#"{"3g": {"interval_ms": 9000, "proven_ms": 9000}}"#).unwrap();
    lessons.set(learned);
    let mut client = house.connect("?network=3g", &token).await.unwrap();
    let second = client.of("welcome").await["heartbeat_ms"].as_u64().unwrap();
    assert!(second <= 9_000 && second < first, "{first}, then {second}");
    drop(client);
    house.end().await;
}

// Fails when a newer token is for another session or role than the one that answers, whatever role the first token named.
#[tokio::test]
async fn a_newer_token_is_for_the_session_that_answers() {
    let house = House::with_tokens_for(Duration::from_secs(2)).await;
    let created = house.app.sessions.create("walker", "u").await.unwrap();
    let token = house.app.tokens.issue(&created.id, "clerk", created.epoch).unwrap();
    let mut client = house.connect("?refresh=true", &token).await.unwrap();
    assert_eq!(client.of("welcome").await["role"], "walker");
    let newer = client.of("token").await;
    let claims = house.app.tokens.verify(newer["token"].as_str().unwrap()).unwrap();
    assert_eq!((&claims.sid, claims.role.as_str(), claims.generation), (&created.id, "walker", 1));
    drop(client);
    house.end().await;
}
