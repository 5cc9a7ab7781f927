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

/// Waits until the peer has closed, whatever it said before.
async fn closed(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("the server closes");
    // A reset closes as well.
    let _reset = read;
    String::from_utf8_lossy(&heard).into_owned()
}

async fn until_counted(house: &House, reason: &str, count: u32) {
    let line = format!("refused_total{{reason=\"{reason}\"}} {count}");
    let counted = async {
        while !house.app.metrics.render().unwrap().contains(&line) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, counted).await;
    assert!(seen.is_ok(), "{line} is not in {}", house.app.metrics.render().unwrap());
}

// Fails when a connection that says nothing, or a head that comes byte by byte and never ends, is kept for ever; or an
// idle connection counts as one of them.
#[tokio::test]
async fn a_head_that_does_not_end_is_given_up() {
    let house = House::with(says(&["Hi."]), |config| config.head_patience = Duration::from_millis(300)).await;
    let (address, _stop, _ended) = serve(&house).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut idle, HEALTH, PATIENCE).await.starts_with("HTTP/1.1 200"));
    let (mut reading, mut writing) = TcpStream::connect(address).await.unwrap().into_split();
    let trickle = async {
        let mut bytes = "GET /healthz HTTP/1.1\r\nx-slow: ".bytes().chain(std::iter::repeat(b'z'));
        // Each byte is a sign of life, and none is reason to wait on.
        while writing.write_all(&[bytes.next().unwrap()]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let gone = async {
        let mut heard = Vec::new();
        let _reset = reading.read_to_end(&mut heard).await;
    };
    tokio::select! {
        () = trickle => {}
        () = gone => {}
        () = tokio::time::sleep(PATIENCE) => panic!("a head without an end is waited for"),
    }
    closed(&mut silent).await;
    closed(&mut idle).await;
    until_counted(&house, "head_timeout", 2).await;
}

// Fails when a connection that sends much is read at once and kept, is closed for it, harms others, or is held when its
// peer has gone.
#[tokio::test]
async fn a_flood_of_bytes_waits_at_its_sender() {
    let bytes = std::num::NonZeroU32::new(64 << 10).unwrap();
    let allowance = crate::config::Allowance { per_second: bytes, burst: bytes };
    let house = House::with(says(&["Hi."]), |config| config.connection_bytes = Some(allowance)).await;
    let (address, stop, ended) = serve(&house).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut sent = 0;
    // What the systems on both ends take in for it is a few megabytes.
    let flood = async {
        while let Ok(written) = stream.write(&[b' '; 16_384]).await {
            sent += written;
            assert!(sent < 64 << 20, "the server reads on");
        }
    };
    let stuck = tokio::time::timeout(Duration::from_secs(1), flood).await;
    assert!(stuck.is_err(), "the connection was closed after {sent} bytes");
    let mut other = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut other, HEALTH, PATIENCE).await.starts_with("HTTP/1.1 200"));
    stream.set_zero_linger().unwrap();
    drop((stream, other));
    stop.send(()).unwrap();
    assert!(tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap(), "a task outlived its flood");
}

// Fails when a flood of connections is served, is not told why, or takes the place of others.
#[tokio::test]
async fn connections_beyond_the_allowance_are_told_so() {
    let house = House::with(says(&["Hi."]), |config| {
        let burst = std::num::NonZeroU32::new(2).unwrap();
        config.address_connections = Some(crate::config::Allowance { per_second: std::num::NonZeroU32::MIN, burst });
    })
    .await;
    let (address, _stop, _ended) = serve(&house).await;
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut stream, HEALTH, PATIENCE).await.starts_with("HTTP/1.1 200"));
    }
    let mut beyond = TcpStream::connect(address).await.unwrap();
    beyond.write_all(HEALTH.as_bytes()).await.unwrap();
    let answer = closed(&mut beyond).await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 1\r\n"), "{answer}");
    assert!(answer.contains("too_many_connections"), "{answer}");
    until_counted(&house, "too_many_connections", 1).await;
}
