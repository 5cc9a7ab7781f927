//! One connection's learned heartbeat: when to ask a silent peer for a sign of life, and when to
//! give it up.
//!
//! Time runs from the last arrival, *life*. After [`interval_ms`](Adaptive::interval_ms) of silence
//! the peer is *asked* (a Ping). Unless it answers within a round trip as RFC 6298 foresees it, it is
//! asked once more. [`patience_ms`](Adaptive::patience_ms) after the
//! first question it is given up. Interval and patience share the timeout: on a clean
//! link patience is short and beats are rare; on a bad one beats are frequent and patience is long.
//! What was sent and must be acknowledged is a question of its own: see [`Adaptive::on_debt`].

use super::learned::{Class, Learned};
use super::rtt::{Estimator, GRANULARITY_MS};
use crate::frame::Network;
use crate::server::Millis;

/// What a configuration sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Silence that no peer outlives.
    pub timeout_ms: u32,
    /// No interval is shorter; at most half of the timeout counts.
    pub floor_ms: u32,
}

/// Least patience: pauses of a healthy peer (garbage collection, a handover between cells) stay
/// below it.
const LEAST_PATIENCE_MS: u32 = 4_000;

/// Most patience that lateness asks for, whatever the timeout.
const MOST_PATIENCE_MS: u32 = 30_000;

/// Questions in one silence.
const MOST_ASKS: u8 = 2;

/// How long a message may wait for its acknowledgement before we ask: the 250 ms that a client may
/// collect, as much again to process it, and never less than two seconds in all.
const ACK_MS: u32 = 500;
const LEAST_ACK_MS: u32 = 2_000;

/// Acknowledgements that failed to come from a peer that lives let us wait twice as long, up to
/// this often.
const MOST_FALSE_ALARMS: u8 = 4;

/// Late samples in a row that are taken for a slower path; fewer are taken for losses.
const NEW_PATH: u8 = 3;

/// The heartbeat of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Adaptive {
    bounds: Bounds,
    network: Network,
    learned: Learned,
    rtt: Estimator,
    late_in_a_row: u8,
    life_at: Millis,
    /// The questions since then.
    asked: Option<Asked>,
    /// The latest question, whenever it was.
    last_asked_at: Millis,
    /// When something was sent that a live peer acknowledges, since then.
    debt_at: Option<Millis>,
    false_alarms: u8,
    /// By how much the first regular beat comes early.
    head_start_ms: u32,
    /// Whether the peer beats by itself, so that our questions only back it up.
    peer_beats: bool,
    /// Whether the last arrival came when a beat of the peer's own would.
    in_time: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Asked {
    first_at: Millis,
    times: u8,
    /// Asked because a message was not acknowledged, not because of silence.
    by_debt: bool,
}

impl Adaptive {
    /// A connection that shows life now. The seed decides when the first regular beat comes.
    #[must_use]
    pub fn new(bounds: Bounds, network: Network, learned: Learned, seed: u64, now: Millis) -> Self {
        let mut new = Self {
            bounds,
            network,
            learned,
            rtt: Estimator::default(),
            late_in_a_row: 0,
            life_at: now,
            asked: None,
            last_asked_at: now,
            debt_at: None,
            false_alarms: 0,
            head_start_ms: 0,
            peer_beats: false,
            in_time: false,
        };
        let interval = new.interval_ms();
        new.head_start_ms = interval - super::first_beat_ms(interval, seed);
        new
    }

    /// Something arrived.
    pub fn on_life(&mut self, now: Millis) {
        let interval = self.interval_ms();
        let asked = self.asked.take();
        let debt = self.debt_at.take();
        let (times, by_debt) = asked.map_or((0, false), |asked| (asked.times, asked.by_debt));
        let silence = asked.map_or(now, |asked| asked.first_at).saturating_sub(self.life_at);
        let full = debt.is_none() && fills(silence, interval);
        self.in_time = full && times <= 1;
        if self.rtt.is_known() && (full || times > 0) {
            let due = if self.peer_beats && !by_debt { 0 } else { 1 };
            self.class().late.note(times > due);
        }
        if full {
            self.class().succeeded(interval);
        }
        if times > 0 && by_debt {
            self.false_alarms = (self.false_alarms + 1).min(MOST_FALSE_ALARMS);
        } else if times > 0 {
            // Asked in silence: had the peer been beating, it had been heard before.
            self.peer_beats = false;
        }
        self.life_at = self.life_at.max(now);
    }

