//! How often each kind of fault and each path happened, so that an empty simulation is visible.

macro_rules! counts {
    ($($name:ident = $text:literal,)+) => {
        /// Something that a run can meet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each has its text")]
        pub enum Count {
            $($name,)+
        }

        impl Count {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// What it is, for people.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

counts! {
    Connect = "connections opened",
    Welcome = "welcomes taken",
    Replay = "resumes that missed something",
    CaughtUp = "replays completed",
    Message = "messages delivered",
    Skip = "skips told",
    EpochChange = "epoch changes told",
    Accept = "messages of users accepted",
    Duplicate = "sends answered as duplicates",
    Taken = "sends whose number was another's",
    Busy = "sends refused as busy",
    Forgotten = "sends whose outcome was forgotten",
    Settled = "sends settled by the replay",
    Ack = "acknowledgements sent",
    ServerRtt = "round trips measured by servers",
    ClientRtt = "round trips measured by clients",
    Adapted = "intervals adapted to round trips",
    Longer = "longer intervals learned",
    Shorter = "shorter intervals learned",
    AskedEarly = "questions because of a message",
    TooSlow = "steps on links too slow for questions",
    GivenUpEarly = "peers given up before the timeout",
    FellAsleep = "sessions that fell asleep",
    Woken = "sessions woken",
    NotWoken = "sessions that could not be woken",
    LeftAsleep = "sessions gone with their connection",
    Unloaded = "sessions without a client unloaded",
    AckedAsleep = "acknowledgements while a session sleeps",
    Forgot = "fault: mapping forgotten",
    Cut = "fault: connection cut",
    HalfOpen = "fault: connection half open",
    Stall = "fault: connection stalled",
    OtherPath = "fault: path changed",
    Suspend = "fault: device suspended",
    ClientRestart = "fault: client process restarted",
    NodeCrash = "fault: node crashed",
    NodeStall = "fault: node stalled",
    Partition = "fault: node cut off from clients",
    StoreDown = "fault: store down",
    CommitFailed = "fault: commit failed, outcome unknown",
    CommitFenced = "commits of a stale owner refused",
    LostTold = "fault: tail lost, store knows",
    LostSilent = "fault: tail lost, store does not know",
    LogDropped = "fault: old messages dropped",
    WallClock = "fault: wall clock jumped",
    Moved = "moved to another connection",
    NetworkChange = "network type changed",
    Goaway = "fault: node goes away, closes",
    GoawayOpen = "fault: node goes away, does not close",
    Flap = "fault: node closes what it welcomed",
    Takeover = "second device opened the session",
    Reopen = "replaced device opened again",
    Replaced = "devices replaced (4304)",
    NodeTakeover = "sessions taken over by the other node",
    Forked = "clients on a lost branch (410)",
    TokenExpired = "tokens expired",
    Refused = "upgrades refused for later",
    Dead = "upgrades that met no node",
    Superseded = "attempts that came after a later one",
    Abandoned = "attempts attached when nobody waited",
    Rolled = "frames of several pieces",
    WindowFull = "windows used up",
    Slow = "connections closed as slow",
    LookupLate = "lookups that took too long",
    Cancel = "turns cancelled",
    CancelLate = "cancels that came too late",
    PostRetry = "posts repeated",
    OddPong = "pongs doubled or invented",
    ClientExpired = "connections expired at the client",
    ServerExpired = "connections expired at the server",
    ConnectTimeout = "attempts given up",
    Migrated = "connections left after a goaway",
    Stable = "delays that started over",
    LongDelay = "delays above a second",
    OddClient = "rules broken by a client",
    OddServer = "rules broken by a server",
    Flood = "floods",
    Full = "sends that the queue had no room for",
    SlowAck = "acknowledgements by timer",
    FastAck = "acknowledgements by number",
}

/// How often each happened.
#[derive(Debug, Clone)]
pub struct Counts(Vec<u64>);

impl Default for Counts {
    fn default() -> Self {
        Self(vec![0; Count::ALL.len()])
    }
}

impl Counts {
    pub(crate) fn add(&mut self, count: Count) {
        if let Some(number) = self.0.get_mut(count as usize) {
            *number += 1;
        }
    }

    /// How often this happened.
    #[must_use]
    pub fn of(&self, count: Count) -> u64 {
        self.0.get(count as usize).copied().unwrap_or_default()
    }

    /// Adds another run's.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }
}
