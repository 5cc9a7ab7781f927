//! What an observer of a client knows. Times are the world's, `sent_ms` of beats the client's own.

use std::collections::VecDeque;

use rolecall_wire::client;
use rolecall_wire::frame::{ClientFrame, Network, ServerFrame};
use rolecall_wire::heartbeat::Mode;

use crate::property::{Held, hold};

/// A connection that lasted this long lets delays start over (§7.5).
const STABLE_MS: u64 = 5_000;
/// An answer to a beat has at least so much of the timeout, or a third of it (§6.12).
const LEAST_ANSWER_MS: u64 = 3_000;
/// A beat that nothing follows is repeated no sooner.
const LEAST_AGAIN_MS: u64 = 1_000;
/// So many delays below the least bound do not come in a row by chance once the bound has doubled.
const LUCKY: u32 = 10;

/// An observer of a client. Times are the world's, `sent_ms` of beats the client's own.
#[derive(Debug, Default)]
pub(crate) struct ClientWatch {
    /// When the attempt under way began.
    pub(crate) since: u64,
    /// When the `Welcome` came.
    pub(crate) welcomed: Option<u64>,
    /// The epoch that the last `Welcome` or the saved position named.
    pub(crate) epoch: u32,
    /// When anything last came.
    pub(crate) heard: u64,
    pub(crate) timeout_ms: u64,
    heartbeat_ms: u64,
    /// When the next beat is due at the latest.
    pub(crate) beat_due: u64,
    /// Whether beats are left out that arrivals make needless (§6.12).
    leaves_out: bool,
    /// When the last beat went out.
    beat_at: u64,
    /// Whether the machine was shown a Ping on this connection.
    saw_ping: bool,
    /// The clocks of the beats that are not answered.
    beats: VecDeque<u64>,
    /// The clock of the last beat, until it is measured.
    beat: Option<u64>,
    /// The round trip that must be reported now.
    pub(crate) expected: Option<u64>,
    /// The last acknowledgement on this connection.
    acked: u64,
    /// When an acknowledgement is due at the latest.
    pub(crate) ack_due: Option<u64>,
    resumed: bool,
    under_way: Option<u64>,
    /// Which number stands for which message, as far as the server may have it.
    numbers: Vec<(u64, String)>,
    /// Messages that an earlier process may have sent.
    before: Vec<String>,
    /// Messages that were sent, each as often as it was.
    sends: Vec<String>,
    attempts: u32,
    lucky: u32,
    /// When the server asked to be called again.
    pub(crate) come_back_at: Option<u64>,
    /// When the next attempt must begin.
    pub(crate) reconnect_at: Option<u64>,
    /// Whether the last frame was a message, which settles what it shows.
    pub(crate) by_message: bool,
    /// Whether so much was processed that the acknowledgement does not wait.
    pub(crate) many: bool,
    /// Whether the server closed the connection.
    pub(crate) closed: bool,
    /// Whether anything happened to the connection that may delay or lose what is sent.
    pub(crate) harmed: bool,
    /// A change of the network type that must be told now.
    pub(crate) untold: Option<Network>,
}

impl ClientWatch {
    /// An observer of a process that may repeat what an earlier one sent.
    pub(crate) fn new(before: Vec<String>, epoch: u32, config: &client::Config) -> Self {
        Self { before, epoch, leaves_out: config.mode == Mode::Adaptive, ..Self::default() }
    }

    /// Something is about to come in that the machine is shown.
    pub(crate) fn hears(&mut self, now: u64, ping: bool) {
        self.heard = now;
        self.saw_ping |= ping;
        self.put_off(now);
    }

    /// A client that leaves beats out beats an interval behind the last arrival. One that sees Pings lets them lead,
    /// and beats when one is overdue.
    fn put_off(&mut self, now: u64) {
        if self.leaves_out {
            let slack = if self.saw_ping { self.heartbeat_ms / 2 } else { 0 };
            // An answer needs some of the timeout, too.
            let least = LEAST_ANSWER_MS.min(self.timeout_ms / 3);
            self.beat_due = now + (self.heartbeat_ms + slack).min(self.timeout_ms - least);
        }
    }

