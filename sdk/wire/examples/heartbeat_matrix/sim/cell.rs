//! One cell of the matrix.

use rolecall_wire::frame::Network;

/// A kind of network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell {
    pub(crate) rtt_ms: f64,
    /// Of segments, each way.
    pub(crate) loss: f64,
    /// After so much silence a NAT forgets.
    pub(crate) nat_ms: f64,
}

impl Cell {
    /// Every combination.
    pub(crate) fn matrix(rtts: &[f64], losses: &[f64], nats: &[f64]) -> Vec<Self> {
        let pairs = rtts.iter().flat_map(|rtt| losses.iter().map(move |loss| (*rtt, *loss)));
        pairs
            .flat_map(|(rtt_ms, loss)| nats.iter().map(move |nat| Self { rtt_ms, loss, nat_ms: nat * 1_000.0 }))
            .collect()
    }

    /// What a browser would call it (Network Information API, `effectiveType` by round trip).
    pub(crate) fn network(&self) -> Network {
        match self.rtt_ms {
            rtt if rtt >= 2_000.0 => Network::SlowTwoG,
            rtt if rtt >= 1_400.0 => Network::TwoG,
            rtt if rtt >= 270.0 => Network::ThreeG,
            _ => Network::FourG,
        }
    }

    /// TCP's retransmission timeout at these round trips: as Linux has it.
    pub(crate) fn tcp_rto_ms(&self) -> f64 {
        self.rtt_ms + f64::max(200.0, 0.4 * self.rtt_ms)
    }

    pub(crate) fn seed(&self) -> u64 {
        (self.rtt_ms as u64) << 40 ^ ((self.loss * 1_000.0) as u64) << 20 ^ self.nat_ms as u64
    }
}
