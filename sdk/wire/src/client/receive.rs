//! What the client makes of a server's frames.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Active, Advice, Client, Event, Millis, Phase, Timer};
use crate::close;
use crate::codec::DecodeError;
use crate::frame::{Body, Message, ServerFrame};

/// A `Welcome`, without what the machine does not need.
struct Welcome {
    role: String,
    epoch: u32,
    next_seq: u64,
    resume_from: u64,
    client_seq: u64,
    heartbeat_ms: u32,
    timeout_ms: u32,
}

impl Client {
    pub(super) fn on_decoded(&mut self, now: Millis, frames: Result<Vec<ServerFrame>, DecodeError>) {
        match frames {
            Ok(frames) => {
                for frame in frames {
                    // One of them may end the connection.
                    if matches!(self.phase, Phase::Handshaking | Phase::Active(_)) {
                        self.on_frame(now, frame);
                    }
                }
            }
            Err(error) => self.stop(error.close_code(), &error.to_string()),
        }
    }

    /// The payload ends with the highest sequence id sent before the Ping: what is missing now
    /// will not come on this connection.
    pub(super) fn on_ping(&mut self, now: Millis, payload: &[u8]) {
        self.note_life(now);
        self.note_ping(now);
        let sent = payload.last_chunk::<8>().filter(|_| payload.len() == 16).map_or(0, |seq| u64::from_be_bytes(*seq));
        if matches!(self.phase, Phase::Active(_)) && sent > self.received {
            let reason = alloc::format!("message {sent} was sent, but {} was the last to come", self.received);
            self.abandon(now, close::SEQUENCE, &reason);
        }
    }

    fn on_frame(&mut self, now: Millis, frame: ServerFrame) {
        self.note_life(now);
        match (&self.phase, frame) {
            (
                Phase::Handshaking,
                ServerFrame::Welcome {
                    session_id,
                    role,
                    epoch,
                    next_seq,
                    resume_from,
                    client_seq,
                    heartbeat_ms,
                    timeout_ms,
                },
            ) if session_id == self.session_id => {
                let welcome = Welcome { role, epoch, next_seq, resume_from, client_seq, heartbeat_ms, timeout_ms };
                self.on_welcome(now, welcome);
            }
            (Phase::Handshaking, ServerFrame::Welcome { .. }) => {
                self.stop(close::PROTOCOL, "the Welcome is for another session");
            }
            (Phase::Handshaking, _) => self.stop(close::PROTOCOL, "a frame before the Welcome"),
            (_, ServerFrame::Welcome { .. }) => self.stop(close::PROTOCOL, "a second Welcome"),
            (_, ServerFrame::Message(message)) => self.on_message(now, message),
            (_, ServerFrame::Skipped { from, to }) => self.on_skipped(now, from, to),
            (_, ServerFrame::Resumed { from, to }) => self.on_resumed(now, from, to),
            (_, ServerFrame::Accepted { id, client_seq, seq, .. }) => self.on_accepted(&id, client_seq, seq),
            (_, ServerFrame::Beat { echo_ms, heartbeat_ms }) => self.on_beat(now, echo_ms, heartbeat_ms),
            (_, ServerFrame::Error { code, message, id }) => self.on_error(now, code, message, id),
            (_, ServerFrame::Token { token }) => {
                token.reveal().clone_into(&mut self.hello.token);
                self.events.push_back(Event::Token { token });
            }
            (_, ServerFrame::Goaway { after_ms }) => {
                let at = now + u64::from(after_ms);
                self.come_back_at = Some(at);
                self.timers.set(Timer::Migrate, at);
            }
        }
    }

    fn on_welcome(&mut self, now: Millis, welcome: Welcome) {
        let known = self.hello.epoch;
        let changed = known != 0 && known != welcome.epoch;
        let expected = self.received.saturating_add(1);
        let lost_tail = changed && welcome.resume_from > expected;
        if (welcome.resume_from != expected && !lost_tail) || welcome.next_seq < welcome.resume_from {
            let reason = alloc::format!(
                "the Welcome resumes from {} of {}, expected {expected}",
                welcome.resume_from,
                welcome.next_seq
            );
            return self.stop(close::PROTOCOL, &reason);
        }
        self.hello.epoch = welcome.epoch;
        if changed {
            self.events.push_back(Event::EpochChanged { from: known, to: welcome.epoch });
        }
        let heartbeat_ms = welcome.heartbeat_ms.max(1_000);
        let timeout_ms = welcome.timeout_ms.max(1_000);
        self.phase = Phase::Active(Active::new(now, heartbeat_ms, timeout_ms, self.processed));
        self.timers.clear_all();
        self.start_pulse(now);
        self.queue.resume(welcome.client_seq);
        self.events.push_back(Event::Connected {
            role: welcome.role,
            resumed: core::mem::replace(&mut self.connected_before, true),
            from: welcome.resume_from,
            missed: welcome.next_seq - welcome.resume_from,
        });
        if lost_tail {
            self.skip(expected, welcome.resume_from - 1);
        }
        // At once, for a first round trip.
        let network = self.hello.network;
        self.beat(now, (network != self.presented).then_some(network));
    }

