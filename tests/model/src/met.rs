//! What happened in the last step: by this the checker sees that the accidents it is there for do happen.
//! It is no part of a state.

use std::sync::atomic::{AtomicU32, Ordering};

macro_rules! met {
    ($($name:ident $text:literal,)+) => {
        /// Something that a step may meet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Met {
            $(#[doc = $text] $name,)+
        }

        impl Met {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// What it is, by which the checker knows it.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

met! {
    Shown "a reply is shown",
    Replayed "a resume replays what was missed",
    Duplicate "a message is repeated and answered as a duplicate",
    Replaced "a client is replaced by the other one",
    TakenOver "a node takes the session from another",
    StaleRefused "a stale owner's write is refused",
    LateRefused "the write of an owner that is gone is refused",
    LateTaken "the write of an owner that is gone is taken",
    Unknown "an owner does not learn that its write was taken",
    Continued "a turn is answered by another owner than the one that began it",
    EpochTold "a client is told of a new epoch",
    SkipTold "a client is told that numbers never come",
    Forked "a client that has what was lost begins again before it",
    Returned "a lost tail brings an earlier owner back",
    Restarted "a client process goes on behind what an earlier one was shown",
    PostRepeated "a post is repeated",
    Acked "an acknowledgement moves the watermark",
}

/// A set of them, which many threads add to.
#[derive(Debug, Default)]
pub(crate) struct Mets(AtomicU32);

impl Mets {
    pub(crate) fn join(&self, mets: &[Met]) {
        let bits = mets.iter().fold(0, |bits, met| bits | bit(*met));
        if bits & !self.0.load(Ordering::Relaxed) != 0 {
            self.0.fetch_or(bits, Ordering::Relaxed);
        }
    }

    pub(crate) fn has(&self, met: Met) -> bool {
        self.0.load(Ordering::Relaxed) & bit(met) != 0
    }
}

const fn bit(met: Met) -> u32 {
    1 << met as u32
}
