//! Where the epochs of a session began, and which of its clients have what was lost.
//!
//! Two servers may begin an epoch behind the same one: the first one's is lost with the store that it was written to. So each
//! draws its number, and a client with a number that was never begun here comes from such a branch. Where that parted from
//! this session's epochs its number does not say; whatever any of them began with may be something else there.

use super::error::SessionError;
use super::saved::{Saved, drop_front};
use crate::ids::{Epoch, Seq};

/// Epochs whose beginnings are remembered; a client of an older one starts again.
const FORKS: usize = 64;
/// An epoch is at most so much further than the one before it. Two that are drawn behind one are the same once in a million
/// times, and thousands of them fit one behind the other.
pub(super) const MAX_STEP: Epoch = 1 << 20;
/// A session's first epoch.
const FIRST: Epoch = 1;

/// Where an epoch began: a client of an earlier one shares the log up to there.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Fork {
    #[prost(uint32, tag = "1")]
    epoch: Epoch,
    #[prost(uint64, tag = "2")]
    first: Seq,
    /// The last id that is known to be the same in both.
    #[prost(uint64, tag = "3")]
    ended: Seq,
    /// Whether `ended` says something, also 0. Earlier releases began epochs without it, and epochs behind a gap with
    /// `ended` alone.
    #[prost(bool, tag = "4")]
    gap: bool,
    /// The epoch before. Earlier releases began each with the next number, and left this out.
    #[prost(uint32, tag = "5")]
    before: Epoch,
}

impl Fork {
    /// Whether a client of an earlier epoch with everything up to there has what lies in the gap.
    const fn has_lost(&self, last_seq: Seq) -> bool {
        (self.gap || self.ended != 0) && self.ended < last_seq && last_seq < self.first
    }

    const fn before(&self) -> Epoch {
        if self.before == 0 { self.epoch.saturating_sub(1) } else { self.before }
    }
}

/// Draws a number for an epoch behind this one.
///
/// # Errors
/// The system has no randomness to give.
pub(super) fn draw_behind(epoch: Epoch) -> Result<Epoch, SessionError> {
    let drawn = getrandom::u32().map_err(|error| SessionError::Random(error.to_string()))?;
    Ok(epoch.saturating_add(1 + drawn % MAX_STEP))
}

impl Saved {
    /// Remembers that an epoch begins behind the current one with this sequence id, because something behind `ended` may be
    /// lost. One that was remembered and never came to be is forgotten.
    pub(super) fn begin_epoch(&mut self, current: Epoch, epoch: Epoch, first: Seq, ended: Seq) {
        self.forks.retain(|fork| fork.epoch <= current);
        self.forks.push(Fork { epoch, first, ended, gap: true, before: current });
        drop_front(&mut self.forks, FORKS);
    }

    /// The beginnings that a client of an epoch may not have gone along with, in order; `None` where not all of them are
    /// known any more.
    fn missed(&self, current: Epoch, epoch: Epoch) -> Option<&[Fork]> {
        let begun = self.forks.partition_point(|fork| fork.epoch <= current);
        let forks = self.forks.get(..begun).unwrap_or_default();
        let oldest = forks.first().map_or(current, Fork::before);
        if epoch < oldest {
            return None;
        }
        if epoch == oldest {
            return Some(forks);
        }
        match forks.iter().position(|fork| fork.epoch == epoch) {
            Some(place) => forks.get(place.saturating_add(1)..),
            // Of a branch that is lost. It may have parted before what is remembered, if anything was before that.
            None => (oldest <= FIRST || forks.is_empty()).then_some(forks),
        }
    }

    /// Whether a client with everything up to `last_seq` of `epoch` has messages that the store lost, whose numbers nobody
    /// else has.
    pub(super) fn lost(&self, current: Epoch, epoch: Epoch, last_seq: Seq) -> bool {
        let missed = self.missed(current, epoch).filter(|_| epoch != 0).and_then(<[Fork]>::first);
        missed.is_some_and(|fork| fork.has_lost(last_seq))
    }

