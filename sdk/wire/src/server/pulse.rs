//! What the heartbeat makes of what happens: the table's timers, or the learned ones.

use alloc::boxed::Box;

use super::{Config, Millis, Phase, Server, Timer};
use crate::close;
use crate::frame::{Network, ServerFrame};
use crate::heartbeat::{self, Adaptive, Learned, Mode, adaptive::Bounds};

/// The learned heartbeat of a new connection, if it has one.
pub(super) fn adaptive(config: &Config, network: Network, now: Millis) -> Option<Box<Adaptive>> {
    let bounds = Bounds { timeout_ms: config.timeout_ms, floor_ms: config.table.floor };
    match config.mode {
        Mode::Table => None,
        Mode::Adaptive => Some(Box::new(Adaptive::new(bounds, network, config.learned, config.seed, now))),
    }
}

impl Server {
    /// What the connection learned for the next one of its session, also after its end; `None` in
    /// [`Mode::Table`].
    #[must_use]
    pub fn learned(&self) -> Option<Learned> {
        self.adaptive.as_ref().map(|adaptive| adaptive.learned())
    }

    /// Something arrived.
    pub(super) fn note_life(&mut self, now: Millis) {
        if !matches!(self.phase, Phase::Active(_)) {
            return;
        }
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.on_life(now);
            return self.rearm();
        }
        self.timers.set(Timer::Probe, now + heartbeat::probe_after(self.config.timeout_ms));
        self.timers.set(Timer::Expiry, now + u64::from(self.config.timeout_ms));
    }

    /// A Ping went out.
    pub(super) fn note_asked(&mut self, now: Millis) {
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.on_asked(now);
            self.rearm();
        }
    }

    /// A frame went out; a message must be acknowledged.
    pub(super) fn note_debt(&mut self, now: Millis, frame: &ServerFrame) {
        if let (Some(adaptive), ServerFrame::Message(_)) = (&mut self.adaptive, frame) {
            adaptive.on_debt(now);
            self.rearm();
        }
    }

    /// A beat of the client came, perhaps from another network than before.
    pub(super) fn note_beat(&mut self, changed: Option<Network>) {
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.on_peer_beat();
            if let Some(network) = changed {
                adaptive.change_network(network);
            }
            self.rearm();
        }
    }

    /// The client acknowledged something.
    pub(super) fn note_ack(&mut self) {
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.on_ack();
        }
    }

    /// A round trip was measured, for either mode: the table has its own copy.
    pub(super) fn note_rtt(&mut self, rtt_ms: u64) {
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.on_rtt(rtt_ms);
            self.rearm();
        }
    }

    /// The connection ends with a code of ours.
    pub(super) fn note_end(&mut self, code: u16) {
        if let (Some(adaptive), Phase::Active(_)) = (&mut self.adaptive, &self.phase) {
            adaptive.on_end(self.now, code == close::EXPIRED);
        }
    }

    /// The next regular Ping, counted from now. The adaptive mode counts from the last arrival and
    /// has set it already.
    pub(super) fn rearm_ping(&mut self, now: Millis) {
        if self.adaptive.is_none() {
            self.timers.set(Timer::Ping, now + u64::from(self.heartbeat_ms()));
        }
    }

    fn rearm(&mut self) {
        let (Some(adaptive), Phase::Active(_)) = (&self.adaptive, &self.phase) else { return };
        match adaptive.ask_at() {
            Some(at) => self.timers.set(Timer::Ping, at),
            None => self.timers.clear(Timer::Ping),
        }
        self.timers.set(Timer::Expiry, adaptive.give_up_at());
    }
}
