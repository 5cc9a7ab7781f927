//! Where the epochs of a session began, and which of its clients have what was lost.

use super::saved::{Saved, drop_front};
use crate::ids::{Epoch, Seq};

/// Epochs whose beginnings are remembered; a client of an older one starts again.
const FORKS: usize = 64;

/// Where an epoch began: a client of an earlier one shares the log up to there.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Fork {
    #[prost(uint32, tag = "1")]
    epoch: Epoch,
    #[prost(uint64, tag = "2")]
    first: Seq,
    /// The last id that is known to be the same in both, where the epoch began behind a gap.
    #[prost(uint64, tag = "3")]
    ended: Seq,
    /// Whether it did. What an earlier release wrote says so by `ended` alone, which is 0 without a gap.
    #[prost(bool, tag = "4")]
    gap: bool,
}

impl Fork {
    /// Whether a client of an earlier epoch with everything up to there has what lies in the gap.
    const fn has_lost(&self, last_seq: Seq) -> bool {
        (self.gap || self.ended != 0) && self.ended < last_seq && last_seq < self.first
    }
}

impl Saved {
    /// Remembers that an epoch begins with this sequence id.
    pub(super) fn begin_epoch(&mut self, epoch: Epoch, first: Seq) {
        self.forks.retain(|fork| fork.epoch < epoch);
        self.forks.push(Fork { epoch, first, ended: 0, gap: false });
        drop_front(&mut self.forks, FORKS);
    }

    /// Remembers that an epoch begins with this sequence id, because something behind `ended` may be lost.
    pub(super) fn begin_epoch_behind(&mut self, epoch: Epoch, first: Seq, ended: Seq) {
        self.begin_epoch(epoch, first);
        if let Some(fork) = self.forks.last_mut() {
            (fork.ended, fork.gap) = (ended, true);
        }
    }

    /// Whether a client with everything up to `last_seq` of `epoch` has messages that the store lost, whose numbers nobody
    /// else has.
    pub(super) fn lost(&self, current: Epoch, epoch: Epoch, last_seq: Seq) -> bool {
        let later = self.forks.iter().find(|fork| epoch != 0 && fork.epoch > epoch && fork.epoch <= current);
        later.is_some_and(|fork| fork.has_lost(last_seq))
    }

    /// The first sequence id that means something else now than it did to a client which has
    /// everything up to `last_seq` of `epoch`; `None` when there is no such. Where the beginning of the
    /// next epoch is not known any more, that is the first of all.
    pub(super) fn forked(&self, current: Epoch, epoch: Epoch, last_seq: Seq) -> Option<Seq> {
        if epoch == 0 || epoch >= current || last_seq == 0 {
            return None;
        }
        let known = self.forks.iter().find(|fork| fork.epoch == epoch.saturating_add(1));
        let later = self.forks.iter().filter(|fork| fork.epoch > epoch && fork.epoch <= current);
        let first = known.and_then(|_| later.map(|fork| fork.first).min()).unwrap_or(1);
        (last_seq >= first).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when an epoch's beginning is taken from another one, or a forgotten one lets everybody on.
    #[test]
    fn tells_the_forks_of_epochs() {
        let mut saved = Saved::default();
        for epoch in 2..=100 {
            saved.begin_epoch(epoch, u64::from(epoch) * 10);
        }
        assert_eq!(saved.forked(100, 99, 1_000), Some(1_000));
        assert_eq!(saved.forked(100, 99, 999), None);
        assert_eq!(saved.forked(100, 50, 509), None);
        assert_eq!(saved.forked(100, 50, 510), Some(510));
        assert_eq!(saved.forked(50, 50, 9_999), None, "epochs that the store never began");
        assert_eq!(saved.forked(100, 3, 5), Some(1), "forgotten");
        assert_eq!(saved.forked(100, 3, 0), None);
        assert_eq!(saved.forked(100, 0, 5), None);
        saved.begin_epoch(51, 505);
        assert_eq!(saved.forked(51, 50, 506), Some(505), "the later attempt counts");
    }

    // Fails when a client that has lost messages is told that it goes on, or one that has none that it lost them.
    #[test]
    fn tells_who_has_what_was_lost() {
        let mut saved = Saved::default();
        saved.begin_epoch_behind(2, 1_001, 7);
        saved.begin_epoch(3, 1_500);
        for (epoch, last_seq, lost) in [
            (1, 7, false),
            (1, 8, true),
            (1, 1_000, true),
            (1, 1_001, false),
            (2, 8, false),
            (3, 8, false),
            (0, 8, false),
        ] {
            assert_eq!(saved.lost(3, epoch, last_seq), lost, "{last_seq} of {epoch}");
        }
        assert!(!saved.lost(1, 1, 8), "an epoch that never came to be");
        let mut everything = Saved::default();
        everything.begin_epoch_behind(2, 1_001, 0);
        assert!(everything.lost(2, 1, 1) && !everything.lost(2, 1, 0) && !everything.lost(2, 1, 1_001));
        assert_eq!(saved.forked(3, 1, 1_001), Some(1_001));
        assert_eq!(saved.forked(3, 1, 1_000), None);
    }
}
