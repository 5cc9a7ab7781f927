//! The configurations that `make model` checks, a small one for every test run, and where known bugs are hunted.

use crate::fault::Fault;
use crate::met::Met;
use crate::pair::Pair;
use crate::promise::Promise;
use crate::setup::{Budget, Setup};

const BASE: Setup = Setup {
    name: "base",
    about: "",
    two_clients: false,
    links: 2,
    pieces: false,
    acks: false,
    budget: Budget::NONE,
    meets: &[],
    heals: false,
    fault: None,
};

const ONE: Pair<u8> = Pair { a: 1, b: 0 };
const TWO: Pair<u8> = Pair { a: 2, b: 0 };
const EACH: Pair<u8> = Pair { a: 1, b: 1 };

/// What `make model` checks, each to its last state.
#[must_use]
pub fn all() -> Vec<Setup> {
    vec![network(), clients(), processes(), nodes(), losses(), lost_twice(), posts(), rest()]
}

/// One that is small enough for every test run.
#[must_use]
pub fn small() -> Setup {
    Setup {
        name: "small",
        about: "two clients and two nodes, a takeover",
        two_clients: true,
        budget: Budget { says: ONE, moves: 1, ..Budget::NONE },
        meets: &[Met::Shown, Met::Replaced, Met::TakenOver, Met::StaleRefused, Met::Continued],
        ..BASE
    }
}

/// One client, one node, and a network that loses connections.
fn network() -> Setup {
    Setup {
        name: "network",
        about: "one client says two things and acknowledges; a connection is cut, the node loses its memory",
        pieces: true,
        acks: true,
        budget: Budget { says: TWO, cuts: 1, crashes: 1, ..Budget::NONE },
        meets: &[Met::Shown, Met::Replayed, Met::Acked, Met::Continued, Met::LateTaken],
        ..BASE
    }
}

/// Two clients of one session.
fn clients() -> Setup {
    Setup {
        name: "clients",
        about: "two clients say one thing each and replace each other; a connection is cut",
        two_clients: true,
        links: 3,
        budget: Budget { says: EACH, cuts: 1, ..Budget::NONE },
        meets: &[Met::Shown, Met::Replayed, Met::Replaced],
        ..BASE
    }
}

/// Client processes that end.
fn processes() -> Setup {
    Setup {
        name: "processes",
        about: "a client's process ends, and begins again from where it was saved, or from nothing; two clients",
        two_clients: true,
        budget: Budget { says: EACH, restarts: 1, saves: 1, ..Budget::NONE },
        meets: &[Met::Restarted, Met::Replaced, Met::Duplicate],
        ..BASE
    }
}

/// Two nodes that take the session from each other.
fn nodes() -> Setup {
    Setup {
        name: "nodes",
        about: "two nodes take the session from each other, lose their memory and the store's answers",
        two_clients: true,
        links: 3,
        budget: Budget { says: ONE, crashes: 1, answers: 1, moves: 2, ..Budget::NONE },
        meets: &[Met::TakenOver, Met::StaleRefused, Met::LateTaken, Met::Unknown, Met::Continued],
        ..BASE
    }
}

/// A store that loses its tail, with two clients and two nodes.
fn losses() -> Setup {
    Setup {
        name: "losses",
        about: "the store loses its tail, its lease with it, and knows it or not; two clients, two nodes",
        two_clients: true,
        links: 3,
        budget: Budget { says: ONE, losses: 1, moves: 1, ..Budget::NONE },
        meets: &[Met::EpochTold, Met::SkipTold, Met::Forked, Met::Returned, Met::TakenOver],
        ..BASE
    }
}

/// A store that loses its tail more than once.
fn lost_twice() -> Setup {
    Setup {
        name: "lost-twice",
        about: "the store loses its tail twice while a client says something and moves to another node",
        budget: Budget { says: ONE, losses: 2, moves: 1, ..Budget::NONE },
        meets: &[Met::EpochTold, Met::Forked],
        ..BASE
    }
}

/// Posts, repeated at either node.
fn posts() -> Setup {
    Setup {
        name: "posts",
        about: "an application posts its message twice, at either node, while these come and go",
        budget: Budget { says: ONE, crashes: 1, answers: 1, posts: 2, moves: 1, ..Budget::NONE },
        meets: &[Met::PostRepeated, Met::TakenOver, Met::StaleRefused],
        ..BASE
    }
}

/// From every state, the way to rest.
fn rest() -> Setup {
    Setup {
        name: "rest",
        about: "one of every accident, and from each state the way to where everything has arrived",
        budget: Budget { says: ONE, cuts: 1, crashes: 1, losses: 1, moves: 1, ..Budget::NONE },
        meets: &[Met::EpochTold, Met::Forked, Met::LateRefused],
        heals: true,
        ..BASE
    }
}

/// Where a known bug is hunted: the smallest accidents that show it.
#[must_use]
pub fn hunt(fault: Fault) -> Setup {
    let budget = Budget { says: ONE, ..Budget::NONE };
    let budget = match fault {
        Fault::ReplacedNotClosed => Budget::NONE,
        Fault::AcceptedBeforeCommit => budget,
        Fault::SentBeforeCommit => Budget { posts: 1, ..Budget::NONE },
        Fault::NoFence => Budget { moves: 1, ..budget },
        Fault::FenceCounted => Budget { losses: 1, moves: 2, ..budget },
        Fault::EpochUnfenced => Budget { losses: 1, moves: 1, ..budget },
        Fault::StaleSaysReplaced => Budget { posts: 1, moves: 1, ..Budget::NONE },
        Fault::WrittenAgain => Budget { answers: 1, ..budget },
        Fault::DedupForgotten => Budget { says: TWO, crashes: 1, ..budget },
        Fault::AnsweredAgain | Fault::TurnForgotten => Budget { crashes: 1, ..budget },
        Fault::NumberUnderWay => Budget { restarts: 1, saves: 1, ..budget },
        Fault::ResumedEarly | Fault::MissedIsSkipped => Budget { cuts: 1, ..budget },
        Fault::SameEpoch | Fault::CommitsUnproven | Fault::EpochNotPresented => {
            Budget { losses: 1, posts: 1, ..budget }
        }
        Fault::SkipsWhatMayCome => Budget { cuts: 1, losses: 1, posts: 1, ..budget },
        Fault::ReadsLaterEpoch => Budget { says: EACH, losses: 1, moves: 1, ..budget },
        Fault::LossUnnoticed => Budget { losses: 1, ..budget },
    };
    let heals = matches!(fault, Fault::TurnForgotten | Fault::LossUnnoticed);
    let two_clients = fault.breaks() == Promise::P4 || fault == Fault::ReadsLaterEpoch;
    Setup { name: "hunt", about: fault.text(), two_clients, budget, heals, fault: Some(fault), ..BASE }
}
