//! Sessions where no WebSocket gets through: events and polling have the same guarantees, and a session moves
//! between them in the middle of a reply.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_client::{Body, Client, Encoding, Event, Session, Transport};
use rolecall_tests::api;
use rolecall_tests::clock::{Dice, PATIENCE};
use rolecall_tests::http::Request;
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const OVER_HTTP: [Transport; 2] = [Transport::Events, Transport::Poll];

/// A reply of pieces slow enough to be hit in the middle.
fn story(round: u64, gap_ms: u64) -> String {
    let pieces = (0..20).map(|part| format!("第{round}回之{part}，且听下文分解。")).collect();
    directive(&[Script { pieces, gap_ms, ..Script::default() }])
}

async fn session(to: SocketAddr, transport: Transport) -> Result<Session> {
    let client = Client::builder(format!("http://{to}")).encoding(Encoding::JsonV1).transport(transport).build()?;
    Ok(client.create_session("storyteller").await?)
}

/// What came in: every message once, in order.
#[derive(Default)]
struct Heard {
    last: u64,
    deltas: String,
    replies: u64,
    disconnects: u64,
}

impl Heard {
    /// Notes the next event, and says whether it ends a reply.
    async fn next(&mut self, session: &Session) -> Result<bool> {
        let event = timeout(PATIENCE, session.next_event()).await.context("nothing came")?.context("it ended")?;
        if let Some(seq) = event.seq() {
            ensure!(seq == self.last + 1, "{seq} behind {}", self.last);
            self.last = seq;
        }
        match event {
            Event::ReplyDelta { text, .. } => self.deltas.push_str(&text),
            Event::Message(message) => match message.body {
                Body::Reply { text, .. } => {
                    ensure!(text == self.deltas, "{text} is not what was heard: {}", self.deltas);
                    self.deltas.clear();
                    self.replies += 1;
                    return Ok(true);
                }
                Body::User { .. } | Body::Delta { .. } | Body::Delivery { .. } => {}
            },
            Event::Disconnected { .. } => self.disconnects += 1,
            Event::Ended { code, reason, .. } => bail!("ended with {code}: {reason}"),
            _ => {}
        }
        Ok(false)
    }
}

// Fails when a conversation does not work over HTTP alone, or its replies are not whole and in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_needs_no_websocket() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let server = Server::start(Options::upstream(&upstream.url())).await?;
    let proxy = without_websockets(server.address(), b"").await?;
    for transport in OVER_HTTP {
        let session = session(proxy, transport).await?;
        let mut heard = Heard::default();
        for round in 0..3 {
            session.send(&story(round, 1)).await.with_context(|| format!("{transport:?}"))?;
            while !heard.next(&session).await.with_context(|| format!("{transport:?}"))? {}
        }
        session.close().await;
        ensure!(heard.replies == 3, "{transport:?}: {} replies", heard.replies);
        ensure!(heard.disconnects == 0, "{transport:?}: {} disconnects", heard.disconnects);
    }
    Ok(())
}

// Fails when a session that moves between transports, or loses its connection, at any moment of a reply loses,
// repeats or reorders anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_moves_between_transports_in_the_middle_of_a_reply() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let server = Server::start(Options::upstream(&upstream.url())).await?;
    let seed = server::entropy();
    server::show("seed of the moves", &seed.to_string());
    let mut dice = Dice::new(seed);
    let session = session(server.address(), Transport::WebSocket).await?;
    let (mut heard, mut moves) = (Heard::default(), 0);
    for round in 0..12 {
        session.send(&story(round, 4)).await?;
        while !heard.next(&session).await? {
            match dice.below(60) {
                0..5 => session.set_transport(Transport::WebSocket).await?,
                5..10 => session.set_transport(Transport::Events).await?,
                10..15 => session.set_transport(Transport::Poll).await?,
                // Each of these is followed by a delay, which grows.
                15 => session.drop_connection().await?,
                _ => continue,
            }
            moves += 1;
        }
    }
    ensure!(moves >= 20, "only {moves} moves");
    ensure!(heard.replies == 12, "{} replies", heard.replies);
    session.close().await;
    Ok(())
}

/// A middlebox that lets HTTP through, and answers whoever asks for a WebSocket so before it cuts him off.
#[allow(clippy::disallowed_methods, reason = "the tasks end with the test's runtime")]
async fn without_websockets(to: SocketAddr, answer: &'static [u8]) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    let mut piece = [0; 1_024];
                    match client.read(&mut piece).await {
                        Ok(read @ 1..) => head.extend_from_slice(piece.get(..read).unwrap_or_default()),
                        _ => return,
                    }
                }
                if String::from_utf8_lossy(&head).to_ascii_lowercase().contains("upgrade: websocket") {
                    let _gone = client.write_all(answer).await;
                    return;
                }
                let Ok(mut server) = TcpStream::connect(to).await else { return };
                if server.write_all(&head).await.is_ok() {
                    let _ended = copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    Ok(address)
}

// Fails when a client that may choose does not find the way that is open.
#[tokio::test(flavor = "multi_thread")]
async fn auto_finds_the_way_that_is_open() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let server = Server::start(Options::upstream(&upstream.url())).await?;
    let refusal = b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for answer in [b"".as_slice(), refusal] {
        let proxy = without_websockets(server.address(), answer).await?;
        let session = session(proxy, Transport::Auto).await?;
        let mut heard = Heard::default();
        session.send(&story(0, 1)).await?;
        while !heard.next(&session).await? {}
        ensure!(heard.disconnects >= 2, "the WebSocket was not even tried");
        session.close().await;
    }
    Ok(())
}

