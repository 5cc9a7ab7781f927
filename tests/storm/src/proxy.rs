//! What lies between clients and server, and does not keep them together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use rolecall_tests::clock::Dice;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::Storm;

/// How long a silent connection stays open: longer than either side waits.
const SILENCE: Duration = Duration::from_secs(45);

/// The pause behind an accept that fails.
const BACKOFF: Duration = Duration::from_millis(50);

/// A proxy on loopback.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
    /// The task that accepts, which ends with this, and everything it carries with it.
    _accepts: JoinSet<()>,
}

#[derive(Default)]
struct Counts {
    cut: AtomicU64,
    silent: AtomicU64,
}

impl Proxy {
    /// Forwards each connection to any of some servers, for as long as it likes; once it is calm, for ever. One that is not
    /// there is passed over.
    pub(crate) async fn start(to: Vec<SocketAddr>, storm: Storm, calm: watch::Receiver<bool>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        let mut accepts = JoinSet::new();
        accepts.spawn(async move {
            let (mut dice, mut carried) = (Dice::new(storm.seed), JoinSet::new());
            loop {
                tokio::select! {
                    Some(_) = carried.join_next() => {}
                    accepted = listener.accept() => {
                        let Ok((client, _)) = accepted else {
                            // No file is free, perhaps; the next one comes when a connection ends.
                            sleep(BACKOFF).await;
                            continue;
                        };
                        let fate = Fate::draw(storm, &mut dice);
                        // Each comes to any server, whatever requests have to do with each other.
                        let first = dice.index(to.len());
                        let servers = to.iter().cycle().skip(first).take(to.len()).copied().collect();
                        carried.spawn(carry(client, servers, fate, calm.clone(), Arc::clone(&counted)));
                    }
                }
            }
        });
        Ok(Self { address, counts, _accepts: accepts })
    }

    /// Connections that were cut, and that went silent.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.counts.cut.load(Ordering::Relaxed), self.counts.silent.load(Ordering::Relaxed))
    }
}

/// What becomes of a connection while it storms.
#[derive(Clone, Copy)]
struct Fate {
    /// How long nothing gets through at first.
    away: Duration,
    lives: Duration,
    /// Whether it then goes silent instead of ending.
    silent: bool,
}

impl Fate {
    fn draw(storm: Storm, dice: &mut Dice) -> Self {
        let mut upto =
            |most: Duration| Duration::from_secs_f64(most.as_secs_f64() * dice.below(1_000) as f64 / 1_000.0);
        let (away, lives) = (upto(storm.away), upto(storm.cut_after * 2));
        Self { away, lives, silent: dice.below(5) == 0 }
    }
}

async fn carry(
    mut client: TcpStream,
    servers: Vec<SocketAddr>,
    fate: Fate,
    mut calm: watch::Receiver<bool>,
    counts: Arc<Counts>,
) {
    if !*calm.borrow() {
        sleep(fate.away).await;
    }
    let Some(mut server) = dial(&servers).await else { return };
    // Small frames leave at once, as they do without a proxy.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let storms = !*calm.borrow();
    let carried = copy_bidirectional(&mut client, &mut server);
    if !storms {
        let _ = carried.await;
        return;
    }
    // A connection that ends by itself before its time is over is no accident of ours.
    if timeout(fate.lives, carried).await.is_ok() {
        return;
    }
    if *calm.borrow() {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    } else if fate.silent {
        counts.silent.fetch_add(1, Ordering::Relaxed);
        // Both sides still have a socket, and nothing comes.
        let _ = timeout(SILENCE, calm.wait_for(|calm| *calm)).await;
    } else {
        counts.cut.fetch_add(1, Ordering::Relaxed);
    }
}

/// The first of these that is there.
async fn dial(servers: &[SocketAddr]) -> Option<TcpStream> {
    for server in servers {
        if let Ok(server) = TcpStream::connect(server).await {
            return Some(server);
        }
    }
    None
}
