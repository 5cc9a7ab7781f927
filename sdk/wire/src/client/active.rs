//! What only a live connection has.

use super::Millis;
use super::pulse::Pulse;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Active {
    /// When the `Welcome` came.
    pub(super) since: Millis,
    pub(super) heartbeat_ms: u32,
    pub(super) timeout_ms: u32,
    /// The highest sequence id acknowledged on this connection.
    pub(super) acked: u64,
    /// Whether `Resumed` has come: messages of ours are sent only then, because the replay may
    /// settle them.
    pub(super) caught_up: bool,
    /// Whether a message of ours is under way.
    pub(super) sending: bool,
    /// What the adaptive mode goes by.
    pub(super) pulse: Pulse,
    /// Our clock in the beat under way.
    beat: Option<Millis>,
}

impl Active {
    pub(super) fn new(since: Millis, heartbeat_ms: u32, timeout_ms: u32, acked: u64) -> Self {
        Self {
            since,
            heartbeat_ms,
            timeout_ms,
            acked,
            caught_up: false,
            sending: false,
            pulse: Pulse::default(),
            beat: None,
        }
    }

    pub(super) const fn beat_sent(&mut self, now: Millis) {
        self.beat = Some(now);
    }

    /// The round trip of an echo of the beat under way; other echoes measure nothing.
    pub(super) fn take_echo(&mut self, now: Millis, echo_ms: Millis) -> Option<u64> {
        let sent = self.beat.take_if(|sent| *sent == echo_ms)?;
        Some(now.saturating_sub(sent))
    }
}
