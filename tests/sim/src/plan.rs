//! What a seed's world is like: drawn once, before anything happens.
//!
//! Each run has some kinds of faults only. A run with all of them at once spends its time in the
//! loudest ones, and the rare meetings of two quiet ones never come about.

use rolecall_wire::client::{self, Backoff};
use rolecall_wire::frame::Network;
use rolecall_wire::heartbeat::{Mode, Table};
use rolecall_wire::server::{self, Encoding};

use crate::chance::Chance;

/// What can be done to a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Send,
    Post,
    Idle,
    Cancel,
    Network,
    Move,
    Cut,
    HalfOpen,
    Stall,
    Path,
    Suspend,
    ClientRestart,
    NodeCrash,
    NodeStall,
    Partition,
    StoreDown,
    CommitFails,
    LoseTail,
    DropOld,
    WallClock,
    Goaway,
    Flap,
    Takeover,
    TokenExpires,
    OddPong,
    OddClient,
    OddServer,
}

/// What users do in every run.
const ALWAYS: &[Fault] = &[Fault::Send, Fault::Send, Fault::Send, Fault::Send, Fault::Post, Fault::Idle];

/// What some runs have.
const SOMETIMES: &[Fault] = &[
    Fault::Cancel,
    Fault::Network,
    Fault::Move,
    Fault::Cut,
    Fault::HalfOpen,
    Fault::Stall,
    Fault::Path,
    Fault::Suspend,
    Fault::ClientRestart,
    Fault::NodeCrash,
    Fault::NodeStall,
    Fault::Partition,
    Fault::StoreDown,
    Fault::CommitFails,
    Fault::LoseTail,
    Fault::DropOld,
    Fault::WallClock,
    Fault::Goaway,
    Fault::Flap,
    Fault::Takeover,
    Fault::TokenExpires,
    Fault::OddPong,
    Fault::OddClient,
    Fault::OddServer,
];

/// A run's world.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) nodes: usize,
    /// Whether a second device may open the session.
    pub(crate) second_device: bool,
    /// What may happen, each as often as it stands here.
    pub(crate) faults: Vec<Fault>,
    /// How many times something is done to the world.
    pub(crate) deeds: u64,
    /// Longest pause between two of them.
    pub(crate) pause_ms: u64,
    /// Least and longest time on the way, one direction.
    pub(crate) latency_ms: (u64, u64),
    /// The longest that it ever is.
    pub(crate) slowest_ms: u64,
    /// Longest time that the application takes over a message.
    pub(crate) app_ms: u64,
    /// A position is saved after one in so many processed messages.
    pub(crate) save_one_in: u64,
    /// Longest time of a commit.
    pub(crate) commit_ms: u64,
    /// Longest time of a lookup.
    pub(crate) lookup_ms: u64,
    /// Longest time between two pieces of a reply.
    pub(crate) piece_ms: u64,
    /// One in so many sends is refused as busy.
    pub(crate) busy_one_in: u64,
    /// Outcomes of sends that are remembered; the protocol says 256, fewer meet the end of it sooner.
    pub(crate) remembered: usize,
    /// How long a session stays awake for a client for whom nothing happens.
    pub(crate) nap_ms: u64,
    /// When a box on the way forgets a connection over which nothing goes.
    pub(crate) nat_ms: Option<u64>,
    /// Whether the platform shows its Pings to the client's machine; browsers do not.
    pub(crate) sees_pings: bool,
    pub(crate) server: server::Config,
    pub(crate) client: client::Config,
}

