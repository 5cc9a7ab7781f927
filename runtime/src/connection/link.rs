use std::future::Future;

use rolecall_wire::server::Transmit;
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};

/// What came from the peer.
#[derive(Debug)]
pub(super) enum Received {
    Binary(Bytes),
    Text(Utf8Bytes),
    /// A sign of life with no frame in it: a Ping or Pong with its payload, or a request that only asks.
    Control(Bytes),
    /// The peer closed, with a code if it gave one.
    Closed(Option<u16>),
    /// The peer broke the rules of what carries it: close with this code.
    Broken(u16, String),
}

/// The peer takes nothing any more.
#[derive(Debug)]
pub(super) struct Gone;

/// What carries the frames of a connection: a WebSocket, or HTTP requests.
pub(super) trait Link: Send {
    /// Waits for something from the peer. Cancel-safe.
    fn receive(&mut self) -> impl Future<Output = Received> + Send;

    /// Hands something over for sending; it leaves with the next [`flush`](Self::flush) at the latest. Waits
    /// while the peer takes nothing.
    fn feed(&mut self, transmit: Transmit) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Sends what was handed over.
    fn flush(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Lets the peer read our close before the link goes, for a moment at most.
    fn linger(self) -> impl Future<Output = ()> + Send;
}
