//! Where the epochs of a session began, and which of its clients have what was lost.
//!
//! Two servers may begin an epoch behind the same one: the first one's is lost with the store that it was written to. So each
//! draws its number, and a client with a number that was never begun here comes from such a branch. Where that parted from
//! this session's epochs its number does not say; whatever any of them began with may be something else there.

use super::error::SessionError;
use super::saved::{Saved, drop_front};
use crate::ids::{Epoch, Seq, SessionId};
use crate::store::StoreError;

/// Epochs whose beginnings are remembered; a client of an older one starts again.
const FORKS: usize = 64;
/// How much further than the one before it an epoch is at most that begins behind what a failover may have lost. Two that
/// are drawn behind one are the same once in a million times, and thousands of them fit one behind the other.
pub(super) const MAX_STEP: Epoch = 1 << 20;
/// The same of an epoch that begins because a client says so: a client that errs may do so at each attempt.
pub(super) const MAX_PROVED_STEP: Epoch = 1 << 10;
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

/// How a client stands to a session's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// What it has is in the log, as far as its numbers say.
    Here,
    /// It has more than the log: something was lost that nobody knew of, and an epoch is to begin.
    Ahead,
    /// It has messages that the store lost, whose numbers nobody else has.
    Lost,
    /// From this sequence id on it has, or may have, other messages than the log.
    Forked(Seq),
}

/// What a client may not have gone along with.
enum Missed<'a> {
    /// These beginnings, in order.
    Forks(&'a [Fork]),
    /// Some that are not known any more.
    Forgotten,
    /// Nobody knows: it has an epoch of which nothing is left here, and no other began since.
    Unheard,
}

/// Draws a number for the epoch behind one, at most so much further; not the one that a client has already.
///
/// # Errors
/// There is no number left, or the system has no randomness to give.
pub(super) fn draw(id: &SessionId, behind: Epoch, most: Epoch, taken: Epoch) -> Result<Epoch, SessionError> {
    let random = getrandom::u32().map_err(|error| SessionError::Random(error.to_string()))?;
    let room = Epoch::MAX.saturating_sub(behind).min(most);
    let drawn = random.checked_rem(room).and_then(|step| behind.checked_add(step)?.checked_add(1));
    let free = drawn.and_then(|drawn| if drawn == taken { drawn.checked_add(1) } else { Some(drawn) });
    free.ok_or_else(|| SessionError::Store(StoreError::exhausted(id)))
}

impl Saved {
    /// Remembers that an epoch begins behind the current one with this sequence id, because something behind `ended` may be
    /// lost. One that was remembered and never came to be is forgotten.
    pub(super) fn begin_epoch(&mut self, current: Epoch, epoch: Epoch, first: Seq, ended: Seq) {
        self.forks.retain(|fork| fork.epoch <= current);
        self.forks.push(Fork { epoch, first, ended, gap: true, before: current });
        drop_front(&mut self.forks, FORKS);
    }

    /// How a client with everything up to `last_seq` of `epoch` stands to a log with this epoch and head. One that names no
    /// epoch is believed to have what the log has.
    pub(super) fn stand(&self, (current, head): (Epoch, Seq), (epoch, last_seq): (Epoch, Seq)) -> Stand {
        let forks = match self.missed(current, epoch) {
            Missed::Forks(forks) => forks,
            Missed::Unheard if last_seq > head => &[],
            Missed::Forgotten | Missed::Unheard if last_seq > 0 => return Stand::Forked(1),
            Missed::Forgotten | Missed::Unheard => return Stand::Here,
        };
        match forks.first() {
            Some(fork) if last_seq >= fork.first => Stand::Forked(fork.first),
            Some(fork) if fork.has_lost(last_seq) => Stand::Lost,
            _ if last_seq > head => Stand::Ahead,
            _ => Stand::Here,
        }
    }