    /// A question was answered after this long. Late answers are left out as those to what was sent
    /// twice are (Karn's rule, RFC 6298 §3), unless they come in a row.
    pub fn on_rtt(&mut self, rtt_ms: u64) {
        let due = u64::from(self.rtt.rto_ms());
        if !self.rtt.is_known() || rtt_ms <= due {
            self.late_in_a_row = 0;
            return self.rtt.sample(rtt_ms);
        }
        self.late_in_a_row += 1;
        if self.late_in_a_row >= NEW_PATH {
            self.late_in_a_row = 0;
            self.rtt.sample(rtt_ms.min(2 * due));
        }
    }

    /// We asked the peer for a sign of life.
    pub fn on_asked(&mut self, now: Millis) {
        let by_debt = self.debt_at.is_some() && !self.is_silent(now);
        self.head_start_ms = if self.is_silent(now) { 0 } else { self.head_start_ms };
        let asked = self.asked.get_or_insert(Asked { first_at: now, times: 0, by_debt });
        self.last_asked_at = now;
        asked.times = asked.times.saturating_add(1);
    }

    /// We sent something that a live peer acknowledges. When it does not, it is asked long before
    /// the interval is over.
    pub fn on_debt(&mut self, now: Millis) {
        self.debt_at.get_or_insert(now);
    }

    /// The peer acknowledged something.
    pub const fn on_ack(&mut self) {
        self.false_alarms = 0;
    }

    /// What just arrived, and was noted as life, is a beat of the peer's own.
    pub const fn on_peer_beat(&mut self) {
        if self.in_time {
            self.peer_beats = true;
        }
    }

    /// The peer is on another network now. Round trips of the old one say nothing about it.
    pub fn change_network(&mut self, network: Network) {
        if network != self.network {
            self.network = network;
            self.rtt = Estimator::default();
            self.late_in_a_row = 0;
        }
    }

    /// The connection ended: given up, or otherwise. When nothing came for an interval, and no answer
    /// a round trip later either, that silence may have been too long for the link.
    pub fn on_end(&mut self, now: Millis, given_up: bool) {
        let interval = self.interval_ms();
        let asked_at = self.asked.take().map_or(now, |asked| asked.first_at);
        let overdue = now.saturating_sub(self.life_at) >= u64::from(interval.saturating_add(self.srtt_ms()));
        if (given_up || overdue) && self.debt_at.is_none() && fills(asked_at.saturating_sub(self.life_at), interval) {
            self.class().failed(interval);
        }
    }

    /// What is worth keeping for the next connection.
    #[must_use]
    pub const fn learned(&self) -> Learned {
        self.learned
    }

    /// Silence after which the peer is asked for a sign of life, in milliseconds.
    #[must_use]
    pub fn interval_ms(&self) -> u32 {
        let most = self.decide_ms().saturating_sub(self.patience_ms());
        self.known().interval_ms().min(most).max(self.floor_ms())
    }

    /// How long an answer may take before the peer is asked again, in milliseconds.
    #[must_use]
    pub fn suspect_after_ms(&self) -> u32 {
        self.rtt.rto_ms()
    }

    /// How long after the first question an unheard peer counts as dead, in milliseconds. As
    /// lateness asks for, within half of the time there is; more only for the round trip itself.
    #[must_use]
    pub fn patience_ms(&self) -> u32 {
        let half = self.decide_ms() / 2;
        let (least, most) = (LEAST_PATIENCE_MS.min(half), MOST_PATIENCE_MS.min(half));
        let asked_for = self.known().late.patience_ms(self.unit_ms()).clamp(least, most);
        asked_for.max(self.unit_ms().min(self.decide_ms() - self.floor_ms()))
    }

