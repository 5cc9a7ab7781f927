//! When a server whose heartbeat is learned may ask for a sign of life, and when it must (`PROTOCOL.md` §6.7 to 10).
//!
//! What the observer cannot see, such as whether the client's own beats come in time, leaves a range; the estimator of
//! round trips is the machine's, which has an oracle of its own, but which samples it gets is decided here.

use rolecall_wire::heartbeat::rtt::Estimator;

use crate::property::{Held, Violation, hold};

/// Questions in one silence.
const MOST_ASKS: u8 = 2;
/// A message may wait so long for its acknowledgement, beside a round trip; and so long at least.
const ACK_MS: u64 = 500;
const LEAST_ACK_MS: u64 = 2_000;
/// So many times may that be doubled.
const MOST_ALARMS: u8 = 4;
/// Late answers in a row that count.
const NEW_PATH: u8 = 3;
/// Least patience with an unanswered question, unless half of the timeout is less.
const LEAST_PATIENCE_MS: u64 = 4_000;

/// An observer of the questions.
#[derive(Debug)]
pub(crate) struct Asks {
    timeout_ms: u64,
    floor_ms: u64,
    /// What the machine says is the interval now.
    interval_ms: u64,
    heard: u64,
    rtt: Estimator,
    late_in_a_row: u8,
    asked: Option<Asked>,
    last_asked: u64,
    /// Since when a message waits for its acknowledgement, and nothing came.
    owed_since: Option<u64>,
    /// How often in a row a peer turned out to live that was asked because of that, at least and at most.
    alarms: (u8, u8),
    /// Whether the first regular question is still to come, which is early.
    may_be_early: bool,
}

/// Questions in one silence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) first: u64,
    pub(crate) times: u8,
    /// Whether only a message that was not acknowledged can be the reason; and whether it can.
    surely_owed: bool,
    maybe_owed: bool,
}

impl Asks {
    /// At the `Welcome`.
    pub(crate) fn new(now: u64, timeout_ms: u32, floor_ms: u32) -> Self {
        let timeout_ms = u64::from(timeout_ms);
        Self {
            timeout_ms,
            floor_ms: u64::from(floor_ms).min(timeout_ms / 2),
            interval_ms: 0,
            heard: now,
            rtt: Estimator::default(),
            late_in_a_row: 0,
            asked: None,
            last_asked: now,
            owed_since: None,
            alarms: (0, 0),
            may_be_early: true,
        }
    }

    /// The machine says what its interval is, which is never above what the class bears, nor takes more of the
    /// timeout than patience leaves.
    pub(crate) fn told(&mut self, interval_ms: u32, bears_ms: u32) -> Held {
        let (told, bears) = (u64::from(interval_ms), u64::from(bears_ms));
        let most = bears.min(self.timeout_ms - self.least_patience()).max(self.floor_ms);
        let least = bears.min(self.timeout_ms.saturating_sub(self.most_patience())).max(self.floor_ms);
        hold!((least..=most).contains(&told), P11, "an interval of {told} ms, not {least}..={most}");
        self.interval_ms = told;
        Ok(())
    }

    /// What the machine last said is the interval.
    pub(crate) const fn interval(&self) -> u64 {
        self.interval_ms
    }

    /// What was asked since anything came.
    pub(crate) const fn asked_since(&self) -> Option<Asked> {
        self.asked
    }

    /// Whether a message waits for its acknowledgement, and nothing came since.
    pub(crate) const fn is_owed(&self) -> bool {
        self.owed_since.is_some()
    }

    /// Something is about to come in.
    pub(crate) fn heard(&mut self, now: u64) {
        if let Some(asked) = self.asked.take() {
            let raise = |alarms: u8, by: bool| (alarms + u8::from(by)).min(MOST_ALARMS);
            self.alarms = (raise(self.alarms.0, asked.surely_owed), raise(self.alarms.1, asked.maybe_owed));
        }
        (self.heard, self.owed_since) = (now, None);
    }

    /// The client acknowledged something.
    pub(crate) const fn acked(&mut self) {
        self.alarms = (0, 0);
    }

    /// A message went out.
    pub(crate) fn owes(&mut self, now: u64) {
        self.owed_since.get_or_insert(now);
    }

