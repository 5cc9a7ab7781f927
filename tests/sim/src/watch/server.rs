//! What an observer of a connection's server knows. Times are the node's own.

use std::collections::VecDeque;

use rolecall_wire::frame::{Hello, Network};
use rolecall_wire::heartbeat::{Learned, Mode};
use rolecall_wire::server::{self, Server};

use super::asks::Asks;
use super::lessons::{Change, Lessons, fills};
use crate::count::{Count, Counts};
use crate::property::{Held, hold};

/// Pings that may be under way; older ones measure nothing (`PROTOCOL.md` §10).
const PINGS: usize = 8;

/// An observer of a connection's server.
#[derive(Debug)]
pub(crate) struct ServerWatch {
    /// When anything last came.
    pub(crate) heard: u64,
    /// When the next regular Ping is due at the latest.
    pub(crate) ping_due: u64,
    pings: VecDeque<(Vec<u8>, u64)>,
    pub(crate) network: Network,
    rtts: VecDeque<u64>,
    /// The round trip that must be reported now.
    pub(crate) expected: Option<u64>,
    pub(crate) acked: u64,
    pub(crate) sent: u64,
    /// When the last message went out.
    pub(crate) full_at: u64,
    /// Since when a message waits in the machine for others to come with it.
    pub(crate) waits_since: Option<u64>,
    /// The end of the last skip, or where the connection began.
    pub(crate) skipped: u64,
    /// Where the heartbeat is learned.
    learner: Option<Learner>,
}

/// An observer of a learned heartbeat.
#[derive(Debug)]
struct Learner {
    asks: Asks,
    lessons: Lessons,
}

impl ServerWatch {
    /// Messages under way.
    pub(crate) fn under_way(&self) -> u64 {
        self.sent - self.acked.max(self.skipped)
    }

    pub(crate) const fn new() -> Self {
        Self {
            heard: 0,
            ping_due: 0,
            pings: VecDeque::new(),
            network: Network::Other,
            rtts: VecDeque::new(),
            expected: None,
            acked: 0,
            sent: 0,
            skipped: 0,
            full_at: 0,
            waits_since: None,
            learner: None,
        }
    }

    /// The session is attached, and the `Welcome` about to go out.
    pub(crate) fn welcomed(&mut self, now: u64, hello: &Hello, known: Learned, config: &server::Config) {
        self.network = hello.network;
        (self.heard, self.sent, self.skipped) = (now, hello.last_seq, hello.last_seq);
        self.learner = (config.mode == Mode::Adaptive).then(|| Learner {
            asks: Asks::new(now, config.timeout_ms, config.table.floor),
            lessons: Lessons::new(known, hello.network),
        });
    }

    /// Something is about to come in.
    pub(crate) fn hears(&mut self, now: u64) {
        if let Some(Learner { asks, lessons }) = &mut self.learner {
            let until = asks.asked_since().map_or(now, |asked| asked.first);
            if !asks.is_owed() {
                lessons.survived(until.saturating_sub(self.heard), asks.interval());
            }
            asks.heard(now);
        }
        self.heard = now;
    }

    /// A message goes out.
    pub(crate) fn owes(&mut self, now: u64) {
        if let Some(learner) = &mut self.learner {
            learner.asks.owes(now);
        }
    }

    /// The client acknowledged something.
    pub(crate) fn acknowledged(&mut self, seq: u64) {
        self.acked = seq;
        if let Some(learner) = &mut self.learner {
            learner.asks.acked();
        }
    }

    /// The machine is at rest: what it says of itself fits what was seen.
    pub(crate) fn settled(&mut self, server: &Server, config: &server::Config, counts: &mut Counts) -> Held {
        let told = server.heartbeat_ms();
        let (Some(Learner { asks, lessons }), Some(learned)) = (&mut self.learner, server.learned()) else {
            let interval = self.interval_ms(config);
            hold!(self.learner.is_none() && server.learned().is_none(), P11, "the heartbeat is learned, or not");
            hold!(told == interval, P11, "an interval of {told} ms, not {interval}");
            return Ok(());
        };
        if lessons.settled(learned, self.network)? == Change::Longer {
            counts.add(Count::Longer);
        }
        if asks.is_too_slow() {
            counts.add(Count::TooSlow);
        }
        asks.told(told, lessons.bears_ms())
    }

