//! Servers that are not what the others take them for.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api;
use rolecall_tests::clock;
use rolecall_tests::cluster::Cluster;
use rolecall_tests::http::Request;
use rolecall_tests::upstream::Upstream;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::roundabout::open;
use super::{addresses, call, cluster};

/// More than any of these may take: what is on its way to another server has five seconds beyond what it waits for.
const BOUND: Duration = Duration::from_secs(20);

/// Something that listens, and answers whatever is said to it so; or says nothing.
async fn answering(with: Option<&'static str>, tasks: &mut JoinSet<()>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tasks.spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if let Some(answer) = with {
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
            held.push(stream);
        }
    });
    Ok(address)
}

/// Makes the others believe in a server of this name.
async fn believed(cluster: &Cluster, name: &str, key: &str, url: &str) -> Result<()> {
    cluster.redis.ask(&["SET", &format!("rolecall:{{node:{name}}}:lease"), "0000incarnation"]).await?;
    let contact = format!("0000incarnation {key} {url}");
    cluster.redis.ask(&["SET", &format!("rolecall:{{node:{name}}}:contact"), &contact]).await?;
    Ok(())
}

// Fails when a server that is not there, hangs, speaks something else, is another one, or passes on what was passed on to
// it already, gets a client anything but a typed error in bounded time.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_another_is_a_typed_error() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let cluster = cluster(&upstream, &[]).await?;
    let nodes = addresses(&cluster)?;
    let (asked, other) = (nodes[0], nodes[1]);
    let session = api::create(asked, "storyteller").await?;
    let mut tasks = JoinSet::new();
    let contact = cluster.redis.ask(&["GET", "rolecall:{node:n1}:contact"]).await?;
    let key = contact.first().and_then(|contact| contact.split(' ').nth(1)).context("n1 has told nobody of itself")?;
    let page = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
    let away = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let url = |address: SocketAddr| format!("http://{address}");
    let cases = [
        ("closed", "k", "http://127.0.0.1:9".to_owned(), 502, "server_unreachable"),
        ("nourl", "k", "nonsense".to_owned(), 502, "server_unreachable"),
        ("garbage", "k", url(answering(Some("what?\r\n\r\n"), &mut tasks).await?), 502, "server_unreachable"),
        ("cut", "k", url(answering(Some(""), &mut tasks).await?), 502, "server_unreachable"),
        ("hangs", "k", url(answering(None, &mut tasks).await?), 504, "server_timeout"),
        ("page", "k", url(answering(Some(page), &mut tasks).await?), 502, "server_not_found"),
        ("away", "k", url(answering(Some(away), &mut tasks).await?), 502, "server_not_found"),
        // Another server; it does not know the seal.
        ("stranger", "k", url(other), 502, "server_not_found"),
        // Itself.
        ("itself", "k", url(asked), 502, "server_not_found"),
        // Two that each take the other for the one: the second does not pass it on again.
        ("loop", key, url(other), 502, "server_not_found"),
    ];
    for (name, key, url, expected, code) in cases {
        believed(&cluster, name, key, &url).await?;
        let connection = format!("c_1.0000incarnation.{name}");
        let poll = format!("/v1/session/poll?connection={connection}&wait_ms=100");
        let frames = format!("/v1/session/frames?connection={connection}");
        let (ack, beat) = (json!({"type": "ack", "seq": 0}), json!({"connection": connection}));
        let began = clock::now();
        let mut asks = vec![("GET", poll.as_str(), None)];
        // One that hangs is waited for by each.
        if name != "hangs" {
            asks.extend([("POST", frames.as_str(), Some(&ack)), ("POST", "/v1/heartbeat", Some(&beat))]);
        }
        for (method, path, body) in asks {
            let (status, answer) = call(asked, method, path, &session.token, body).await?;
            ensure!(status == expected && answer["error"]["code"] == code, "{name} {method}: {status} {answer}");
        }
        ensure!(began.elapsed() < BOUND, "{name} took {:?}", began.elapsed());
    }
    // Nobody of that name; one that lives and says nothing of itself; names that name nobody.
    cluster.redis.ask(&["SET", "rolecall:{node:silent}:lease", "0000incarnation"]).await?;
    for (connection, expected, code) in [
        ("c_1.0000incarnation.nobody", 404, "no_connection"),
        ("c_1.another.n1", 404, "no_connection"),
        ("c_1.0000incarnation.silent", 502, "server_unreachable"),
        ("c_1.x.%2Fn1", 404, "no_connection"),
        ("c_1..", 404, "no_connection"),
    ] {
        let path = format!("/v1/session/poll?connection={connection}&wait_ms=100");
        let (status, answer) = call(asked, "GET", &path, &session.token, None).await?;
        ensure!(status == expected && answer["error"]["code"] == code, "{connection}: {status} {answer}");
    }
    let (status, _) = call(asked, "GET", "/healthz", "", None).await?;
    ensure!(status == 200);
    cluster.check_logs()
}

