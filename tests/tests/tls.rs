//! The server behind its own certificate: the same sessions over TLS, and a plain answer to who speaks none.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rolecall_client::{Body, Client, Encoding, Error, Event, Session, Transport};
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::http;
use rolecall_tests::server::{Options, Server};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Certificate and key for the loopback address, which vouches for itself.
fn issue(folder: &Path) -> Result<String> {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    std::fs::write(folder.join("cert.pem"), cert.pem())?;
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem())?;
    Ok(cert.pem())
}

fn options(folder: &Path) -> Options {
    let path = |name: &str| folder.join(name).display().to_string();
    Options::default().flag("--tls-cert", &path("cert.pem")).flag("--tls-key", &path("key.pem"))
}

async fn session(server: &Server, root: &str, transport: Transport) -> Result<Session, Error> {
    let client = Client::builder(format!("https://{}", server.address())).root_certificates(root);
    client.encoding(Encoding::JsonV1).transport(transport).build()?.create_session("storyteller").await
}

async fn reply(session: &Session) -> Result<String> {
    loop {
        let event = timeout(PATIENCE, session.next_event()).await.context("nothing came")?.context("it ended")?;
        if let Event::Message(message) = event
            && let Body::Reply { text, .. } = message.body
        {
            return Ok(text);
        }
    }
}

// Fails when a session does not work over TLS on any transport, is sent on to a place without TLS, or is opened by a
// client that does not trust the certificate.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_over_tls() -> Result<()> {
    let folder = TempDir::with_prefix("rolecall-tls-")?;
    let root = issue(folder.path())?;
    let mut server = Server::start(options(folder.path())).await?;
    for transport in [Transport::WebSocket, Transport::Events, Transport::Poll] {
        let session = session(&server, &root, transport).await.with_context(|| format!("{transport:?}"))?;
        ensure!(session.saved().ws_url.starts_with("wss://"), "{}", session.saved().ws_url);
        session.send("你好").await?;
        ensure!(!reply(&session).await?.is_empty());
        session.drop_connection().await?;
        session.send("再来一次").await?;
        ensure!(!reply(&session).await?.is_empty(), "{transport:?}: not resumed");
        session.close().await;
    }
    let stranger = TempDir::with_prefix("rolecall-tls-")?;
    let other = issue(stranger.path())?;
    let refused = session(&server, &other, Transport::WebSocket).await;
    ensure!(matches!(refused, Err(Error::Transport { .. })), "{refused:?}");
    server.stop().await
}

// Fails when who speaks plain HTTP gets no answer, or who begins a handshake and does not go on is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_tls_is_told_so_or_closed() -> Result<()> {
    let folder = TempDir::with_prefix("rolecall-tls-")?;
    let root = issue(folder.path())?;
    let mut server = Server::start(options(folder.path()).flag("--tls-patience", "300ms")).await?;
    let answer = http::get(server.address(), "/v1/models").await?;
    let body = answer.expect(400)?;
    ensure!(body.pointer("/error/code").is_some_and(|code| code == "tls_required"), "{body}");
    // Silence, the beginning of a record, and a record that is none.
    for beginning in [b"".as_slice(), &[22, 3, 1, 2, 0], &[22; 600]] {
        let mut stream = TcpStream::connect(server.address()).await?;
        stream.write_all(beginning).await?;
        let mut heard = Vec::new();
        let closed = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
        // A reset closes as well.
        ensure!(closed.is_ok(), "{beginning:?} is waited for");
    }
    // Nobody else was harmed.
    session(&server, &root, Transport::Poll).await?.close().await;
    server.stop().await
}

// Fails when a renewed certificate needs a restart, or a session does not outlive it.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_needs_no_restart() -> Result<()> {
    let folder = TempDir::with_prefix("rolecall-tls-")?;
    let before = issue(folder.path())?;
    let mut server = Server::start(options(folder.path())).await?;
    let standing = session(&server, &before, Transport::WebSocket).await?;
    let after = issue(folder.path())?;
    let started = clock::now();
    while let Err(error) = session(&server, &after, Transport::Poll).await {
        ensure!(started.elapsed() < PATIENCE, "the new certificate is not shown: {error}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    standing.send("你好").await?;
    ensure!(!reply(&standing).await?.is_empty());
    standing.close().await;
    server.stop().await
}

// Fails when a server starts with a certificate that it cannot serve, or does not say what is wrong with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_does_not_fit_stops_the_start() -> Result<()> {
    let (folder, other) = (TempDir::with_prefix("rolecall-tls-")?, TempDir::with_prefix("rolecall-tls-")?);
    issue(folder.path())?;
    issue(other.path())?;
    std::fs::copy(other.path().join("key.pem"), folder.path().join("key.pem"))?;
    for (options, complaint) in [
        (options(folder.path()), "is not the key of"),
        (options(&folder.path().join("nowhere")), "name a readable PEM file as tls-cert"),
        (Options::default().flag("--tls-cert", "cert.pem"), "set both, or neither"),
    ] {
        let error = Server::start(options).await.err().context("it started")?.to_string();
        ensure!(error.contains("exit status: 2") && error.contains(complaint), "{error}");
    }
    Ok(())
}
