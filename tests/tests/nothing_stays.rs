//! Ten thousand connections that come and go in every bad way, over every transport: what the server holds afterwards is
//! what it held before.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_tests::api::{self, Session};
use rolecall_tests::clock::{self, Dice};
use rolecall_tests::http::Request;
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::ws::{self, Arrival, Hello, Opened, Socket};
use rolecall_tests::{http, process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Connections in all. A leak of one thing in a hundred connections shows.
const CONNECTIONS: u64 = 10_000;
/// Sessions that they are made to, one at a time each.
const SESSIONS: usize = 16;
/// Sockets that are left to the server's own patience: with half a head of a request, or upgraded and dumb.
const HALF_OPEN: usize = 40;
/// How much more the process may hold in memory afterwards: the replies in the store's tables (some 4 MiB), the ends of
/// polled connections, which are kept for a minute, and what the allocator gives back late. A leak of a connection's 4 KiB
/// in each would be 40 MiB.
const GROWTH: f64 = 16.0 * 1024.0 * 1024.0;
/// How long the server may take to see the last ones off: it waits 15 s for the head of a request.
const REST: Duration = Duration::from_secs(90);

/// Sessions that fall asleep under their connections.
const SLEEPERS: i64 = 16;

/// Its connections expire soon, those that are half open too: before their sessions would sleep.
const ROLE: &str = "role storyteller {\n version 1.0.0\n language zh\n persona \"说书人。\"\n heartbeat { timeout 6s }\n \
                    constraints { max_chars 100000 }\n}\n";

/// Its connections live long enough to sleep.
const SLEEPER: &str = "role sleeper {\n version 1.0.0\n language zh\n persona \"梦中人。\"\n \
                       constraints { max_chars 100000 }\n}\n";

/// What the server holds.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    /// Tasks by the server's own count, and by the runtime's.
    tasks: (i64, i64),
    attached: i64,
    asleep: i64,
    sockets: usize,
    descriptors: usize,
    threads: usize,
    bytes: f64,
}

impl Held {
    async fn by(server: &Server) -> Result<Self> {
        let pid = server.pid()?;
        let text = http::get(server.address(), "/metrics").await?.text();
        let gauge = |name: &str| -> Result<i64> {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            Ok(line.map_or(Ok(0), str::parse)?)
        };
        ensure!(text.contains("\ntasks_live ") && text.contains("\ntasks_runtime "), "no count of tasks:\n{text}");
        Ok(Self {
            tasks: (gauge("tasks_live")?, gauge("tasks_runtime")?),
            attached: gauge("sessions{state=\"attached\"}")?,
            asleep: gauge("sessions{state=\"asleep\"}")?,
            sockets: process::sockets(pid)?,
            descriptors: process::descriptors(pid)?,
            threads: process::threads(pid)?,
            bytes: process::rss(pid)?,
        })
    }

    /// Whether this is no more than there was.
    fn is_back_at(&self, base: &Self) -> bool {
        self.tasks.0 <= base.tasks.0
            && self.tasks.1 <= base.tasks.1
            && self.attached == base.attached
            && self.asleep == base.asleep
            && self.sockets <= base.sockets
            // The store's own files come and go.
            && self.descriptors <= base.descriptors + 8
            && self.threads <= base.threads
            && self.bytes <= base.bytes + GROWTH
    }
}

