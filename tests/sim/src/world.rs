//! The world of a run, and how time passes in it: whatever is due first happens, then every machine
//! is drained, then everything is checked.

use rolecall_wire::client::Position;
use rolecall_wire::heartbeat::Learned;
use rolecall_wire::server;

use crate::actor::Actor;
use crate::chance::Chance;
use crate::connection::Connection;
use crate::count::Counts;
use crate::device::{Device, Sent};
use crate::plan::Plan;
use crate::property::{Held, hold};
use crate::store::Store;
use crate::trace::Trace;

/// A server process.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) actor: Option<Actor>,
    /// When it is up again; 0 when it is.
    pub(crate) down_until: u64,
    /// Nothing of it runs before this time.
    pub(crate) stalled_until: u64,
    /// It cannot be reached by clients before this time.
    pub(crate) cut_until: u64,
    /// It closes what it welcomes before this time.
    pub(crate) flaps_until: u64,
    /// When it hears that another node took the session over.
    pub(crate) notice_at: Option<u64>,
    /// How far its monotonic clock is ahead of the world's.
    pub(crate) skew: u64,
}

/// What an application posts for the user, until it is answered.
#[derive(Debug)]
pub(crate) struct Post {
    /// When it is tried next; `None` once it is answered.
    pub(crate) at: Option<u64>,
}

/// Everything there is.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) chance: Chance,
    pub(crate) plan: Plan,
    pub(crate) trace: Trace,
    pub(crate) counts: Counts,
    pub(crate) store: Store,
    pub(crate) nodes: Vec<Node>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) devices: Vec<Device>,
    pub(crate) posts: Vec<Post>,
    pub(crate) sent: Vec<Sent>,
    /// Who attached, in order.
    pub(crate) attachments: Vec<usize>,
    pub(crate) next_connection: u64,
    /// How far the wall clock is from the monotonic one.
    pub(crate) wall_ms: u64,
    /// The newest token; older ones have expired.
    pub(crate) token: u64,
    pub(crate) deeds_left: u64,
    pub(crate) deed_at: Option<u64>,
    /// What a connection knew at its end, and under which fence its session keeps that.
    pub(crate) taught: Option<(u64, Learned)>,
    /// The next commit fails.
    pub(crate) commit_fails: bool,
    /// Whether the network is fair from now on.
    pub(crate) fair: bool,
}

/// What is due.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Due {
    Deed,
    ClientTimer(usize),
    App(usize),
    Up(usize),
    Down(usize),
    ServerTimer(usize),
    Lookup(usize),
    Apply(usize),
    Answer(usize),
    Speak(usize),
    Nap(usize),
    Lease(usize),
    Notice(usize),
    Post(usize),
}

impl Due {
    const fn name(self) -> (&'static str, usize) {
        match self {
            Self::Deed => ("deed", 0),
            Self::ClientTimer(at) => ("client timer", at),
            Self::App(at) => ("application", at),
            Self::Up(at) => ("to server", at),
            Self::Down(at) => ("to client", at),
            Self::ServerTimer(at) => ("server timer", at),
            Self::Lookup(at) => ("lookup", at),
            Self::Apply(at) => ("commit applied", at),
            Self::Answer(at) => ("commit answered", at),
            Self::Speak(at) => ("reply goes on", at),
            Self::Nap(at) => ("nap", at),
            Self::Lease(at) => ("lease", at),
            Self::Notice(at) => ("notice", at),
            Self::Post(at) => ("post", at),
        }
    }
}

impl World {
    pub(crate) fn new(seed: u64, lines: bool) -> Self {
        let mut chance = Chance::new(seed);
        let plan = Plan::draw(&mut chance);
        let node = |skew| Node { skew, ..Node::default() };
        let nodes = (0..plan.nodes).map(|_| node(chance.below(1_000_000))).collect();
        let deeds_left = plan.deeds;
        let mut world = Self {
            now: 0,
            chance,
            plan,
            trace: Trace::new(lines),
            counts: Counts::default(),
            store: Store::new(),
            nodes,
            connections: Vec::new(),
            devices: Vec::new(),
            posts: Vec::new(),
            sent: Vec::new(),
            attachments: Vec::new(),
            next_connection: 0,
            wall_ms: 1_750_000_000_000,
            token: 0,
            deeds_left,
            deed_at: Some(0),
            taught: None,
            commit_fails: false,
            fair: false,
        };
        world.add_device();
        world
    }

    /// A device opens the session from nothing.
    pub(crate) fn add_device(&mut self) {
        let position = Position::start(SESSION.into(), self.token.to_string());
        let (skew, seed) = (self.chance.below(1_000_000), self.chance.any());
        let mut device = Device::new(self.plan.client.clone(), position, skew, seed);
        device.client.connect(self.now + skew);
        self.devices.push(device);
    }

