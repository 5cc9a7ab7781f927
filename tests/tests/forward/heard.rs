//! What a client of the SDK hears: every message once, in order, and as the log has it.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use rolecall_client::{Body, Client, Encoding, Event, Session, Transport};
use rolecall_tests::api;
use rolecall_tests::clock::PATIENCE;
use tokio::time::timeout;

/// A session behind an address, over one transport and no other.
pub(crate) async fn session(to: SocketAddr, transport: Transport) -> Result<Session> {
    let client = Client::builder(format!("http://{to}")).encoding(Encoding::JsonV1).transport(transport).build()?;
    Ok(client.create_session("storyteller").await?)
}

/// The same over TLS, to who shows a certificate of this authority.
pub(crate) async fn secured(to: SocketAddr, transport: Transport, root: &str) -> Result<Session> {
    let client = Client::builder(format!("https://{to}")).root_certificates(root).encoding(Encoding::JsonV1);
    Ok(client.transport(transport).build()?.create_session("storyteller").await?)
}

#[derive(Default)]
pub(crate) struct Heard {
    last: u64,
    deltas: String,
    /// Of the running reply.
    pub(crate) pieces: usize,
    pub(crate) replies: Vec<String>,
    pub(crate) disconnects: usize,
}

impl Heard {
    /// Notes the next event, and says whether it ends a reply.
    pub(crate) async fn next(&mut self, session: &Session) -> Result<bool> {
        let event = timeout(PATIENCE, session.next_event()).await.context("nothing came")?.context("it ended")?;
        if let Some(seq) = event.seq() {
            ensure!(seq == self.last + 1, "{seq} behind {}", self.last);
            self.last = seq;
        }
        match event {
            Event::ReplyDelta { text, .. } => {
                self.deltas.push_str(&text);
                self.pieces += 1;
            }
            Event::Message(message) => {
                if let Body::Reply { text, .. } = message.body {
                    ensure!(text == self.deltas, "{text} is not what was heard: {}", self.deltas);
                    self.deltas.clear();
                    self.pieces = 0;
                    self.replies.push(text);
                    return Ok(true);
                }
            }
            Event::Disconnected { .. } => self.disconnects += 1,
            Event::Ended { code, reason, .. } => bail!("ended with {code}: {reason}"),
            _ => {}
        }
        Ok(false)
    }

    /// Holds what was heard against the server's own log, read from its beginning.
    pub(crate) async fn settle(&self, to: SocketAddr, token: &str) -> Result<()> {
        let log = api::diff(to, token, 1).await?;
        ensure!(log.len() as u64 == self.last, "{} in the log, {} heard", log.len(), self.last);
        let replies = log.iter().filter(|message| message["body"]["kind"] == "reply");
        let replies: Vec<&str> = replies.filter_map(|message| message["body"]["text"].as_str()).collect();
        ensure!(replies == self.replies, "the log has {replies:?}, heard was {:?}", self.replies);
        Ok(())
    }
}