/// Waits until the server holds no more than it did.
async fn rests(server: &Server, base: &Held) -> Result<Held> {
    let began = clock::now();
    loop {
        let held = Held::by(server).await?;
        if held.is_back_at(base) {
            return Ok(held);
        }
        ensure!(began.elapsed() < REST, "it holds {held:?}, before it was {base:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// A session, and how far it is with what it says.
struct Guest {
    to: SocketAddr,
    session: Session,
    dice: Dice,
    story: String,
    /// Where it is: whoever replays everything each time measures that.
    last_seq: u64,
}

impl Guest {
    /// A connection whose Welcome is read.
    async fn websocket(&mut self) -> Result<(Socket, Value)> {
        let hello = Hello { last_seq: self.last_seq, epoch: 1, ..Hello::fresh(&self.session.token) };
        let mut socket = ws::connect(self.to, &hello).await?;
        let Arrival::Frame(welcome) = socket.next().await? else { bail!("no Welcome") };
        self.last_seq = welcome["next_seq"].as_u64().context("no next_seq")? - 1;
        Ok((socket, welcome))
    }

    /// The query that opens a connection where it is.
    fn place(&self) -> String {
        format!("last_seq={}&epoch=1", self.last_seq)
    }

    /// One connection that ends in one of the bad ways.
    async fn misbehave(&mut self) -> Result<()> {
        match self.dice.below(24) {
            0..4 => self.websocket_that_is_cut().await,
            4..6 => self.websocket().await?.0.close().await,
            6..9 => self.half_a_handshake().await,
            9..12 => self.bad_token().await,
            // What is said stays, in the store's memory too: a hundred replies, so that the rest shows beside them.
            15 if self.dice.below(4) == 0 => self.cut_within_a_reply().await,
            12..17 => self.bad_frame().await,
            17..20 => self.events_that_are_cut().await,
            20..23 => self.poll_that_is_left().await,
            _ if self.dice.below(8) == 0 => self.flood().await,
            _ => self.websocket_that_is_cut().await,
        }
    }

    async fn websocket_that_is_cut(&mut self) -> Result<()> {
        let (mut socket, _) = self.websocket().await?;
        for _ in 0..self.dice.below(3) {
            socket.within(Duration::from_millis(5)).await?;
        }
        if self.dice.below(2) == 0 {
            drop(socket);
            return Ok(());
        }
        socket.cut()
    }

    /// The head of an upgrade, whole or not, and a reset.
    async fn half_a_handshake(&mut self) -> Result<()> {
        let head = upgrade(self.to, &self.session.token);
        let mut stream = TcpStream::connect(self.to).await?;
        let end = self.dice.index(head.len() + 1);
        stream.write_all(head.as_bytes().get(..end).unwrap_or_default()).await?;
        stream.set_zero_linger()?;
        Ok(())
    }

    async fn bad_token(&mut self) -> Result<()> {
        let paths =
            [("GET", "/v1/session/events?last_seq=0"), ("POST", "/v1/session/poll"), ("GET", "/v1/diff?from=1")];
        let at = self.dice.index(paths.len() + 1);
        let Some((method, path)) = paths.get(at) else {
            let opened = ws::open(self.to, &Hello::fresh("no.such.token")).await?;
            ensure!(matches!(opened, Opened::Refused { status: 401, .. }), "{opened:?}");
            return Ok(());
        };
        let answer = Request::new(method, path).bearer("no.such.token").send(self.to).await?;
        ensure!(answer.status == 401, "{path}: {}", answer.status);
        Ok(())
    }

    async fn bad_frame(&mut self) -> Result<()> {
        let (mut socket, _) = self.websocket().await?;
        let bad = ["nonsense", "{}", r#"{"type":"ack","seq":99999999}"#, r#"{"type":"goaway","after_ms":1}"#];
        socket.send_text(bad[self.dice.index(bad.len())]).await?;
        loop {
            match socket.next().await? {
                Arrival::Frame(_) => {}
                Arrival::Closed(code, _) => {
                    // A handshake that was left may attach late, and replaces this connection then.
                    ensure!(matches!(code, 4300 | 4301 | 4304), "closed with {code}");
                    return Ok(());
                }
                Arrival::Cut => return Ok(()),
            }
        }
    }

    async fn flood(&mut self) -> Result<()> {
        let (mut socket, _) = self.websocket().await?;
        let ack = json!({"type": "ack", "seq": 0});
        for _ in 0..400 {
            if socket.send(&ack).await.is_err() {
                break;
            }
        }
        drop(socket);
        Ok(())
    }

    /// Says something, and goes while it is answered.
    async fn cut_within_a_reply(&mut self) -> Result<()> {
        let (mut socket, welcome) = self.websocket().await?;
        let number = welcome["client_seq"].as_u64().context("no client_seq")? + 1;
        socket.say(number, &format!("m{number}"), &self.story).await?;
        for _ in 0..self.dice.below(8) {
            socket.within(Duration::from_millis(5)).await?;
        }
        socket.cut()
    }

    async fn events_that_are_cut(&mut self) -> Result<()> {
        let mut stream = TcpStream::connect(self.to).await?;
        let token = &self.session.token;
        let head = format!(
            "GET /v1/session/events?{} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\r\n",
            self.place(),
            self.to
        );
        stream.write_all(head.as_bytes()).await?;
        let mut some = [0; 64];
        let _read = stream.read(&mut some).await?;
        if self.dice.below(2) == 0 {
            stream.set_zero_linger()?;
        }
        Ok(())
    }

    /// A polled connection that nobody polls any more, or whose poll is cut.
    async fn poll_that_is_left(&mut self) -> Result<()> {
        let token = &self.session.token;
        let opened =
            Request::new("POST", &format!("/v1/session/poll?{}", self.place())).bearer(token).send(self.to).await?;
        let id = opened.expect(201)?["connection"].as_str().context("no name")?.to_owned();
        let mut stream = TcpStream::connect(self.to).await?;
        let path = format!("/v1/session/poll?connection={id}&wait_ms=20000");
        let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\r\n", self.to);
        stream.write_all(head.as_bytes()).await?;
        if self.dice.below(2) == 0 {
            let mut some = [0; 64];
            let _read = stream.read(&mut some).await?;
        }
        Ok(())
    }
}

fn upgrade(to: SocketAddr, token: &str) -> String {
    format!(
        "GET /v1/session?last_seq=0 HTTP/1.1\r\nhost: {to}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer {token}\r\n\r\n"
    )
}

/// Sockets that stay open and say nothing more: half a head, or a whole upgrade that answers no Ping.
async fn half_open(to: SocketAddr, sessions: &[Session]) -> Result<Vec<TcpStream>> {
    let mut open = Vec::new();
    for (at, session) in sessions.iter().cycle().take(HALF_OPEN).enumerate() {
        let mut stream = TcpStream::connect(to).await?;
        let head = upgrade(to, &session.token);
        let end = if at % 2 == 0 { head.len() } else { head.len() / 2 };
        stream.write_all(head.as_bytes().get(..end).unwrap_or_default()).await?;
        open.push(stream);
    }
    Ok(open)
}

/// Sessions that sleep under connections on which nothing happens: some are cut in their sleep, others wake first.
async fn sleepers(server: &Server, story: &str) -> Result<()> {
    let (to, mut sockets) = (server.address(), Vec::new());
    for _ in 0..SLEEPERS {
        let session = api::create(to, "sleeper").await?;
        let mut socket = ws::connect(to, &Hello::fresh(&session.token)).await?;
        socket.until("resumed", |_| Ok(())).await?;
        sockets.push(socket);
    }
    let began = clock::now();
    while Held::by(server).await?.asleep < SLEEPERS {
        ensure!(began.elapsed() < REST, "they do not sleep: {:?}", Held::by(server).await?);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    for (at, mut socket) in sockets.into_iter().enumerate() {
        if at % 2 == 0 {
            socket.say(1, "m1", story).await?;
            socket.until("accepted", |_| Ok(())).await?;
        }
        socket.cut()?;
    }
    Ok(())
}

/// Lets all guests make so many connections between them.
async fn crowd(guests: Vec<Guest>, connections: u64) -> Result<Vec<Guest>> {
    let left = Arc::new(AtomicU64::new(connections));
    let mut running = JoinSet::new();
    for mut guest in guests {
        let left = Arc::clone(&left);
        running.spawn(async move {
            while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                guest.misbehave().await?;
            }
            anyhow::Ok(guest)
        });
    }
    let mut guests = Vec::new();
    while let Some(guest) = running.join_next().await {
        guests.push(guest??);
    }
    Ok(guests)
}

// Fails when a way to end a connection leaves a task, a socket, a thread, a place or memory behind; when a task is
// started that the server does not count; or when what is left keeps a shutdown from ending.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays_of_ten_thousand_connections() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let contracts = tempfile::TempDir::with_prefix("rolecall-roles-")?;
    std::fs::write(contracts.path().join("storyteller.role"), ROLE)?;
    std::fs::write(contracts.path().join("sleeper.role"), SLEEPER)?;
    // A few sessions open all the connections here, far more often than any client would.
    let options = Options { contracts: contracts.path().to_owned(), ..Options::upstream(&upstream.url()) };
    let options = options.flag("--session-connections", "off");
    let mut server = Server::start(options).await?;
    let to = server.address();
    let seed = server::entropy();
    server::show("seed of the crowd", &seed.to_string());
    let pieces = (0..10).map(|part| format!("其{part}，且听下文分解。")).collect();
    let story = directive(&[Script { pieces, gap_ms: 2, ..Script::default() }]);
    let (mut sessions, mut guests) = (Vec::new(), Vec::new());
    for at in 0..SESSIONS {
        let session = api::create(to, "storyteller").await?;
        sessions.push(session.clone());
        guests.push(Guest {
            to,
            session,
            dice: Dice::new(seed ^ (at as u64) << 32),
            story: story.clone(),
            last_seq: 0,
        });
    }
    // What is made once and kept, such as threads, pools and the sessions' actors, is made before.
    let guests = crowd(guests, CONNECTIONS / 20).await?;
    let calm = Held { tasks: (i64::MAX, i64::MAX), ..Held::by(&server).await? };
    let base = settled(&server, calm).await?;
    // Where nothing is under way, no library has a task of its own: whatever the server starts, it counts.
    ensure!(base.tasks.0 == base.tasks.1, "there are tasks that the server does not count: {base:?}");

    let held_open = half_open(to, &sessions).await?;
    let guests = crowd(guests, CONNECTIONS - CONNECTIONS / 20).await?;
    sleepers(&server, &story).await?;
    let after = rests(&server, &base).await?;
    server::show("held", &format!("before {base:?}\nafter  {after:?}"));
    drop(held_open);
    stops(&mut server, guests).await
}

/// Ends the server while each guest has a connection, in one way or another.
async fn stops(server: &mut Server, guests: Vec<Guest>) -> Result<()> {
    let mut open = Vec::new();
    for mut guest in guests {
        guest.events_that_are_cut().await?;
        open.push(guest.websocket().await?);
    }
    server.stop().await?;
    let log = server.log();
    ensure!(!log.contains("tasks did not end"), "not all tasks ended:\n{log}");
    drop(open);
    Ok(())
}

/// What the server holds when it holds no connection, and does not change any more.
async fn settled(server: &Server, mut last: Held) -> Result<Held> {
    let (began, mut same) = (clock::now(), 0);
    while same < 4 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = Held::by(server).await?;
        let still = now.tasks == last.tasks && now.sockets == last.sockets && now.attached == 0;
        same = if still { same + 1 } else { 0 };
        last = now;
        ensure!(began.elapsed() < REST, "it does not come to rest: {last:?}");
    }
    Ok(last)
}