    /// The machine gave the connection up, or it ended otherwise.
    pub(crate) fn ended(&mut self, now: u64, server: &Server, given_up: bool, counts: &mut Counts) -> Held {
        let (Some(Learner { asks, lessons }), Some(learned)) = (&mut self.learner, server.learned()) else {
            return Ok(());
        };
        let until = asks.asked_since().map_or(now, |asked| asked.first);
        let silent = until.saturating_sub(self.heard);
        let in_silence = fills(silent, asks.interval()) && !asks.is_owed();
        if lessons.ended(learned, in_silence, given_up, asks.interval())? == Change::Shorter {
            counts.add(Count::Shorter);
        }
        Ok(())
    }

    /// When the next Ping is due at the latest, if one is.
    pub(crate) fn asks_by(&self) -> Option<u64> {
        self.learner.as_ref().map_or(Some(self.ping_due), |learner| learner.asks.due())
    }

    /// When silence ends the connection: not before the first, if ever yet, and not behind the second.
    pub(crate) fn gives_up(&self, config: &server::Config) -> (Option<u64>, u64) {
        let whole = self.heard + u64::from(config.timeout_ms);
        self.learner.as_ref().map_or((Some(whole), whole), |learner| learner.asks.gives_up())
    }

    /// A Ping goes out.
    pub(crate) fn ping(&mut self, now: u64, payload: &[u8], config: &server::Config, counts: &mut Counts) -> Held {
        if let Some(learner) = &mut self.learner {
            if learner.asks.asks(now)? {
                counts.add(Count::AskedEarly);
            }
        } else if now >= self.ping_due {
            self.ping_due = now + u64::from(self.interval_ms(config));
        }
        self.pings.push_back((payload.to_vec(), now));
        if self.pings.len() > PINGS {
            self.pings.pop_front();
        }
        Ok(())
    }

    /// A Pong is about to come in.
    pub(crate) fn pong(&mut self, now: u64, payload: &[u8]) {
        let Some(place) = self.pings.iter().position(|(sent, _)| sent == payload) else { return };
        self.expected = self.pings.drain(..=place).next_back().map(|(_, at)| now.saturating_sub(at));
    }

    /// A round trip was reported.
    pub(crate) fn measured(&mut self, rtt_ms: u64) -> Held {
        let expected = self.expected.take();
        hold!(expected == Some(rtt_ms), P11, "a server measured {rtt_ms} ms, it was {expected:?}");
        self.rtts.push_back(rtt_ms);
        if self.rtts.len() > 3 {
            self.rtts.pop_front();
        }
        if let Some(learner) = &mut self.learner {
            learner.asks.measured(rtt_ms);
        }
        Ok(())
    }

    /// The network type is another one now.
    pub(crate) fn network(&mut self, now: u64, network: Network, config: &server::Config) {
        self.network = network;
        self.rtts.clear();
        if let Some(learner) = &mut self.learner {
            learner.asks.moved();
        }
        self.ping_due = now + u64::from(self.interval_ms(config));
    }

    /// The interval by the table and the published formula, in floating point.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "minutes at most, and no less than 100/200"
    )]
    pub(crate) fn interval_ms(&self, config: &server::Config) -> u32 {
        let base = config.table.base_ms(self.network);
        if let Some(fixed) = config.heartbeat_ms {
            return fixed;
        }
        let (3, Some(latest)) = (self.rtts.len(), self.rtts.back()) else { return base };
        let mean = self.rtts.iter().map(|rtt| *rtt as f64).sum::<f64>() / 3.0;
        let variance = self.rtts.iter().map(|rtt| (*rtt as f64 - mean).powi(2)).sum::<f64>() / 3.0;
        // Whole numbers: a variance that is not exactly 2,500 differs from it by two ninths at least.
        if variance < 2_500.1 {
            return base;
        }
        // Multiplied out, so that halves are exact.
        let longer = f64::from(base) * (1.8f64 * 200.0).min(200.0 + (*latest as f64 - 100.0)) / 200.0;
        (longer.round() as u32).max(config.table.floor)
    }
}