// Fails when who is no server gets past anything by saying that he is one, or a server passes on without a good token.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_past_a_key_by_saying_that_he_is_a_server() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let cluster = cluster(&upstream, &[("--api-keys", "a-key-of-the-test-alone")]).await?;
    let nodes = addresses(&cluster)?;
    let made_up = ["0".repeat(64), "n1".to_owned(), "true".to_owned(), String::new()];
    for to in &nodes {
        for seal in &made_up {
            for (method, path) in
                [("GET", "/metrics"), ("POST", "/v1/sessions"), ("GET", "/v1/models"), ("GET", "/healthz")]
            {
                let request = Request::new(method, path).header("x-rolecall-forwarded", seal);
                let answer = request.bearer("a.b.c").send(*to).await?;
                let code = answer.json()?["error"]["code"].clone();
                ensure!(answer.status == 403 && code == "forward_unproven", "{path}: {} {code}", answer.status);
            }
        }
        let plain = Request::new("GET", "/metrics").send(*to).await?;
        ensure!(plain.status == 401, "{}", plain.status);
    }
    Ok(())
}

// Fails when requests that are passed on are counted as if one caller, the other server, made them all.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_counted_is_not_counted_again() -> Result<()> {
    const POLLS: usize = 450;
    let upstream = Upstream::loopback().await?;
    let cluster = cluster(&upstream, &[("--address-requests", "1/s burst 600")]).await?;
    let nodes = addresses(&cluster)?;
    let session = api::create(nodes[0], "storyteller").await?;
    let id = open(nodes[0], &session, 0).await?;
    let poll = format!("/v1/session/poll?connection={id}&wait_ms=0");
    for to in &nodes[1..] {
        for nth in 0..POLLS {
            let (status, answer) = call(*to, "GET", &poll, &session.token, None).await?;
            ensure!(status == 200, "poll {nth}: {status} {answer}");
        }
    }
    // The callers of a server are counted there all the same.
    let mut refused = 0;
    for _ in 0..POLLS {
        refused += usize::from(call(nodes[1], "GET", &poll, &session.token, None).await?.0 == 429);
    }
    ensure!(refused > 0, "nobody was counted");
    Ok(())
}

// Fails when a request of a connection whose server stands still waits for longer than that one's lease and some, when a
// client that then opens another connection is not let in, or when the one that stood still goes on with the old one.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_left() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let cluster = cluster(&upstream, &[]).await?;
    let nodes = addresses(&cluster)?;
    let session = api::create(nodes[1], "storyteller").await?;
    let id = open(nodes[0], &session, 0).await?;
    let poll = format!("/v1/session/poll?connection={id}&wait_ms=25000");
    while !call(nodes[1], "GET", &poll.replace("25000", "100"), &session.token, None).await?.1["frames"]
        .as_array()
        .is_none_or(Vec::is_empty)
    {}
    let waiting = async {
        let began = clock::now();
        (call(nodes[1], "GET", &poll, &session.token, None).await, began.elapsed())
    };
    let freezing = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cluster.freeze(0, true)
    };
    let ((waited, took), frozen) = tokio::join!(waiting, freezing);
    frozen?;
    let (status, answer) = waited?;
    ensure!(status == 504 && answer["error"]["code"] == "server_timeout", "{status} {answer}");
    ensure!(took < BOUND, "a poll waited {took:?} for a server that stands still");
    // Its lease is over: now that is known at once.
    let (status, answer) = call(nodes[2], "GET", &poll, &session.token, None).await?;
    ensure!(status == 404 && answer["error"]["code"] == "no_connection", "{status} {answer}");
    let again = open(nodes[2], &session, 0).await?;
    ensure!(cluster.owner(&session.id).await? == Some(2));
    cluster.freeze(0, false)?;
    let poll = format!("/v1/session/poll?connection={again}&wait_ms=1000");
    let (status, batch) = call(nodes[1], "GET", &poll, &session.token, None).await?;
    ensure!(status == 200 && batch["frames"][0]["type"] == "welcome", "{status} {batch}");
    cluster.check_logs()
}

// Fails when a server that stops waits for the answers of polls that it has passed on, which takes longer than it has: it
// would end with an error; or when the connection, whose server goes on, is lost by that.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_waits_for_no_other() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut cluster = cluster(&upstream, &[]).await?;
    let nodes = addresses(&cluster)?;
    let session = api::create(nodes[1], "storyteller").await?;
    let id = open(nodes[0], &session, 0).await?;
    let poll = format!("/v1/session/poll?connection={id}&wait_ms=25000");
    let brief = poll.replace("25000", "100");
    while !call(nodes[1], "GET", &brief, &session.token, None).await?.1["frames"].as_array().is_none_or(Vec::is_empty) {
    }
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cluster.node_mut(1)?.stop().await
    };
    let (waited, stopped) = tokio::join!(call(nodes[1], "GET", &poll, &session.token, None), stopping);
    stopped?;
    let (status, answer) = waited?;
    ensure!(status == 502 && answer["error"]["code"] == "server_unreachable", "{status} {answer}");
    let (status, answer) = call(nodes[2], "GET", &brief, &session.token, None).await?;
    ensure!(status == 200, "{status} {answer}");
    cluster.check_logs()
}