    fn on_message(&mut self, now: Millis, message: Message) {
        if message.seq <= self.received {
            // A repeat is harmless; only holes cost something.
            return;
        }
        if Some(message.seq) != self.received.checked_add(1) {
            let reason = alloc::format!("message {} follows {}", message.seq, self.received);
            return self.abandon(now, close::SEQUENCE, &reason);
        }
        self.received = message.seq;
        if let Body::User { id, .. } = &message.body {
            self.settle(id, message.seq);
        }
        self.events.push_back(Event::Message(message));
        self.pump();
    }

    fn on_skipped(&mut self, now: Millis, from: u64, to: u64) {
        if Some(from) != self.received.checked_add(1) || to < from {
            let reason = alloc::format!("a skip of {from}..={to} follows {}", self.received);
            return self.abandon(now, close::SEQUENCE, &reason);
        }
        self.skip(from, to);
    }

    /// Moves on behind sequence ids that never come. They count as processed once the messages
    /// before them are.
    fn skip(&mut self, from: u64, to: u64) {
        if self.processed == self.received {
            self.processed = to;
        }
        self.received = to;
        self.events.push_back(Event::Skipped { from, to });
    }

    fn on_resumed(&mut self, now: Millis, from: u64, to: u64) {
        if to > self.received {
            let reason = alloc::format!("replayed up to {to}, but {} was the last", self.received);
            return self.abandon(now, close::SEQUENCE, &reason);
        }
        let Phase::Active(active) = &mut self.phase else { return };
        active.caught_up = true;
        self.events.push_back(Event::CaughtUp { from, to });
        self.pump();
    }

    fn on_accepted(&mut self, id: &str, client_seq: u64, seq: u64) {
        self.settle(id, seq);
        // The number was used for another message, by a client that was not saved.
        if self.queue.renumber(client_seq) {
            self.idle();
        }
        self.pump();
    }

    fn settle(&mut self, id: &str, seq: u64) {
        let Some(first) = self.queue.settle(id) else { return };
        self.events.push_back(Event::Accepted { id: id.into(), seq });
        // Another one may be settled too, by a client that was not saved; then the first stays under way.
        if first {
            self.idle();
        }
    }

    fn on_beat(&mut self, now: Millis, echo_ms: u64, heartbeat_ms: u32) {
        let Phase::Active(active) = &mut self.phase else { return };
        let rtt_ms = active.take_echo(now, echo_ms);
        active.heartbeat_ms = heartbeat_ms.max(1_000);
        if let Some(rtt_ms) = rtt_ms {
            self.rtt_ms = Some(rtt_ms);
            self.note_rtt(rtt_ms);
            self.events.push_back(Event::Rtt { rtt_ms });
        }
        // Once more, with the interval and the round trip as they are now.
        self.note_life(now);
    }

    fn on_error(&mut self, now: Millis, code: String, message: String, id: Option<String>) {
        if code == "client_seq_gap" {
            // Our numbers and the server's have parted; its Welcome says where to go on.
            return self.abandon(now, close::SEQUENCE, &message);
        }
        // That number took effect once; every other refused one is free.
        let free = code != "client_seq_forgotten";
        match id {
            Some(id) if self.queue.refuse(&id, free) => {
                self.events.push_back(Event::Refused { id, code, message });
                self.idle();
                self.pump();
            }
            _ => self.events.push_back(Event::Error { code, message }),
        }
    }

    /// No message of ours is under way any more.
    const fn idle(&mut self) {
        if let Phase::Active(active) = &mut self.phase {
            active.sending = false;
        }
    }

    /// The server does not keep the protocol, and trying again cannot help.
    fn stop(&mut self, code: u16, reason: &str) {
        self.transmit_close(code, reason);
        self.over(code, reason, Advice::Stop);
    }
}