async fn call(to: SocketAddr, method: &str, path: &str, token: &str, body: Option<&Value>) -> Result<(u16, Value)> {
    let mut request = Request::new(method, path).bearer(token);
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string().into_bytes());
    }
    let response = request.send(to).await?;
    Ok((response.status, response.json().unwrap_or(Value::Null)))
}

// Fails when a frame reaches a connection of another session, when what is wrong is not named, when a newer poll
// does not end an older one, or when the end of a connection is not told.
#[tokio::test(flavor = "multi_thread")]
async fn polling_by_hand() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let server = Server::start(Options::upstream(&upstream.url())).await?;
    let to = server.address();
    let (mine, other) = (api::create(to, "storyteller").await?, api::create(to, "storyteller").await?);
    let (status, opened) = call(to, "POST", "/v1/session/poll?last_seq=0", &mine.token, None).await?;
    ensure!(status == 201, "{status} {opened}");
    let id = opened["connection"].as_str().context("no name")?;
    let path = format!("/v1/session/poll?connection={id}&wait_ms=20000");
    let (status, batch) = call(to, "GET", &path, &mine.token, None).await?;
    ensure!(status == 200 && batch["frames"][0]["type"] == "welcome", "{batch}");

    for (method, path, token, body, expected, code) in [
        ("GET", path.as_str(), &other.token, None, 404, "no_connection"),
        ("GET", "/v1/session/poll?connection=c_nobody", &mine.token, None, 404, "no_connection"),
        ("GET", "/v1/session/poll", &mine.token, None, 400, "invalid_query"),
        (
            "POST",
            &format!("/v1/session/frames?connection={id}"),
            &other.token,
            Some(json!({"type": "ack", "seq": 0})),
            404,
            "no_connection",
        ),
        ("POST", &format!("/v1/session/frames?connection={id}"), &mine.token, Some(json!([])), 400, "bad_frames"),
        ("POST", "/v1/heartbeat", &mine.token, Some(json!({"connection": "c_nobody"})), 404, "no_connection"),
        ("POST", "/v1/session/poll", &"no.such.token".to_owned(), None, 401, "token_invalid"),
    ] {
        let (status, answer) = call(to, method, path, token, body.as_ref()).await?;
        ensure!(status == expected && answer["error"]["code"] == code, "{method} {path}: {status} {answer}");
    }

    // Whatever the handshake left is taken first.
    let brief = format!("/v1/session/poll?connection={id}&wait_ms=100");
    while !call(to, "GET", &brief, &mine.token, None).await?.1["frames"].as_array().is_none_or(Vec::is_empty) {}
    let older = call(to, "GET", &path, &mine.token, None);
    let newer = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        call(to, "GET", &path, &mine.token, None).await
    };
    let beat = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        let beat = json!({"connection": id, "ack": 0, "sent_ms": 77, "network": "3g"});
        call(to, "POST", "/v1/heartbeat", &mine.token, Some(&beat)).await
    };
    let (older, newer, beat) = tokio::join!(older, newer, beat);
    ensure!(older?.1["frames"] == json!([]), "the older one takes nothing");
    ensure!(beat?.0 == 202, "the beat is taken");
    let (_, newer) = newer?;
    ensure!(newer["frames"][0]["type"] == "beat" && newer["frames"][0]["echo_ms"] == 77, "{newer}");
    ensure!(newer["frames"][0]["heartbeat_ms"] == 15_000, "the network is heard: {newer}");

    let bad = json!({"type": "ack", "seq": 99});
    ensure!(call(to, "POST", &format!("/v1/session/frames?connection={id}"), &mine.token, Some(&bad)).await?.0 == 202);
    let (_, end) = call(to, "GET", &path, &mine.token, None).await?;
    ensure!(end["close"]["code"] == 4300, "{end}");
    // Its answer may have got lost.
    let (_, again) = call(to, "GET", &path, &mine.token, None).await?;
    ensure!(again["close"]["code"] == 4300, "{again}");
    what_is_no_frame(to, &mine.token).await
}

/// What is JSON and no frame is refused by the very request that says it, and ends the connection.
async fn what_is_no_frame(to: SocketAddr, token: &str) -> Result<()> {
    let (_, opened) = call(to, "POST", "/v1/session/poll", token, None).await?;
    let id = opened["connection"].as_str().context("no name")?;
    let frames = json!([{"type": "ack", "seq": 0}, {"type": "shout"}]);
    let path = format!("/v1/session/frames?connection={id}");
    let (status, refused) = call(to, "POST", &path, token, Some(&frames)).await?;
    ensure!(status == 400 && refused["error"]["code"] == "bad_frame", "{status} {refused}");
    let said = refused["error"]["message"].as_str().unwrap_or_default();
    ensure!(said.contains("item 2 of 2") && said.contains("shout"), "{said}");
    let path = format!("/v1/session/poll?connection={id}&wait_ms=5000");
    loop {
        let (status, batch) = call(to, "GET", &path, token, None).await?;
        ensure!(status == 200, "{batch}");
        if !batch["close"].is_null() {
            ensure!(batch["close"]["code"] == 4301, "{batch}");
            break;
        }
    }
    Ok(())
}

// Fails when a reply of many small pieces counts as a flood for being polled for, or comes piece by piece.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_reply_is_no_flood() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let server = Server::start(Options::upstream(&upstream.url())).await?;
    let pieces = (0..900).map(|part| format!("第{part}句。")).collect();
    let long = directive(&[Script { pieces, gap_ms: 3, ..Script::default() }]);
    for transport in OVER_HTTP {
        let session = session(server.address(), transport).await?;
        let mut heard = Heard::default();
        session.send(&long).await?;
        while !heard.next(&session).await? {}
        ensure!(heard.disconnects == 0, "{transport:?}: {} disconnects", heard.disconnects);
        session.close().await;
    }
    Ok(())
}