    /// One step. `false` when nothing is due any more.
    pub(crate) fn step(&mut self) -> Result<bool, crate::property::Violation> {
        let Some((at, due)) = self.next() else { return Ok(false) };
        if at > self.now {
            self.check_waiting(at)?;
            self.now = at;
            self.forget_mappings();
        }
        let (name, whom) = due.name();
        self.trace.step(self.now, name, whom as u64);
        self.happen(due)?;
        self.drain()?;
        self.check()?;
        Ok(true)
    }

    /// What is due first; of several, the first in this order.
    pub(crate) fn next(&self) -> Option<(u64, Due)> {
        let mut first: Option<(u64, Due)> = None;
        let mut offer = |at: Option<u64>, due: Due| {
            if let Some(at) = at
                && first.is_none_or(|(earliest, _)| at < earliest)
            {
                first = Some((at, due));
            }
        };
        offer(self.deed_at, Due::Deed);
        for (index, device) in self.devices.iter().enumerate() {
            let awake = |at: u64| at.max(device.suspended_until);
            let timer = device.client.poll_timeout().map(|at| at.saturating_sub(device.skew));
            offer(timer.map(awake), Due::ClientTimer(index));
            offer(device.app_at.map(awake), Due::App(index));
        }
        for (index, connection) in self.connections.iter().enumerate() {
            let Some(node) = self.nodes.get(connection.node) else { continue };
            let runs = |at: u64| at.max(node.stalled_until);
            let awake = |at: u64| at.max(self.devices.get(connection.device).map_or(0, |d| d.suspended_until));
            offer(connection.up.due().map(runs), Due::Up(index));
            offer(connection.down.due().map(awake), Due::Down(index));
            let timer = connection.server.as_ref().and_then(server::Server::poll_timeout);
            offer(timer.map(|at| runs(at.saturating_sub(node.skew))), Due::ServerTimer(index));
            offer(connection.lookup.map(|(_, done)| runs(done)), Due::Lookup(index));
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let runs = |at: u64| at.max(node.stalled_until);
            offer(node.notice_at.map(runs), Due::Notice(index));
            let Some(actor) = &node.actor else { continue };
            if let Some(committing) = &actor.committing {
                // The store applies it also while the node is stalled.
                offer(committing.apply_at, Due::Apply(index));
                offer(Some(runs(committing.answer_at)), Due::Answer(index));
            }
            offer(actor.running.as_ref().map(|running| runs(running.at)), Due::Speak(index));
            offer(actor.nap_at.map(runs), Due::Nap(index));
            offer((actor.fence != self.store.fence).then_some(runs(actor.lease_at)), Due::Lease(index));
        }
        for (index, post) in self.posts.iter().enumerate() {
            offer(post.at, Due::Post(index));
        }
        first.map(|(at, due)| (at.max(self.now), due))
    }

    fn happen(&mut self, due: Due) -> Held {
        match due {
            Due::Deed => return self.deed(),
            Due::ClientTimer(at) => self.client_timer(at),
            Due::App(at) => self.application(at),
            Due::Up(at) => self.arrive_up(at),
            Due::Down(at) => return self.arrive_down(at),
            Due::ServerTimer(at) => self.server_timer(at),
            Due::Lookup(at) => self.lookup(at),
            Due::Apply(at) => return self.apply(at),
            Due::Answer(at) => self.answer(at),
            Due::Speak(at) => self.speak(at),
            Due::Nap(at) => self.nap(at),
            Due::Lease(at) | Due::Notice(at) => self.look_at_lease(at),
            Due::Post(at) => self.try_post(at),
        }
        Ok(())
    }

    /// Empties every machine, until none has anything to say.
    fn drain(&mut self) -> Held {
        for _ in 0..DRAINS {
            let mut quiet = true;
            for index in 0..self.nodes.len() {
                quiet &= !self.begin_commit(index);
            }
            for index in 0..self.connections.len() {
                quiet &= !self.drain_server(index)?;
            }
            for index in 0..self.devices.len() {
                quiet &= !self.drain_client(index)?;
            }
            self.connections.retain(|connection| !connection.is_over());
            if quiet {
                return self.settled();
            }
        }
        hold!(false, P10, "the machines answer each other for ever without time passing");
        Ok(())
    }

    /// A time on the way, one direction.
    pub(crate) fn latency(&mut self) -> u64 {
        let (least, most) = self.plan.latency_ms;
        self.chance.between(least, most)
    }

    /// The world's clock, and the wall clock.
    pub(crate) const fn clocks(&self) -> (u64, u64) {
        (self.now, self.wall_ms + self.now)
    }

    /// The place of a connection.
    pub(crate) fn find(&self, id: u64) -> Option<usize> {
        self.connections.iter().position(|connection| connection.id == id)
    }
}

/// The one session.
pub(crate) const SESSION: &str = "s_1";
/// Rounds after which machines that keep talking without time passing count as caught in a loop.
const DRAINS: usize = 64;
