//! A wire between store and server that can hold back what was sent.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Forwards connections to a port. Those that were opened before [`hold`](Self::hold) keep what comes behind it, until it is
/// let go.
pub(super) struct Wire {
    pub(super) port: u16,
    held: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Wire {
    pub(super) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (held, watching) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                // One that comes while others are held is not.
                let gate = (!*watching.borrow()).then(|| watching.clone());
                connections.spawn(forward(near, server, gate));
            }
        });
        Self { port, held, _tasks: tasks }
    }

    pub(super) fn hold(&self) {
        self.held.send_replace(true);
    }

    pub(super) fn let_go(&self) {
        self.held.send_replace(false);
    }
}

/// To the server through the gate, back without. What was held goes out although nobody listens any more.
async fn forward(near: TcpStream, server: u16, mut gate: Option<watch::Receiver<bool>>) {
    let far = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let (chunks, mut waiting) = mpsc::channel::<Vec<u8>>(64);
    // Read at once: what stays in a socket is lost when its other end is closed.
    let read = async move {
        let mut bytes = vec![0u8; 1 << 16];
        while let Ok(count) = near_in.read(&mut bytes).await
            && count > 0
        {
            chunks.send(bytes[..count].to_vec()).await.unwrap();
        }
    };
    let there = async {
        while let Some(chunk) = waiting.recv().await {
            if let Some(gate) = &mut gate {
                let _ = gate.wait_for(|held| !held).await;
            }
            if far_out.write_all(&chunk).await.is_err() {
                return;
            }
        }
    };
    let back = async {
        let _ = tokio::io::copy(&mut far_in, &mut near_out).await;
    };
    futures_util::future::join3(read, there, back).await;
}