    /// A socket is being opened.
    pub(crate) fn connecting(&mut self, now: u64, awake: bool) -> Held {
        let due = self.reconnect_at.take();
        let early = due.is_some_and(|due| now < due);
        hold!(!early && (due.is_none_or(|due| due == now) || !awake), P12, "an attempt at {now}, due at {due:?}");
        self.since = now;
        self.welcomed = None;
        self.come_back_at = None;
        self.expected = None;
        self.ack_due = None;
        self.resumed = false;
        self.under_way = None;
        self.beat = None;
        self.beats.clear();
        (self.closed, self.harmed, self.saw_ping) = (false, false, false);
        Ok(())
    }

    /// The client leaves its connection, or its wait for one, of its own accord.
    pub(crate) fn left(&mut self) {
        (self.welcomed, self.reconnect_at, self.ack_due, self.untold) = (None, None, None, None);
    }

    /// A frame is about to come in.
    pub(crate) fn came(&mut self, now: u64, clock: u64, frame: &ServerFrame) -> Held {
        self.by_message = matches!(frame, ServerFrame::Message(_));
        match frame {
            ServerFrame::Welcome { epoch, client_seq, heartbeat_ms, timeout_ms, .. } => {
                self.epoch = *epoch;
                self.welcomed = Some(now);
                self.timeout_ms = u64::from(*timeout_ms).max(1_000);
                self.heartbeat_ms = u64::from(*heartbeat_ms).max(1_000);
                self.put_off(now);
                self.acked = 0;
                self.ack_due = None;
                let known = *client_seq;
                self.numbers.retain(|(number, _)| *number <= known);
            }
            ServerFrame::Resumed { .. } => self.resumed = true,
            ServerFrame::Accepted { id, client_seq, .. } => {
                self.under_way = None;
                // Where the number is another message's, ours gets another number.
                self.numbers.retain(|(number, own)| number != client_seq || own == id);
            }
            ServerFrame::Error { id: Some(id), code, .. } => {
                self.under_way = None;
                if code != "client_seq_forgotten" {
                    self.numbers.retain(|(_, other)| other != id);
                }
            }
            ServerFrame::Message(message) => {
                if let rolecall_wire::frame::Body::User { id, .. } = &message.body
                    && self.numbers.iter().any(|(number, own)| own == id && Some(*number) == self.under_way)
                {
                    self.under_way = None;
                }
            }
            ServerFrame::Beat { echo_ms, heartbeat_ms } => {
                self.heartbeat_ms = u64::from(*heartbeat_ms).max(1_000);
                self.put_off(now);
                let asked = self.beats.pop_front();
                hold!(asked == Some(*echo_ms), P11, "a beat of {asked:?} is answered with {echo_ms}");
                if self.welcomed.is_some() && self.beat.take_if(|sent| *sent == *echo_ms).is_some() {
                    self.expected = Some(clock.saturating_sub(*echo_ms));
                }
            }
            ServerFrame::Goaway { after_ms } => self.come_back_at = Some(now + u64::from(*after_ms)),
            ServerFrame::Error { id: None, .. } | ServerFrame::Skipped { .. } | ServerFrame::Token { .. } => {}
        }
        Ok(())
    }

