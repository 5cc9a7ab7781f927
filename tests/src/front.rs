//! A load balancer without any stickiness: each request goes to the next server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The largest head of a request that is read, in bytes.
const HEAD: usize = 64 * 1_024;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pause behind an accept that fails.
const BACKOFF: Duration = Duration::from_millis(50);

/// A balancer on loopback. Dropping it ends everything that it carries.
#[derive(Debug)]
pub struct Front {
    address: SocketAddr,
    served: Arc<Vec<AtomicUsize>>,
    _accepts: JoinSet<()>,
}

impl Front {
    /// Sends each request to the next of these servers; one that is not there is passed over. Whoever keeps his connection
    /// open asks anew all the same: an answer ends it.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn round_robin(to: Vec<SocketAddr>) -> Result<Self> {
        Self::start(to, true).await
    }

    /// The same for whole connections, of which nothing is read: with TLS there is nothing to read.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn of_connections(to: Vec<SocketAddr>) -> Result<Self> {
        Self::start(to, false).await
    }

    async fn start(to: Vec<SocketAddr>, reads: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let served: Arc<Vec<AtomicUsize>> = Arc::new(to.iter().map(|_| AtomicUsize::new(0)).collect());
        let counted = Arc::clone(&served);
        let mut accepts = JoinSet::new();
        accepts.spawn(async move {
            let (to, mut carried, mut next) = (Arc::new(to), JoinSet::new(), 0usize);
            loop {
                tokio::select! {
                    Some(_) = carried.join_next() => {}
                    accepted = listener.accept() => match accepted {
                        Ok((client, _)) => {
                            next = next.wrapping_add(1);
                            carried.spawn(carry(client, reads, Arc::clone(&to), next, Arc::clone(&counted)));
                        }
                        Err(_) => sleep(BACKOFF).await,
                    },
                }
            }
        });
        Ok(Self { address, served, _accepts: accepts })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests went to each server.
    #[must_use]
    pub fn served(&self) -> Vec<usize> {
        self.served.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

async fn carry(
    mut client: TcpStream,
    reads: bool,
    to: Arc<Vec<SocketAddr>>,
    first: usize,
    served: Arc<Vec<AtomicUsize>>,
) {
    let _ = client.set_nodelay(true);
    let request = match reads {
        true => match timeout(PATIENCE, head(&mut client)).await {
            Ok(Ok(request)) => request,
            _ => return,
        },
        false => Vec::new(),
    };
    for (number, address) in to.iter().enumerate().cycle().skip(first % to.len().max(1)).take(to.len()) {
        let Ok(mut server) = TcpStream::connect(address).await else { continue };
        let _ = server.set_nodelay(true);
        if let Some(count) = served.get(number) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if server.write_all(&request).await.is_ok() {
            let _ended = copy_bidirectional(&mut client, &mut server).await;
        }
        return;
    }
}

/// What was read up to the end of the first head, which asks for the connection's end behind the answer, unless the
/// connection is to become another.
async fn head(client: &mut TcpStream) -> Result<Vec<u8>> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|end| end == b"\r\n\r\n") {
            let (head, rest) = read.split_at_checked(end).context("no head")?;
            let upgrades = String::from_utf8_lossy(head).to_ascii_lowercase().contains("upgrade: websocket");
            let closes: &[u8] = if upgrades { b"" } else { b"\r\nconnection: close" };
            return Ok([head, closes, rest].concat());
        }
        let mut piece = [0; 4_096];
        match client.read(&mut piece).await? {
            0 => bail!("the client went"),
            count => read.extend_from_slice(piece.get(..count).unwrap_or_default()),
        }
        if read.len() > HEAD {
            bail!("the head is too long");
        }
    }
}