    /// What TCP waits before it sends again what was lost. It has seen every segment, so its
    /// deviation has settled, which ours has not after a few samples: at most half of a round trip.
    fn unit_ms(&self) -> u32 {
        let srtt = self.srtt_ms();
        let settled = srtt + (srtt / 2).max(GRANULARITY_MS);
        if !self.rtt.is_known() {
            return self.rtt.rto_ms();
        }
        // The estimator's own bound is no bound for a link that is slower than it.
        self.rtt.rto_ms().min(settled).max(srtt + srtt / 8)
    }

    /// When to ask next, if at all.
    #[must_use]
    pub fn ask_at(&self) -> Option<Millis> {
        if self.is_too_slow() {
            return Some(self.last_asked_at + u64::from(self.floor_ms()));
        }
        let Some(asked) = self.asked else {
            return Some(self.debt_due_at().map_or(self.silent_at(), |due| due.min(self.silent_at())));
        };
        (asked.times < MOST_ASKS).then_some(self.last_asked_at + u64::from(self.rtt.rto_ms()))
    }

    /// When to take the peer for dead.
    #[must_use]
    pub fn give_up_at(&self) -> Millis {
        if !self.rtt.is_known() || self.is_too_slow() {
            return self.life_at + u64::from(self.bounds.timeout_ms);
        }
        let due_at = self.ask_at().unwrap_or(self.life_at);
        let (first_at, by_debt) = self.asked.map_or((due_at, false), |asked| (asked.first_at, asked.by_debt));
        // Where much is said, more is delayed; and this question came early.
        let patience = if by_debt { self.decide_ms() / 2 } else { 0 }.max(self.patience_ms());
        let decided = self.life_at + u64::from(self.decide_ms());
        // A process that was stopped for a while asks late, and waits for an answer all the same.
        let answered = first_at + u64::from(self.answer_ms());
        (first_at + u64::from(patience)).min(decided).max(answered)
    }

    /// The least time for an answer, however late we asked.
    fn answer_ms(&self) -> u32 {
        self.rtt.rto_ms().min(LEAST_PATIENCE_MS / 2).min(self.patience_ms())
    }

    /// The time there is for interval and patience together.
    const fn decide_ms(&self) -> u32 {
        self.bounds.timeout_ms
    }

    fn floor_ms(&self) -> u32 {
        self.bounds.floor_ms.min(self.decide_ms() / 2)
    }

    /// A round trip that does not fit into the time beside the shortest interval: then questions go
    /// out every such interval, whatever arrives, and answers follow each other as closely.
    fn is_too_slow(&self) -> bool {
        self.srtt_ms() + self.srtt_ms() / 8 > self.decide_ms() - self.floor_ms()
    }

    /// The smoothed round trip, 0 before there is one.
    fn srtt_ms(&self) -> u32 {
        self.rtt.srtt_ms().and_then(|srtt| u32::try_from(srtt).ok()).unwrap_or(0)
    }

    /// When silence alone is a reason to ask. Behind the beats of a peer that beats by itself.
    fn silent_at(&self) -> Millis {
        let interval = self.interval_ms();
        // What is asked later is to be answered within the timeout all the same.
        let (patience, answer) = (self.patience_ms(), self.answer_ms());
        let slack = (interval / 8).max(self.rtt.rto_ms()).min(patience / 2).min(patience - answer);
        let early = self.head_start_ms.min(interval / 2);
        self.life_at + u64::from(interval - early) + if self.peer_beats { u64::from(slack) } else { 0 }
    }

    fn is_silent(&self, now: Millis) -> bool {
        now >= self.silent_at()
    }

    fn debt_due_at(&self) -> Option<Millis> {
        let wait = u64::from(self.rtt.rto_ms().saturating_add(ACK_MS).max(LEAST_ACK_MS)) << self.false_alarms;
        self.debt_at.map(|at| at + wait)
    }

    const fn known(&self) -> &Class {
        self.learned.class(self.network)
    }

    const fn class(&mut self) -> &mut Class {
        self.learned.class_mut(self.network)
    }
}

/// Whether a silence was as long as an interval, but for what timers and jitter take off.
const fn fills(silence: Millis, interval_ms: u32) -> bool {
    silence >= (interval_ms - interval_ms / 8) as Millis
}

#[cfg(test)]
mod tests;
