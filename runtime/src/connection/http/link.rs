use rolecall_wire::server::Transmit;
use tokio::sync::mpsc;

use super::links::Place;
use crate::connection::link::{Gone, Link, Received};

/// What goes out.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A frame, as JSON.
    Frame(String),
    /// A sign of life.
    Ping,
    /// The end, with its code and reason.
    Close { code: u16, reason: String },
}

/// A connection whose frames come and go by HTTP requests.
#[derive(Debug)]
pub(super) struct HttpLink {
    pub(super) incoming: mpsc::Receiver<Received>,
    /// None behind the close.
    pub(super) outgoing: Option<mpsc::Sender<Outgoing>>,
    /// Where the client's requests find it, until it is dropped.
    pub(super) _place: Place,
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
        let (said, is_last) = match transmit {
            Transmit::Text(text) => (Outgoing::Frame(text), false),
            Transmit::Ping(_) => (Outgoing::Ping, false),
            Transmit::Close { code, reason } => (Outgoing::Close { code, reason }, true),
            Transmit::Binary(_) => {
                tracing::error!("a binary frame for a connection over HTTP, which speaks JSON");
                return Err(Gone);
            }
        };
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
