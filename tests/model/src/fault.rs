//! Known bugs of such protocols. Each is one variation of the model, and the checker must find it.

use crate::promise::Promise;

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident $promise:ident $label:literal,)+) => {
        /// A bug put into the model.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Fault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// What it does wrong.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }

            /// Its name on the command line.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)+
                }
            }

            /// The promise that it breaks.
            #[must_use]
            pub const fn breaks(self) -> Promise {
                match self {
                    $(Self::$name => Promise::$promise,)+
                }
            }
        }
    };
}

faults! {
    /// The store takes writes of whoever owned the session once.
    NoFence P4 "no-fence",
    /// An owner's fence is the last one plus one, which a store that lost a tail gives twice.
    FenceCounted P4 "fence-counted",
    /// A new epoch is begun without asking who owns the session.
    EpochUnfenced P4 "epoch-unfenced",
    /// The replaced connection stays open.
    ReplacedNotClosed P4 "replaced-not-closed",
    /// An owner that lost the session tells its client that another took over, which stops it for good.
    StaleSaysReplaced P4 "stale-says-replaced",
    /// Messages go out when they are decided, not when they are committed.
    SentBeforeCommit P2 "sent-before-commit",
    /// A message is accepted when it is decided, not when it is committed.
    AcceptedBeforeCommit P6 "accepted-before-commit",
    /// A write whose answer was lost is written again, and the store does not look where.
    WrittenAgain P6 "written-again",
    /// Who takes over has forgotten which messages took effect.
    DedupForgotten P6 "dedup-forgotten",
    /// Who takes over answers what was answered.
    AnsweredAgain P6 "answered-again",
    /// A client attaches while a commit is under way, and is told of its number but not shown its message.
    NumberUnderWay P6 "number-under-way",
    /// The replay is reported done before it is.
    ResumedEarly P3 "resumed-early",
    /// The replay begins at the head, and what was missed is named as lost.
    MissedIsSkipped P3 "missed-is-skipped",
    /// What an owner remembers and its store has lost is named as never coming, though its number may come yet.
    SkipsWhatMayCome P3 "skips-what-may-come",
    /// A client that is ahead of the store goes on in the same epoch.
    SameEpoch P5 "same-epoch",
    /// After a loss that nobody has proved yet, numbers are given out that a client knows otherwise.
    CommitsUnproven P5 "commits-unproven",
    /// A client does not present its epoch.
    EpochNotPresented P3 "epoch-not-presented",
    /// An owner of an earlier epoch shows what it reads of a later one.
    ReadsLaterEpoch P5 "reads-later-epoch",
    /// Who takes over leaves a turn without its reply.
    TurnForgotten P1 "turn-forgotten",
    /// An owner does not look whether its store went back.
    LossUnnoticed P1 "loss-unnoticed",
}
