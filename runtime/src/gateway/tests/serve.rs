//! The accept loop over real sockets.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A served application: where, how to stop it, and whether everything ended.
async fn serve(house: &House) -> (std::net::SocketAddr, oneshot::Sender<()>, oneshot::Receiver<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ((stop, stopped), (end, ended)) = (oneshot::channel(), oneshot::channel());
    let app = Arc::clone(&house.app);
    #[allow(clippy::disallowed_methods, reason = "the test owns it and awaits its end")]
    tokio::spawn(async move {
        let all = app.serve(listener, async { stopped.await.unwrap_or_default() }).await;
        let _test_is_over = end.send(all);
    });
    (address, stop, ended)
}

/// Sends a request and reads what comes within a moment.
async fn ask(stream: &mut TcpStream, request: &str, patience: Duration) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = [0; 4_096];
    match tokio::time::timeout(patience, stream.read(&mut bytes)).await {
        Ok(read) => String::from_utf8_lossy(&bytes[..read.unwrap()]).into_owned(),
        Err(_) => String::new(),
    }
}

// Fails when more connections are served than allowed, or a place is not given back.
#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let house = House::with(says(&["Hi."]), |config| config.max_connections = 1).await;
    let (address, _stop, _ended) = serve(&house).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut first, HEALTH, PATIENCE).await.starts_with("HTTP/1.1 200"));
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask(&mut second, HEALTH, Duration::from_millis(200)).await, "");
    drop(first);
    let mut bytes = [0; 12];
    tokio::time::timeout(PATIENCE, second.read_exact(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(&bytes, b"HTTP/1.1 200");
}

// Fails when a stop leaves idle connections open, or takes new ones.
#[tokio::test]
async fn a_stop_closes_idle_connections() {
    let house = House::open(says(&["Hi."])).await;
    let (address, stop, ended) = serve(&house).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut idle, HEALTH, PATIENCE).await.starts_with("HTTP/1.1 200"));
    stop.send(()).unwrap();
    assert!(tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap(), "a task outlived the stop");
    assert_eq!(tokio::time::timeout(PATIENCE, idle.read(&mut [0; 16])).await.unwrap().unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}

// Fails when nonsense on the socket, or a head without end, harms anybody else.
#[tokio::test]
async fn what_is_not_http_is_turned_away() {
    let house = House::open(says(&["Hi."])).await;
    let (address, _stop, _ended) = serve(&house).await;
    for nonsense in [
        "\0\u{1}\u{2}\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\n", "x".repeat(100_000)),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let answer = ask(&mut stream, &nonsense, PATIENCE).await;
        assert!(answer.starts_with("HTTP/1.1 4") || answer.is_empty(), "{answer}");
    }
    let mut good = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut good, HEALTH, PATIENCE).await.starts_with("HTTP/1.1 200"));
}
