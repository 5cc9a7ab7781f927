//! What a server learns of its link, by what an observer sees: silences that the link outlived, and those it did not
//! (`PROTOCOL.md` §6.11).

use rolecall_wire::frame::Network;
use rolecall_wire::heartbeat::Learned;

use crate::property::{Violation, hold};

const NETWORKS: [Network; 5] = [Network::FourG, Network::ThreeG, Network::TwoG, Network::SlowTwoG, Network::Other];
/// Bounds of what is learned.
const LEAST_MS: u32 = 5_000;
const MOST_MS: u32 = 270_000;
/// Silences of a length that the link must have outlived before a longer one is tried.
const PROOF: u32 = 3;

/// An observer of what is learned on one connection.
#[derive(Debug)]
pub(crate) struct Lessons {
    known: Learned,
    network: Network,
    /// The silence that just ended was as long as the interval.
    survived: bool,
    trial: Option<Trial>,
}

/// A length that this connection tries.
#[derive(Debug, Clone, Copy)]
struct Trial {
    network: Network,
    proven_ms: u32,
    survived: u32,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Longer,
    Shorter,
}

/// Whether a silence was as long as an interval, but for what timers and jitter take off.
pub(crate) const fn fills(silent_ms: u64, interval_ms: u64) -> bool {
    silent_ms >= interval_ms - interval_ms / 8
}

impl Lessons {
    /// With what the connection began with.
    pub(crate) const fn new(known: Learned, network: Network) -> Self {
        Self { known, network, survived: false, trial: None }
    }

    /// How long a silence the link is known to bear.
    pub(crate) fn bears_ms(&self) -> u32 {
        self.known.class(self.network).interval_ms()
    }

    /// Something is about to come in, after so long a silence; nothing was owed.
    pub(crate) fn survived(&mut self, silent_ms: u64, interval_ms: u64) {
        // One that is shorter, because the timeout allows no more, says nothing about a longer one.
        self.survived = fills(silent_ms, interval_ms) && interval_ms >= self.bears_ms().into();
        let tried = self.trial.as_mut().filter(|trial| trial.network == self.network);
        if let Some(trial) = tried {
            trial.survived += u32::from(self.survived);
        }
    }

    /// What the machine knows now, on this network.
    pub(crate) fn settled(&mut self, learned: Learned, network: Network) -> Result<Change, Violation> {
        let mut change = Change::None;
        for class in NETWORKS {
            let (old, new) = (self.known.class(class), learned.class(class));
            let elsewhere = class != network && class != self.network;
            hold!(!elsewhere || old == new, P11, "{class:?} was learned about on {network:?}");
            let (was, is) = (old.interval_ms(), new.interval_ms());
            hold!((LEAST_MS..=MOST_MS).contains(&is), P11, "{is} ms was learned of {class:?}");
            let above = new.ceiling_ms().is_none_or(|ceiling| is < ceiling);
            hold!(above, P11, "{is} ms is tried of {class:?}, and {:?} failed", new.ceiling_ms());
            hold!(is >= was, P11, "{class:?} fell from {was} to {is} ms while its link lived");
            if is > was {
                hold!(self.survived, P11, "{class:?} grew from {was} to {is} ms without such a silence");
                hold!(is <= was + was / 8, P11, "{class:?} grew from {was} to {is} ms at once");
                let trial = self.trial.filter(|trial| trial.network == class);
                let proved = trial.is_none_or(|trial| trial.survived >= PROOF);
                hold!(proved, P11, "{class:?} grew from {was} ms behind {trial:?}");
                self.trial = Some(Trial { network: class, proven_ms: was, survived: 0 });
                change = Change::Longer;
            }
        }
        (self.known, self.network, self.survived) = (learned, network, false);
        Ok(change)
    }

    /// The connection ended, in a silence of the interval that the machine last told, or not. What is still on trial and
    /// was `given_up` in such a silence falls back at once.
    pub(crate) fn ended(
        &mut self,
        learned: Learned,
        in_silence: bool,
        given_up: bool,
        interval_ms: u64,
    ) -> Result<Change, Violation> {
        if self.survived {
            // Something came, and that the session then let go says nothing about the link.
            return self.settled(learned, self.network);
        }
        for class in NETWORKS.into_iter().filter(|class| *class != self.network) {
            let same = self.known.class(class) == learned.class(class);
            hold!(same, P11, "the end of {:?} says something about {class:?}", self.network);
        }
        let (was, is) = (self.bears_ms(), learned.class(self.network).interval_ms());
        // By a quarter of what was tried, at most.
        let tried = u32::try_from(interval_ms).unwrap_or(u32::MAX).min(was);
        let least = (tried - tried / 4).max(LEAST_MS);
        hold!(is <= was && is >= least, P11, "{was} ms became {is} with the end in {interval_ms}");
        hold!(is == was || in_silence, P11, "{was} ms fell to {is} for another reason than silence");
        if let Some(trial) = self.trial.filter(|trial| trial.network == self.network && trial.survived < PROOF)
            && in_silence
            && given_up
            && interval_ms > trial.proven_ms.into()
        {
            hold!(is <= trial.proven_ms, P11, "{was} ms failed, and only {} was proven", trial.proven_ms);
        }
        Ok(if is < was { Change::Shorter } else { Change::None })
    }
}