    /// A round trip was measured. Late ones count only in a row, and for no more than twice what was foreseen.
    pub(crate) fn measured(&mut self, rtt_ms: u64) {
        let foreseen = self.rto();
        let late = self.rtt.is_known() && rtt_ms > foreseen;
        self.late_in_a_row = if late { self.late_in_a_row + 1 } else { 0 };
        if !late {
            self.rtt.sample(rtt_ms);
        } else if self.late_in_a_row == NEW_PATH {
            self.late_in_a_row = 0;
            self.rtt.sample(rtt_ms.min(2 * foreseen));
        }
    }

    /// The client is on another network, about which the round trips say nothing.
    pub(crate) fn moved(&mut self) {
        (self.rtt, self.late_in_a_row) = (Estimator::default(), 0);
    }

    /// A Ping goes out. The one behind the `Welcome` is always due. Says whether one was due because of a message.
    pub(crate) fn asks(&mut self, now: u64) -> Result<bool, Violation> {
        let silent = now.saturating_sub(self.heard);
        let greets = self.interval_ms == 0;
        let owed = self.asked.is_none() && self.owed_due(self.alarms.0).is_some_and(|due| now >= due);
        let regular = self.asked.is_none() && silent >= self.interval_ms;
        let early = self.asked.is_none() && self.may_be_early && 2 * silent >= self.interval_ms;
        let again = self.asked.is_some_and(|asked| asked.times < MOST_ASKS) && now >= self.last_asked + self.rto();
        let slow = self.is_too_slow() && now >= self.last_asked + self.floor_ms;
        let due = greets || owed || regular || early || again || slow;
        hold!(due, P11, "a Ping after {silent} ms of {}, behind {:?}", self.interval_ms, self.asked);
        if !greets && (regular || early) && !owed && !slow {
            self.may_be_early = false;
        }
        let surely_owed = owed && !regular && !early && !slow;
        let asked = Asked { first: now, times: 0, surely_owed, maybe_owed: owed };
        self.asked.get_or_insert(asked).times += 1;
        self.last_asked = now;
        Ok(surely_owed)
    }

    /// When the next question is due at the latest, if one is.
    pub(crate) fn due(&self) -> Option<u64> {
        if self.is_too_slow() {
            return Some(self.last_asked + self.floor_ms);
        }
        match self.asked {
            Some(asked) if asked.times >= MOST_ASKS => None,
            Some(_) => Some(self.last_asked + self.rto()),
            None => {
                // Where the client's own beats come in time, one of them must be overdue.
                let silent = self.heard + self.interval_ms + self.rto().max(self.interval_ms / 8);
                Some(self.owed_due(self.alarms.1).map_or(silent, |due| due.min(silent)))
            }
        }
    }

    /// When silence ends the connection: not before the first, and not behind the second. Not at all while nobody was
    /// asked and a round trip is known.
    pub(crate) fn gives_up(&self) -> (Option<u64>, u64) {
        let whole = self.heard + self.timeout_ms;
        if !self.rtt.is_known() || self.is_too_slow() {
            return (Some(whole), whole);
        }
        let Some(asked) = self.asked else { return (None, whole) };
        // A question that came early, for a message's sake, is given more time.
        let least = if asked.surely_owed { self.timeout_ms / 2 } else { self.least_patience() };
        (Some((asked.first + least).min(whole)), (asked.first + self.most_patience()).min(whole))
    }

    /// Whether the round trip does not fit beside the shortest interval.
    pub(crate) fn is_too_slow(&self) -> bool {
        let srtt = self.rtt.srtt_ms().unwrap_or(0);
        srtt + srtt / 8 > self.timeout_ms - self.floor_ms
    }

    fn least_patience(&self) -> u64 {
        LEAST_PATIENCE_MS.min(self.timeout_ms / 2)
    }

    /// Half of the timeout, or the round trip where that is more.
    fn most_patience(&self) -> u64 {
        let srtt = self.rtt.srtt_ms().unwrap_or(0);
        (self.timeout_ms / 2).max(self.rto()).max(srtt + srtt / 8)
    }

    fn owed_due(&self, alarms: u8) -> Option<u64> {
        self.owed_since.map(|since| since + ((self.rto() + ACK_MS).max(LEAST_ACK_MS) << alarms))
    }

    fn rto(&self) -> u64 {
        self.rtt.rto_ms().into()
    }
}
