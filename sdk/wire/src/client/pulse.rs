//! When the client's beats go out.
//!
//! The server's Pings keep a link alive where the client sees them and where it does not. A client
//! that sees them lets them lead, and beats only when one is overdue; one that does not (a browser)
//! beats after an interval without anything that it sees.

use super::{Client, Millis, Phase, Timer};
use crate::heartbeat::{self, Mode, rtt::Estimator};

/// No answer is given less time before the timeout, unless a third of it is less. More would have clients beat before the
/// Pings of long intervals.
const LEAST_ANSWER_MS: u32 = 3_000;

/// What the adaptive mode goes by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Pulse {
    rtt: Estimator,
    /// Whether the platform shows us Pings.
    sees_pings: bool,
    /// By how much the first regular beat comes early.
    head_start_ms: u32,
    /// Beats since the last arrival.
    unanswered: u32,
}

impl Pulse {
    /// How long after an arrival the next beat is due. An interval may be longer than the timeout, and Pings are put off
    /// by what the server hears, not by what we do: so the answer must still have its time (`PROTOCOL.md` §6.12).
    fn wait_ms(&self, heartbeat_ms: u32, timeout_ms: u32) -> u32 {
        let wait = if self.sees_pings {
            let slack = (heartbeat_ms / 8).max(self.rtt.rto_ms()).min(heartbeat_ms / 2);
            heartbeat_ms.saturating_add(slack)
        } else {
            // The interval may be shorter by now than the one that the head start is a part of.
            heartbeat_ms - self.head_start_ms.min(heartbeat_ms / 2)
        };
        wait.min(timeout_ms - self.answer_ms(timeout_ms))
    }

    /// The part of the timeout that is left for an answer: a third, or less where round trips are known to be short.
    fn answer_ms(&self, timeout_ms: u32) -> u32 {
        let third = timeout_ms / 3;
        if self.rtt.is_known() { self.rtt.rto_ms().max(LEAST_ANSWER_MS).min(third) } else { third }
    }

    /// How long after a beat without an answer the next is due: twice, four times … a round trip.
    fn again_ms(&self, heartbeat_ms: u32) -> u32 {
        let doubled = u64::from(self.rtt.rto_ms().max(1_000)) << self.unanswered.min(16);
        u32::try_from(doubled).unwrap_or(u32::MAX).min(heartbeat_ms)
    }
}

impl Client {
    /// The connection is live from now on.
    pub(super) fn start_pulse(&mut self, now: Millis) {
        let Phase::Active(active) = &mut self.phase else { return };
        if self.config.mode == Mode::Adaptive {
            let first = heartbeat::first_beat_ms(active.heartbeat_ms, self.retry.random());
            active.pulse.head_start_ms = active.heartbeat_ms.saturating_sub(first);
        }
        self.timers.set(Timer::Beat, now + u64::from(active.heartbeat_ms));
        self.note_life(now);
    }

    /// Something arrived.
    pub(super) fn note_life(&mut self, now: Millis) {
        let Phase::Active(active) = &mut self.phase else { return };
        self.timers.set(Timer::Expiry, now + u64::from(active.timeout_ms));
        match self.config.mode {
            Mode::Table => self.timers.set(Timer::Probe, now + heartbeat::probe_after(active.timeout_ms)),
            Mode::Adaptive => {
                active.pulse.unanswered = 0;
                let wait = active.pulse.wait_ms(active.heartbeat_ms, active.timeout_ms);
                self.timers.set(Timer::Beat, now + u64::from(wait));
            }
        }
    }

    /// A Ping arrived, and was noted as life.
    pub(super) fn note_ping(&mut self, now: Millis) {
        let Phase::Active(active) = &mut self.phase else { return };
        if !core::mem::replace(&mut active.pulse.sees_pings, true) {
            self.note_life(now);
        }
    }

    /// A beat went out: when the next one does, unless something arrives.
    pub(super) fn beat_again(&mut self, now: Millis) {
        let Phase::Active(active) = &mut self.phase else { return };
        let wait = match self.config.mode {
            Mode::Table => active.heartbeat_ms,
            Mode::Adaptive => active.pulse.again_ms(active.heartbeat_ms),
        };
        active.pulse.unanswered = active.pulse.unanswered.saturating_add(1);
        self.timers.set(Timer::Beat, now + u64::from(wait));
    }

    /// The regular beat is due.
    pub(super) fn regular_beat(&mut self, now: Millis) {
        if let Phase::Active(active) = &mut self.phase {
            active.pulse.head_start_ms = 0;
        }
        self.beat(now, None);
    }

    /// The answer to a beat came after this long.
    pub(super) fn note_rtt(&mut self, rtt_ms: u64) {
        if let Phase::Active(active) = &mut self.phase {
            active.pulse.rtt.sample(rtt_ms);
        }
    }
}
