use std::sync::Arc;

use rolecall_wire::server::Transmit;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::links::Place;
use crate::connection::link::{Gone, Link, Received};

/// Bytes of frames that may wait to be sent; a larger frame waits alone.
const BYTES: u32 = 512 << 10;

/// What goes out.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A frame, as JSON, and its part of what may wait.
    Frame(String, OwnedSemaphorePermit),
    /// A sign of life.
    Ping,
    /// The end.
    Close(Close),
}

/// How a connection ended.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Close {
    code: u16,
    reason: String,
}

/// A connection whose frames come and go by HTTP requests.
#[derive(Debug)]
pub(super) struct HttpLink {
    incoming: mpsc::Receiver<Received>,
    /// None behind the close.
    outgoing: Option<mpsc::Sender<Outgoing>>,
    room: Arc<Semaphore>,
    /// Where the client's requests find it, until it is dropped.
    _place: Place,
}

impl HttpLink {
    pub(super) fn new(incoming: mpsc::Receiver<Received>, outgoing: mpsc::Sender<Outgoing>, place: Place) -> Self {
        Self { incoming, outgoing: Some(outgoing), room: Arc::new(Semaphore::new(BYTES as usize)), _place: place }
    }
}

impl Link for HttpLink {
    async fn receive(&mut self) -> Received {
        let Some(outgoing) = &self.outgoing else { return Received::Closed(None) };
        tokio::select! {
            biased;
            received = self.incoming.recv() => received.unwrap_or(Received::Closed(None)),
            // Nobody reads the answer any more.
            () = outgoing.closed() => Received::Closed(None),
        }
    }

    async fn feed(&mut self, transmit: Transmit) -> Result<(), Gone> {
        let said = match transmit {
            Transmit::Text(text) => {
                let bytes = u32::try_from(text.len()).unwrap_or(BYTES).min(BYTES);
                let room = Arc::clone(&self.room).acquire_many_owned(bytes).await.map_err(|_closed| Gone)?;
                Outgoing::Frame(text, room)
            }
            Transmit::Ping(_) => Outgoing::Ping,
            Transmit::Close { code, reason } => Outgoing::Close(Close { code, reason }),
            Transmit::Binary(_) => {
                tracing::error!("a binary frame for a connection over HTTP, which speaks JSON");
                return Err(Gone);
            }
        };
        let is_last = matches!(said, Outgoing::Close(_));
        let sent = match &self.outgoing {
            Some(outgoing) => outgoing.send(said).await.map_err(|_gone| Gone),
            None => Err(Gone),
        };
        if is_last {
            self.outgoing = None;
        }
        sent
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        Ok(())
    }

    async fn linger(self) {}
}
