//! What a policy did.

/// Bytes around a payload: IPv4 and TCP with timestamps (52), a TLS 1.3 record (22).
const AROUND: u64 = 52 + 22;
/// A TCP segment that acknowledges and says nothing.
const ACK: u64 = 52;
/// A WebSocket header; the client's is masked.
const HEADER_DOWN: u64 = 2;
const HEADER_UP: u64 = 6;
/// What coming back costs at least: TCP's three segments, TLS 1.3 with a session ticket, the HTTP
/// upgrade, `Welcome`, and the four segments of an orderly end.
const RECONNECT: u64 = 2_500;

#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) hours: u64,
    /// Milliseconds from a link's death to the server's verdict.
    pub(crate) detected_ms: Vec<u64>,
    /// Live peers closed, by either side.
    pub(crate) false_closes: u64,
    /// NAT mappings lost, because beats were too rare.
    pub(crate) nat_losses: u64,
    pub(crate) beat_bytes: u64,
}

impl Tally {
    /// Counts a segment of the heartbeat's own, sent so many times. An answer is acknowledged by a
    /// segment of its own; a question, by its answer.
    pub(crate) fn beat(&mut self, up: bool, payload: usize, times: u64, answer: bool) {
        let size = AROUND + if up { HEADER_UP } else { HEADER_DOWN } + payload as u64;
        self.beat_bytes += size * times + if answer { ACK } else { 0 };
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.hours += other.hours;
        self.detected_ms.extend(&other.detected_ms);
        self.false_closes += other.false_closes;
        self.nat_losses += other.nat_losses;
        self.beat_bytes += other.beat_bytes;
    }

    /// Seconds within which a share of the dead peers was found; no number when none was.
    pub(crate) fn detection_s(&self, share: f64) -> f64 {
        let mut sorted = self.detected_ms.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        sorted.get((share * last as f64).round() as usize).map_or(f64::NAN, |ms| *ms as f64 / 1_000.0)
    }

    /// Per 1,000 connection-hours.
    pub(crate) fn per_1000_h(&self, count: u64) -> f64 {
        count as f64 * 1_000.0 / self.hours.max(1) as f64
    }

    /// Connections lost to the heartbeat, whichever way, per 1,000 connection-hours.
    pub(crate) fn lost(&self) -> f64 {
        self.per_1000_h(self.false_closes + self.nat_losses)
    }

    /// Bytes per hour of the beats alone.
    pub(crate) fn beats_per_h(&self) -> f64 {
        self.beat_bytes as f64 / self.hours.max(1) as f64
    }

    /// Bytes per hour with what coming back from lost connections costs.
    pub(crate) fn bytes_per_h(&self) -> f64 {
        self.beats_per_h() + ((self.false_closes + self.nat_losses) * RECONNECT) as f64 / self.hours.max(1) as f64
    }
}