    fn missed(&self, current: Epoch, epoch: Epoch) -> Missed<'_> {
        let begun = self.forks.partition_point(|fork| fork.epoch <= current);
        let forks = self.forks.get(..begun).unwrap_or_default();
        let oldest = forks.first().map_or(current, Fork::before);
        if epoch == 0 || epoch == current {
            return Missed::Forks(&[]);
        }
        if epoch == oldest {
            return Missed::Forks(forks);
        }
        match forks.iter().position(|fork| fork.epoch == epoch) {
            Some(place) => Missed::Forks(forks.get(place.saturating_add(1)..).unwrap_or_default()),
            None if epoch < oldest => Missed::Forgotten,
            // Of a branch that is lost, which may have parted before any of these.
            None if forks.is_empty() => Missed::Unheard,
            None if oldest > FIRST => Missed::Forgotten,
            None => Missed::Forks(forks),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Stand::{Ahead, Forked, Here, Lost};
    use super::*;

    /// Far ahead of everything here.
    const HEAD: Seq = 1_000_000;

    // Fails when an epoch's beginning is taken from another one, or a forgotten one lets everybody on.
    #[test]
    fn tells_the_forks_of_epochs() {
        let mut saved = Saved::default();
        for epoch in 2..=100 {
            let first = u64::from(epoch) * 10;
            saved.begin_epoch(epoch - 1, epoch, first, first - 1);
        }
        let stands = |saved: &Saved, current, epoch, last_seq| saved.stand((current, HEAD), (epoch, last_seq));
        assert_eq!(stands(&saved, 100, 99, 1_000), Forked(1_000));
        assert_eq!(stands(&saved, 100, 99, 999), Here);
        assert_eq!(stands(&saved, 100, 50, 509), Here);
        assert_eq!(stands(&saved, 100, 50, 510), Forked(510));
        assert_eq!(stands(&saved, 50, 50, 9_999), Here, "epochs that the store never began");
        assert_eq!(stands(&saved, 100, 3, 5), Forked(1), "forgotten");
        assert_eq!(stands(&saved, 100, 3, 0), Here);
        assert_eq!(stands(&saved, 100, 0, 5), Here);
        assert_eq!((stands(&saved, 100, 0, HEAD + 1), stands(&saved, 100, 100, HEAD + 1)), (Ahead, Ahead));
        saved.begin_epoch(50, 51, 505, 504);
        assert_eq!(stands(&saved, 51, 50, 506), Forked(505), "the later attempt counts");
        assert_eq!(stands(&saved, 51, 52, 506), Forked(1), "an attempt that never came to be is as any other branch");
    }

    // Fails when a client that has lost messages is told that it goes on, or one that has none that it lost them.
    #[test]
    fn tells_who_has_what_was_lost() {
        let mut saved = Saved::default();
        saved.begin_epoch(1, 2, 1_001, 7);
        saved.begin_epoch(2, 3, 1_500, 1_499);
        for (epoch, last_seq, stand) in [
            (1, 7, Here),
            (1, 8, Lost),
            (1, 1_000, Lost),
            (1, 1_001, Forked(1_001)),
            (2, 8, Here),
            (2, 1_500, Forked(1_500)),
            (3, 8, Here),
            (0, 8, Here),
        ] {
            assert_eq!(saved.stand((3, HEAD), (epoch, last_seq)), stand, "{last_seq} of {epoch}");
        }
        assert_eq!(saved.stand((1, HEAD), (1, 8)), Here, "an epoch that never came to be");
        let mut everything = Saved::default();
        everything.begin_epoch(1, 2, 1_001, 0);
        let stands = [0, 1, 1_000, 1_001].map(|last_seq| everything.stand((2, HEAD), (1, last_seq)));
        assert_eq!(stands, [Here, Lost, Lost, Forked(1_001)]);
    }

    // Fails when a client of a branch that was lost goes on with numbers that others have since, wherever that branch parted
    // and whichever number its epoch drew; or when one whose place is in no dispute is sent back, or begins an epoch.
    #[test]
    fn knows_clients_of_lost_branches() {
        let mut saved = Saved::default();
        let first = [(9, HEAD + 5), (9, 500), (9, 0)].map(|place| saved.stand((1, HEAD), place));
        assert_eq!(first, [Ahead, Forked(1), Here], "nothing is known of where it parted");
        saved.begin_epoch(1, 50, 1_001, 7);
        saved.begin_epoch(50, 90, 2_001, 1_010);
        for branch in [40, 60, 200] {
            let stands = [0, 7, 8, 1_000, 1_001, 5_000].map(|last_seq| saved.stand((90, 3_000), (branch, last_seq)));
            assert_eq!(
                stands,
                [Here, Here, Lost, Lost, Forked(1_001), Forked(1_001)],
                "{branch} may have parted before 50"
            );
        }
        let along = [1_500, 2_001].map(|last_seq| saved.stand((90, 3_000), (50, last_seq)));
        assert_eq!(along, [Lost, Forked(2_001)], "no branch: it went along with the first");
        for n in 0..70 {
            saved.begin_epoch(90 + n * 10, 100 + n * 10, 3_000 + u64::from(n), 2_900);
        }
        assert_eq!(saved.stand((790, HEAD), (785, 2)), Forked(1), "it may have parted before what is remembered");
    }

    // Fails when a client whose welcome was lost on its way is told something else the second time than that it lost what it
    // has.
    #[test]
    fn who_proved_a_loss_may_come_again() {
        for epoch in [1, 77] {
            let mut saved = Saved::default();
            assert_eq!(saved.stand((1, 15), (epoch, 20)), Ahead);
            saved.begin_epoch(1, 50, 21, 15);
            assert_eq!(saved.stand((50, 20), (epoch, 20)), Lost, "{epoch}");
            assert_eq!(saved.stand((50, 25), (50, 20)), Here);
        }
    }

    // Fails when what an earlier release wrote is read as if it were of branches.
    #[test]
    fn reads_epochs_of_earlier_releases() {
        let old = |epoch, first| Fork { epoch, first, ..Fork::default() };
        let (mut saved, mut behind) = (Saved::default(), Saved::default());
        saved.forks = vec![old(2, 10), old(3, 20)];
        let stands = [(1, 9), (1, 10), (2, 19), (2, 20)].map(|place| saved.stand((3, HEAD), place));
        assert_eq!(stands, [Here, Forked(10), Here, Forked(20)]);
        behind.forks = vec![Fork { ended: 7, ..old(2, 1_000) }];
        assert_eq!([8, 7].map(|last_seq| behind.stand((2, HEAD), (1, last_seq))), [Lost, Here]);
    }

    // Fails when two servers that begin an epoch behind one give it one number, one that a client has is given again, or a
    // number has no place behind the last.
    #[test]
    fn epochs_are_drawn() {
        let id = SessionId::random().unwrap();
        let drawn: std::collections::BTreeSet<Epoch> = (0..50).map(|_| draw(&id, 7, MAX_STEP, 0).unwrap()).collect();
        assert!(drawn.len() > 45 && drawn.iter().all(|epoch| (8..=7 + MAX_STEP).contains(epoch)), "{drawn:?}");
        assert!((0..50).all(|_| draw(&id, 7, 1, 0).unwrap() == 8 && draw(&id, 7, 1, 8).unwrap() == 9));
        assert_eq!(draw(&id, Epoch::MAX - 1, MAX_STEP, 0).unwrap(), Epoch::MAX);
        for taken in [0, Epoch::MAX] {
            let behind = if taken == 0 { Epoch::MAX } else { Epoch::MAX - 1 };
            let none = draw(&id, behind, MAX_STEP, taken).unwrap_err();
            assert_eq!((none.status(), none.code()), (410, "session_exhausted"));
        }
    }
}