    /// The first sequence id that means something else now than it did to a client which has
    /// everything up to `last_seq` of `epoch`; `None` when there is no such. Where the beginning of the
    /// next epoch is not known any more, that is the first of all.
    pub(super) fn forked(&self, current: Epoch, epoch: Epoch, last_seq: Seq) -> Option<Seq> {
        if epoch == 0 || epoch == current {
            return None;
        }
        let first = self.missed(current, epoch).map_or(Some(1), |missed| missed.first().map(|fork| fork.first));
        first.filter(|first| last_seq >= *first)
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
            saved.begin_epoch(epoch - 1, epoch, u64::from(epoch) * 10, 0);
        }
        assert_eq!(saved.forked(100, 99, 1_000), Some(1_000));
        assert_eq!(saved.forked(100, 99, 999), None);
        assert_eq!(saved.forked(100, 50, 509), None);
        assert_eq!(saved.forked(100, 50, 510), Some(510));
        assert_eq!(saved.forked(50, 50, 9_999), None, "epochs that the store never began");
        assert_eq!(saved.forked(100, 3, 5), Some(1), "forgotten");
        assert_eq!(saved.forked(100, 3, 0), None);
        assert_eq!(saved.forked(100, 0, 5), None);
        saved.begin_epoch(50, 51, 505, 0);
        assert_eq!(saved.forked(51, 50, 506), Some(505), "the later attempt counts");
    }

    // Fails when a client that has lost messages is told that it goes on, or one that has none that it lost them.
    #[test]
    fn tells_who_has_what_was_lost() {
        let mut saved = Saved::default();
        saved.begin_epoch(1, 2, 1_001, 7);
        saved.begin_epoch(2, 3, 1_500, 1_499);
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
        everything.begin_epoch(1, 2, 1_001, 0);
        assert!(everything.lost(2, 1, 1) && !everything.lost(2, 1, 0) && !everything.lost(2, 1, 1_001));
        assert_eq!(saved.forked(3, 1, 1_001), Some(1_001));
        assert_eq!(saved.forked(3, 1, 1_000), None);
    }

    // Fails when a client of a branch that was lost goes on with numbers that others have since, wherever that branch parted
    // and whichever number its epoch drew; or when one whose place is in no dispute is sent back.
    #[test]
    fn knows_clients_of_lost_branches() {
        let mut saved = Saved::default();
        assert_eq!(
            (saved.forked(1, 9, 500), saved.lost(1, 9, 500)),
            (None, false),
            "the first loss is this client's to prove"
        );
        saved.begin_epoch(1, 50, 1_001, 7);
        saved.begin_epoch(50, 90, 2_001, 1_010);
        for branch in [40, 60, 200] {
            assert_eq!(saved.forked(90, branch, 1_001), Some(1_001), "{branch} may have parted before 50");
            assert_eq!(saved.forked(90, branch, 5_000), Some(1_001), "{branch}");
            assert_eq!((saved.forked(90, branch, 1_000), saved.lost(90, branch, 1_000)), (None, true), "{branch}");
            assert_eq!((saved.forked(90, branch, 7), saved.lost(90, branch, 7)), (None, false), "{branch}");
        }
        assert_eq!(saved.forked(90, 50, 1_500), None);
        assert_eq!(saved.forked(90, 50, 2_001), Some(2_001), "no branch: it went along with the first");
        assert_eq!(saved.forked(90, 1, 1_001), Some(1_001));
        for n in 0..70 {
            saved.begin_epoch(90 + n * 10, 100 + n * 10, 3_000 + u64::from(n), 2_900);
        }
        assert_eq!(saved.forked(790, 785, 2), Some(1), "it may have parted before what is remembered");
    }

    // Fails when what an earlier release wrote is read as if it were of branches.
    #[test]
    fn reads_epochs_of_earlier_releases() {
        let old = |epoch, first| Fork { epoch, first, ..Fork::default() };
        let saved = Saved { forks: vec![old(2, 10), old(3, 20)], ..Saved::default() };
        assert_eq!((saved.forked(3, 1, 9), saved.forked(3, 1, 10)), (None, Some(10)));
        assert_eq!((saved.forked(3, 2, 19), saved.forked(3, 2, 20)), (None, Some(20)));
        assert!(!saved.lost(3, 1, 9));
        let behind = Saved { forks: vec![Fork { ended: 7, ..old(2, 1_000) }], ..Saved::default() };
        assert!(behind.lost(2, 1, 8) && !behind.lost(2, 1, 7));
    }

    // Fails when two servers that begin an epoch behind one give it one number, or a number has no place behind the last.
    #[test]
    fn epochs_are_drawn() {
        let drawn: std::collections::BTreeSet<Epoch> = (0..50).map(|_| draw_behind(7).unwrap()).collect();
        assert!(drawn.len() > 45 && drawn.iter().all(|epoch| (8..=7 + MAX_STEP).contains(epoch)), "{drawn:?}");
        assert_eq!(draw_behind(Epoch::MAX).unwrap(), Epoch::MAX);
    }
}