impl Plan {
    /// How long a client may take nothing.
    pub(crate) fn slow_ms(&self) -> u64 {
        self.server.slow_ms.into()
    }

    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let mode = chance.pick(Mode::Table, &[Mode::Adaptive]);
        let timeout_ms = match mode {
            Mode::Table => chance.pick(30_000, &[3_000, 9_000, 30_000]),
            // The least that a contract may set, and long ones, in which more is learned.
            Mode::Adaptive => chance.pick(30_000, &[5_000, 9_000, 120_000]),
        };
        // A healthy round trip stays below the third of the timeout that follows a probe.
        let slowest_ms = (u64::from(timeout_ms) / 9).min(1_400);
        let latency_ms = latency(chance, slowest_ms);
        let several: Vec<Fault> = SOMETIMES.iter().copied().filter(|_| chance.one_in(3)).collect();
        let mut faults = ALWAYS.to_vec();
        faults.extend(&several);
        faults.extend(&several);
        let second_device = faults.contains(&Fault::Takeover);
        Self {
            nodes: chance.pick(1, &[2]),
            second_device,
            faults,
            deeds: chance.between(6, 26),
            pause_ms: chance.pick(600, &[4_000, 40_000, if mode == Mode::Adaptive { 400_000 } else { 40_000 }]),
            latency_ms,
            slowest_ms,
            app_ms: chance.pick(0, &[0, 80, 1_500]),
            save_one_in: chance.pick(1, &[3, 10]),
            commit_ms: chance.pick(0, &[8, 900]),
            lookup_ms: chance.pick(0, &[0, 30, 1_200, 7_000]),
            piece_ms: chance.pick(5, &[50, 700]),
            busy_one_in: chance.pick(0, &[4]),
            remembered: chance.pick(256, &[1, 3]),
            nap_ms: chance.pick(10_000, &[300, 2_000]),
            nat_ms: if chance.one_in(4) { Some(chance.pick(30_000, &[12_000, 60_000])) } else { None },
            sees_pings: chance.one_in(2),
            server: server_config(chance, mode, timeout_ms),
            client: client_config(chance),
        }
    }
}

fn server_config(chance: &mut Chance, mode: Mode, timeout_ms: u32) -> server::Config {
    let slow_ms = chance.pick(300_000, &[20_000]);
    if mode == Mode::Adaptive {
        // Of the table, the floor counts, and gives way to a short timeout.
        let table = Table { floor: chance.pick(5_000, &[1_000]), ..Table::default() };
        return server::Config { mode, timeout_ms, table, slow_ms, ..server::Config::default() };
    }
    // As a contract's `heartbeat {}` may set them.
    let table = match chance.below(3) {
        0 => Table { four_g: 2_000, three_g: 4_000, two_g: 7_000, slow_two_g: 14_000, other: 3_000, floor: 1_000 },
        _ => Table::default(),
    };
    let heartbeat_ms = chance.one_in(6).then_some(2_500);
    server::Config { timeout_ms, table, heartbeat_ms, slow_ms, ..server::Config::default() }
}

fn client_config(chance: &mut Chance) -> client::Config {
    let encoding = chance.pick(Encoding::BspV2, &[Encoding::BspV1, Encoding::JsonV1]);
    client::Config {
        encoding,
        mode: chance.pick(Mode::Table, &[Mode::Adaptive]),
        network: network(chance),
        max_unaccepted: chance.pick(64, &[3]),
        ack_every: chance.pick(16, &[2]),
        ack_after_ms: chance.pick(250, &[40]),
        rollup_ms: chance.pick(40, &[0, 700]),
        // Also fewer than may be acknowledged at once: then time alone brings the acknowledgement.
        window: chance.pick(1_024, &[0, 1, 5]),
        backoff: Backoff { base_ms: chance.pick(250, &[100]), ..Backoff::default() },
        ..client::Config::default()
    }
}

/// The least and the longest time on a way.
pub(crate) fn latency(chance: &mut Chance, slowest_ms: u64) -> (u64, u64) {
    let longest = chance.pick(2, &[60, 400, 1_400]).min(slowest_ms);
    (chance.below(longest), longest)
}

/// A network type.
pub(crate) fn network(chance: &mut Chance) -> Network {
    chance.pick(Network::Other, &[Network::FourG, Network::ThreeG, Network::TwoG, Network::SlowTwoG])
}
