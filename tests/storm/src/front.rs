//! What stands in front of several servers and spreads their clients, as the nginx of `examples/cluster` does: to the one
//! with the fewest connections, whoever asks, and past a server that is not there or says 503.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rolecall_tests::clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long a server that failed is passed over: nginx's `fail_timeout`.
const PASSED_OVER: Duration = Duration::from_secs(2);
/// How long a server may take to accept: nginx's `proxy_connect_timeout`.
const CONNECT: Duration = Duration::from_secs(2);
/// The longest head of a request.
const HEAD: usize = 64 * 1024;
/// As much of an answer as says its status.
const STATUS: usize = "HTTP/1.1 503".len();
/// The pause behind an accept that fails.
const BACKOFF: Duration = Duration::from_millis(50);

/// A balancer on loopback.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    /// The task that accepts, which ends with this, and everything it carries with it.
    _accepts: JoinSet<()>,
}

struct Servers {
    addresses: Vec<SocketAddr>,
    began: Instant,
    /// Until when each is passed over, ms since it began.
    until_ms: Vec<AtomicU64>,
    /// The connections of each.
    carried: Vec<AtomicUsize>,
    /// Counts requests: of equals each is first in its turn.
    turn: AtomicUsize,
}

/// A connection to a server, or the attempt at one.
struct Carried<'a>(Option<&'a AtomicUsize>);

impl Front {
    /// Forwards to these servers.
    pub(crate) async fn start(addresses: Vec<SocketAddr>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let servers = Arc::new(Servers::new(addresses));
        let mut accepts = JoinSet::new();
        accepts.spawn(async move {
            let mut carried = JoinSet::new();
            loop {
                tokio::select! {
                    Some(_) = carried.join_next() => {}
                    accepted = listener.accept() => match accepted {
                        Ok((client, _)) => {
                            let servers = Arc::clone(&servers);
                            // What cannot be carried ends: its client sees that, and comes again.
                            carried.spawn(async move { drop(carry(client, &servers).await) });
                        }
                        // No file is free, perhaps; the next one comes when a connection ends.
                        Err(_) => sleep(BACKOFF).await,
                    }
                }
            }
        });
        Ok(Self { address, _accepts: accepts })
    }
}

/// Carries a connection: its first request decides where to.
async fn carry(mut client: TcpStream, servers: &Servers) -> Result<()> {
    client.set_nodelay(true)?;
    let request = read_head(&mut client).await?;
    let may_repeat = request.starts_with(b"GET ");
    for server in servers.order() {
        let _carried = servers.carried(server);
        let Some((mut stream, answer)) = servers.ask(server, &request, may_repeat).await else {
            servers.pass_over(server);
            continue;
        };
        client.write_all(&answer).await?;
        copy_bidirectional(&mut client, &mut stream).await?;
        return Ok(());
    }
    client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
    Ok(())
}

/// A request up to the end of its head, and what has come behind it.
async fn read_head(client: &mut TcpStream) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD {
        let read = client.read_buf(&mut head).await?;
        (read > 0).then_some(()).context("it ended within the head of its request")?;
    }
    Ok(head)
}

impl Servers {
    fn new(addresses: Vec<SocketAddr>) -> Self {
        let until_ms = addresses.iter().map(|_| AtomicU64::new(0)).collect();
        let carried = addresses.iter().map(|_| AtomicUsize::new(0)).collect();
        Self { addresses, began: clock::now(), until_ms, carried, turn: AtomicUsize::new(0) }
    }

    /// All servers, those first that are not passed over, of these those with the fewest connections.
    fn order(&self) -> Vec<usize> {
        let (now_ms, count) = (self.now_ms(), self.addresses.len().max(1));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % count;
        let mut all: Vec<usize> = (0..self.addresses.len()).collect();
        all.sort_by_key(|server| {
            let passed_over = self.until_ms.get(*server).is_some_and(|until| until.load(Ordering::Relaxed) > now_ms);
            let carried = self.carried.get(*server).map_or(0, |carried| carried.load(Ordering::Relaxed));
            (passed_over, carried, (server + turn) % count)
        });
        all
    }

    /// Counts a connection for as long as what it gives lives.
    fn carried(&self, server: usize) -> Carried<'_> {
        let carried = self.carried.get(server);
        if let Some(carried) = carried {
            carried.fetch_add(1, Ordering::Relaxed);
        }
        Carried(carried)
    }

    /// Sends a request to a server. Gives the beginning of its answer; nothing, where another one may be asked instead.
    async fn ask(&self, server: usize, request: &[u8], may_repeat: bool) -> Option<(TcpStream, Vec<u8>)> {
        let address = *self.addresses.get(server)?;
        let mut stream = timeout(CONNECT, TcpStream::connect(address)).await.ok()?.ok()?;
        stream.set_nodelay(true).ok()?;
        stream.write_all(request).await.ok()?;
        let mut answer = Vec::new();
        while may_repeat && answer.len() < STATUS {
            if stream.read_buf(&mut answer).await.ok()? == 0 {
                return None;
            }
        }
        if answer.starts_with(b"HTTP/1.1 503") { None } else { Some((stream, answer)) }
    }

    fn pass_over(&self, server: usize) {
        let until = self.now_ms().saturating_add(PASSED_OVER.as_millis().try_into().unwrap_or(u64::MAX));
        if let Some(place) = self.until_ms.get(server) {
            place.store(until, Ordering::Relaxed);
        }
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    }
}

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        if let Some(carried) = self.0 {
            carried.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(answer: &'static str) -> Result<(SocketAddr, JoinSet<()>)> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let mut answers = JoinSet::new();
        answers.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = (read_head(&mut stream).await, stream.write_all(answer.as_bytes()).await);
            }
        });
        Ok((address, answers))
    }

    async fn ask(front: &Front, token: usize) -> Result<String> {
        let mut stream = TcpStream::connect(front.address).await?;
        stream.write_all(format!("GET / HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    // Fails when a server gets more than its share, or one that is down or leaving is not passed over.
    #[tokio::test]
    async fn clients_are_spread_over_those_that_serve() -> Result<()> {
        let (one, _one) = server("HTTP/1.1 200 one\r\n\r\n")?;
        let (two, _two) = server("HTTP/1.1 200 two\r\n\r\n")?;
        let servers = Servers::new(vec![one, two]);
        let first = servers.order()[0];
        assert_ne!(servers.order()[0], first, "equals are first in turn");
        let (held, _both) = (servers.carried(first), servers.carried(1 - first));
        let _more = servers.carried(first);
        assert!((0..3).all(|_| servers.order()[0] == 1 - first), "the other one has fewer");
        servers.pass_over(1 - first);
        assert_eq!(servers.order(), [first, 1 - first]);
        drop(held);
        assert_eq!(servers.carried[first].load(Ordering::Relaxed), 1);
        let (leaving, _leaving) = server("HTTP/1.1 503 leaving\r\n\r\n")?;
        let gone = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let front = Front::start(vec![gone, leaving, one]).await?;
        for token in 0..20 {
            assert!(ask(&front, token).await?.contains("one"));
        }
        let front = Front::start(vec![gone, leaving]).await?;
        assert!(ask(&front, 1).await?.contains("502"));
        Ok(())
    }
}
