//! A TCP connection through a NAT, as those above it see it: loss is delay.

use super::cell::Cell;
use super::random::Random;

/// Linux' longest wait between retransmissions.
const TCP_RTO_MAX_MS: f64 = 120_000.0;

#[derive(Debug)]
pub(crate) struct Link {
    cell: Cell,
    random: Random,
    /// When this NAT forgets, and when something passed it last.
    nat_ms: u64,
    passed_at: u64,
    pub(crate) forgotten: bool,
    pub(crate) dead: bool,
    /// When the last segment of each direction arrived: the next one does not before.
    up_at: u64,
    down_at: u64,
}

/// What becomes of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passage {
    /// When it is at the other end, behind those sent before it.
    pub(crate) at: u64,
    /// How often it was sent.
    pub(crate) times: u64,
}

impl Link {
    pub(crate) fn new(cell: Cell, seed: u64, now: u64) -> Self {
        let mut random = Random::new(seed);
        // Boxes count in coarse ticks.
        let nat_ms = random.ms(0.95 * cell.nat_ms, cell.nat_ms);
        Self { cell, random, nat_ms, passed_at: now, forgotten: false, dead: false, up_at: now, down_at: now }
    }

    /// A segment is sent. The NAT is at the client's door: what goes up passes it now.
    pub(crate) fn send(&mut self, up: bool, now: u64) -> Passage {
        if up {
            self.pass(now);
        }
        let (mut times, mut stalled, mut rto) = (1, 0.0, self.cell.tcp_rto_ms());
        while self.random.between(0.0, 1.0) < self.cell.loss {
            times += 1;
            stalled += rto;
            rto = (2.0 * rto).min(TCP_RTO_MAX_MS);
        }
        let half = self.cell.rtt_ms / 2.0;
        let at = now + stalled as u64 + self.random.ms(0.8 * half, 1.2 * half + 1.0);
        let last = if up { &mut self.up_at } else { &mut self.down_at };
        *last = at.max(*last);
        Passage { at: *last, times }
    }

    /// Something passes the NAT; says whether it is let through.
    pub(crate) fn pass(&mut self, now: u64) -> bool {
        if now.saturating_sub(self.passed_at) > self.nat_ms && !self.dead {
            self.forgotten = true;
        }
        self.passed_at = self.passed_at.max(now);
        !self.forgotten
    }
}
