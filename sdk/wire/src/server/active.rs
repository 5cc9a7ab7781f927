//! What only a live connection has: the sequence sent, the Pings under way, the round trips.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::Millis;
use super::config::Standing;
use crate::frame::Network;
use crate::heartbeat::Rtts;

/// Pings remembered; an older one's Pong measures nothing.
const MAX_PINGS: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Active {
    network: Network,
    rtts: Rtts,
    /// The highest sequence id that the client has, or that was sent to it.
    sent: u64,
    pub(super) acked: u64,
    /// The end of the last skip. Nothing of it is under way, and what was sent before is not counted any more.
    skipped: u64,
    pings: VecDeque<Ping>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Ping {
    sent_ms: Millis,
    seq: u64,
}

impl Ping {
    fn payload(self) -> [u8; 16] {
        (u128::from(self.sent_ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }
}

impl Active {
    pub(super) fn new(network: Network, resume_from: u64) -> Self {
        let sent = resume_from.saturating_sub(1);
        Self { network, rtts: Rtts::default(), sent, acked: sent, skipped: sent, pings: VecDeque::new() }
    }

    /// Notes a message about to be sent.
    pub(super) fn note_sent(&mut self, seq: u64) -> Result<(), &'static str> {
        if Some(seq) != self.sent.checked_add(1) {
            return Err("a hole in the messages to send");
        }
        self.sent = seq;
        Ok(())
    }

    /// Notes sequence ids that the store lost.
    pub(super) fn note_skipped(&mut self, from: u64, to: u64) -> Result<(), &'static str> {
        if Some(from) != self.sent.checked_add(1) || to < from {
            return Err("a skip that does not follow the messages sent");
        }
        (self.sent, self.skipped) = (to, to);
        Ok(())
    }

    /// A message that was noted as sent is skipped instead: nothing up to it is under way any more.
    pub(super) fn note_unsendable(&mut self, seq: u64) {
        self.skipped = self.skipped.max(seq);
    }

    /// How many messages wait for their acknowledgement.
    pub(super) const fn unacknowledged(&self) -> u64 {
        let settled = if self.acked > self.skipped { self.acked } else { self.skipped };
        self.sent - settled
    }

    /// Whether an acknowledgement is of a message under way. There are no more of these than messages were sent: what was
    /// skipped does not count.
    pub(super) const fn settles(&self, seq: u64) -> bool {
        seq <= self.sent && seq > self.acked && seq > self.skipped
    }

    /// Whether an acknowledgement moves the watermark; the highest sequence id sent when it is
    /// above it.
    pub(super) fn take_ack(&mut self, seq: u64) -> Result<bool, u64> {
        if seq > self.sent {
            return Err(self.sent);
        }
        let moves = seq > self.acked;
        self.acked = self.acked.max(seq);
        Ok(moves)
    }

    /// Whether this is another network type than before. Round trips of the old network say
    /// nothing about the new one.
    pub(super) fn change_network(&mut self, network: Network) -> bool {
        let changed = network != self.network;
        if changed {
            self.network = network;
            self.rtts = Rtts::default();
        }
        changed
    }

    pub(super) fn interval_ms(&self, config: &Standing) -> u32 {
        let table = &config.table;
        config.heartbeat_ms.unwrap_or_else(|| self.rtts.interval_above(table.base_ms(self.network), table.floor))
    }

    /// A new Ping's payload: our clock and the highest sequence id sent, 8 bytes each, big endian.
    pub(super) fn ping(&mut self, now: Millis) -> Bytes {
        let ping = Ping { sent_ms: now, seq: self.sent };
        if self.pings.len() == MAX_PINGS {
            self.pings.pop_front();
        }
        self.pings.push_back(ping);
        Bytes::from(Vec::from(ping.payload()))
    }

    /// The round trip of a Pong that echoes a Ping under way. One echo measures once; earlier
    /// Pings are settled with it, since a Pong may answer only the latest (RFC 6455 §5.5.3).
    pub(super) fn take_pong(&mut self, now: Millis, payload: &[u8]) -> Option<u64> {
        let at = self.pings.iter().position(|p| p.payload() == payload)?;
        let ping = self.pings.drain(..=at).next_back()?;
        let rtt_ms = now.saturating_sub(ping.sent_ms);
        self.rtts.push(rtt_ms);
        Some(rtt_ms)
    }
}
