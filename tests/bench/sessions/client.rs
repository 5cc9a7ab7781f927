//! The client of a session: the same program for every product. Each message must be the next one, so that none is lost,
//! doubled or reordered unnoticed.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_tests::api::Session;
use rolecall_tests::clock::{self, PATIENCE};
use tokio::time::{timeout, timeout_at};

use super::link::Link;
use super::payload;
use super::product::Product;
use super::wire::{self, Wire};

/// What is acknowledged at once: so many messages, or those of so long a time (PROTOCOL.md §7.2).
const ACK_AFTER: u64 = 16;
const ACK_WITHIN: Duration = Duration::from_millis(250);

/// What a client is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// Connect.
    Connect,
    /// Read up to the message of this number.
    Take(u64),
    /// Cut the connection.
    Cut,
    /// Connect and read up to the message of this number.
    Resume(u64),
    /// Stay connected for so long, while no message may come.
    Stay(Duration),
}

/// A client, connected or not.
pub(crate) struct Client {
    to: SocketAddr,
    index: usize,
    wire: Box<dyn Wire>,
    link: Option<Link>,
    /// The number of the last message.
    seen: u64,
    unacknowledged: u64,
    acknowledge_by: tokio::time::Instant,
    /// For each message since they were taken, the microseconds from its publisher, or from when it was due, to here.
    pub(crate) latencies: Vec<u64>,
    /// How long the last work took.
    pub(crate) took: Duration,
}

impl Client {
    pub(crate) fn new(product: Product, to: SocketAddr, index: usize, session: Option<&Session>) -> Result<Self> {
        Ok(Self {
            to,
            index,
            wire: wire::new(product, index, session)?,
            link: None,
            seen: 0,
            unacknowledged: 0,
            acknowledge_by: clock::now().into(),
            latencies: Vec::new(),
            took: Duration::ZERO,
        })
    }

    /// Works to the end.
    pub(crate) async fn work(&mut self, work: Work) -> Result<()> {
        let start = clock::now();
        let done = match work {
            Work::Connect => self.connect().await,
            Work::Take(number) => self.take(number).await,
            Work::Cut => self.link.take().context("not connected")?.cut(),
            Work::Resume(number) => match self.connect().await {
                Ok(()) => self.take(number).await,
                Err(error) => Err(error),
            },
            Work::Stay(time) => timeout(time, self.quiet()).await.unwrap_or(Ok(())),
        };
        self.took = start.elapsed();
        done.with_context(|| format!("client {} after message {}", self.index, self.seen))
    }

    /// Answers what keeps a connection alive; ends only with an error, for no message may come.
    pub(crate) async fn quiet(&mut self) -> Result<()> {
        if self.link.is_none() {
            return std::future::pending().await;
        }
        let seen = self.seen;
        loop {
            self.step(Duration::MAX).await?;
            ensure!(self.seen == seen, "message {} came, and none was sent", self.seen);
        }
    }

    async fn connect(&mut self) -> Result<()> {
        let opening = self.wire.open(self.to)?;
        let link = timeout(PATIENCE, Link::open(self.to, self.index, opening)).await.context("the upgrade hangs")?;
        self.link = Some(link?);
        while !self.step(PATIENCE).await? {}
        Ok(())
    }

    async fn take(&mut self, number: u64) -> Result<()> {
        while self.seen < number {
            self.step(PATIENCE).await?;
        }
        self.acknowledge().await
    }

    /// Takes one frame in; says whether it was the one that ends the handshake. Cancel-safe but for what it answers.
    async fn step(&mut self, patience: Duration) -> Result<bool> {
        let link = self.link.as_mut().context("not connected")?;
        let frame = if self.unacknowledged > 0 {
            match timeout_at(self.acknowledge_by, link.next()).await {
                Ok(frame) => frame?,
                Err(_due) => {
                    self.acknowledge().await?;
                    return Ok(false);
                }
            }
        } else {
            timeout(patience, link.next()).await.context("the server is silent")??
        };
        // Before anything is answered: some protocols answer each message, and none is to pay for that here.
        let now = payload::micros();
        let reading = self.wire.read(frame.as_ref())?;
        for answer in reading.answers {
            link.send(answer).await?;
        }
        for stamp in payload::read(frame.as_ref()) {
            if stamp.number != self.seen + 1 {
                bail!("message {} came behind {}", stamp.number, self.seen);
            }
            self.seen = stamp.number;
            self.latencies.push(now.saturating_sub(stamp.sent));
            if self.unacknowledged == 0 {
                self.acknowledge_by = (clock::now() + ACK_WITHIN).into();
            }
            self.unacknowledged += 1;
        }
        if self.unacknowledged >= ACK_AFTER {
            self.acknowledge().await?;
        }
        Ok(reading.ready)
    }

    async fn acknowledge(&mut self) -> Result<()> {
        let unacknowledged = std::mem::take(&mut self.unacknowledged);
        match (self.wire.acknowledge(), &mut self.link) {
            (Some(frame), Some(link)) if unacknowledged > 0 => link.send(frame).await,
            _ => Ok(()),
        }
    }
}