    /// A frame goes out.
    pub(crate) fn goes(&mut self, now: u64, clock: u64, frame: &ClientFrame, processed: u64) -> Held {
        hold!(self.welcomed.is_some(), P13, "{frame:?} before the Welcome");
        match frame {
            ClientFrame::Ack { seq } => {
                hold!(*seq > self.acked, P7, "an Ack of {seq} behind one of {}", self.acked);
                let due = self.ack_due.is_some_and(|due| now >= due);
                hold!(due, P10, "an Ack of {seq} at {now}, due at {:?}", self.ack_due);
                self.acknowledged(*seq, processed)?;
            }
            ClientFrame::Beat { ack, sent_ms, network } => {
                hold!(*ack >= self.acked, P7, "a beat acknowledges {ack} behind {}", self.acked);
                hold!(*sent_ms == clock, P11, "a beat of {sent_ms} at {clock}");
                self.acknowledged(*ack, processed)?;
                let first = self.welcomed.is_some_and(|since| since == now);
                let silent = now - self.heard;
                let out_of_turn = 3 * (silent + 1) >= 2 * self.timeout_ms;
                let needed = first || network.is_some() || 2 * silent >= self.heartbeat_ms || out_of_turn;
                // What is not answered is said again.
                let needed = needed || self.heard <= self.beat_at && now >= self.beat_at + LEAST_AGAIN_MS;
                hold!(needed || !self.leaves_out, P11, "a beat at {now}, behind an arrival at {}", self.heard);
                self.beat_at = now;
                self.beat = Some(*sent_ms);
                self.beats.push_back(*sent_ms);
                self.beat_due = now + self.heartbeat_ms;
                if network.is_some() && *network == self.untold {
                    self.untold = None;
                }
            }
            ClientFrame::Send { id, client_seq, .. } => {
                hold!(self.resumed, P8, "{id} is sent before the replay is over, which may settle it");
                hold!(self.under_way.is_none(), P8, "{id} is sent while {:?} is under way", self.under_way);
                let other = self.numbers.iter().find(|(number, other)| number == client_seq && other != id);
                hold!(other.is_none(), P8, "{id} is sent with number {client_seq}, which is {other:?}");
                self.under_way = Some(*client_seq);
                self.sends.push(id.clone());
                if !self.numbers.iter().any(|(number, _)| number == client_seq) {
                    self.numbers.push((*client_seq, id.clone()));
                }
            }
            ClientFrame::Cancel { .. } => {}
        }
        Ok(())
    }

    /// Whether a message was sent more than once, or before this process.
    pub(crate) fn repeated(&self, id: &str) -> bool {
        self.before.iter().any(|old| old == id) || self.sends.iter().filter(|sent| *sent == id).count() > 1
    }

    fn acknowledged(&mut self, seq: u64, processed: u64) -> Held {
        hold!(seq <= processed, P7, "{seq} is acknowledged, {processed} was processed");
        self.acked = seq;
        self.ack_due = None;
        Ok(())
    }

    /// The application has processed up to here.
    pub(crate) fn processed(&mut self, now: u64, seq: u64, config: &client::Config) {
        if self.welcomed.is_some() && seq > self.acked && self.ack_due.is_none() {
            self.ack_due = Some(now + u64::from(config.ack_after_ms));
        }
        self.many = seq.saturating_sub(self.acked) >= config.ack_every;
        if self.many && self.welcomed.is_some() {
            self.ack_due = Some(now);
        }
    }

    /// The connection ended, and the next attempt was announced. Returns whether delays started over.
    pub(crate) fn ended(
        &mut self,
        now: u64,
        retry_in_ms: u64,
        later: bool,
        config: &client::Config,
    ) -> Result<bool, crate::property::Violation> {
        let stable = self.welcomed.take().is_some_and(|since| now - since >= STABLE_MS);
        if stable {
            (self.attempts, self.lucky) = (0, 0);
        }
        self.reconnect_at = Some(now + retry_in_ms);
        self.ack_due = None;
        self.untold = None;
        if let Some(at) = self.come_back_at {
            let told = at.saturating_sub(now);
            hold!(retry_in_ms == told, P12, "the server said {told} ms, the client says {retry_in_ms}");
            return Ok(stable);
        }
        let backoff = &config.backoff;
        let bound = backoff.base_ms.saturating_mul(1 << self.attempts.min(32)).min(backoff.cap_ms);
        self.attempts += 1;
        let least = if later { backoff.later_ms } else { 0 };
        let within = (least..=least + bound).contains(&retry_in_ms);
        hold!(within, P12, "attempt {} in {retry_in_ms} ms, not {least}..={}", self.attempts, least + bound);
        self.lucky = if retry_in_ms - least <= backoff.base_ms { self.lucky + 1 } else { 0 };
        hold!(self.lucky < LUCKY, P12, "{} delays in a row below {} ms", self.lucky, backoff.base_ms);
        Ok(stable)
    }
}
