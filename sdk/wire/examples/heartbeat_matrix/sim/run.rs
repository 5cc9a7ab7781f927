//! A session in one cell under one policy: connections follow each other as they end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rolecall_wire::heartbeat::Learned;

use super::cell::Cell;
use super::link::Link;
use super::pair::{Item, Out, Pair, Side};
use super::policy::Policy;
use super::schedule::{Happening, schedule};
use super::tally::Tally;

/// What the simulation varies beside cell and policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) hours: u64,
    /// Whether anything is said.
    pub(crate) chats: bool,
}

/// Runs it.
pub(crate) fn run(policy: &Policy, cell: Cell, scenario: Scenario) -> Tally {
    let mut session = Session::new(*policy, cell, scenario);
    for (at, happening) in schedule(cell.seed() ^ scenario.seed << 8, scenario.hours, scenario.chats) {
        session.run_to(at);
        session.happen(happening);
    }
    session.run_to(scenario.hours * 3_600_000);
    session.tally
}

/// Something under way.
struct Transit {
    up: bool,
    item: Item,
}

struct Session {
    policy: Policy,
    cell: Cell,
    seed: u64,
    now: u64,
    pair: Box<dyn Pair>,
    link: Link,
    /// Arrivals, in order of time and then of sending.
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    transits: std::collections::BTreeMap<u64, Transit>,
    sent: u64,
    died_at: Option<u64>,
    /// When the client is told that the server knows no such connection.
    reset_at: Option<u64>,
    tally: Tally,
}

impl Session {
    fn new(policy: Policy, cell: Cell, scenario: Scenario) -> Self {
        let seed = cell.seed().wrapping_mul(31).wrapping_add(scenario.seed);
        let mut out = Out::default();
        let pair = policy.open(&cell, Learned::default(), seed, 0, &mut out);
        let mut new = Self {
            policy,
            cell,
            seed,
            now: 0,
            pair,
            link: Link::new(cell, seed, 0),
            queue: BinaryHeap::new(),
            transits: std::collections::BTreeMap::new(),
            sent: 0,
            died_at: None,
            reset_at: None,
            tally: Tally { hours: scenario.hours, ..Tally::default() },
        };
        new.send(out);
        new
    }

    fn run_to(&mut self, end: u64) {
        loop {
            let arrival = self.queue.peek().map(|Reverse((at, _))| *at);
            let due = [arrival, self.pair.next(self.died_at.is_none()), self.reset_at];
            let Some(next) = due.into_iter().flatten().min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            let mut out = Out::default();
            if arrival == Some(next) {
                self.arrive(&mut out);
            } else if self.reset_at == Some(next) {
                self.next_connection();
                continue;
            } else {
                self.pair.advance(self.now, self.died_at.is_none(), &mut out);
            }
            self.send(out);
            self.end_if_ended();
        }
        self.now = end;
    }

    fn happen(&mut self, happening: Happening) {
        let mut out = Out::default();
        match happening {
            // A link that carries nothing any more cannot die again.
            Happening::Death if self.link.forgotten || self.died_at.is_some() => {}
            Happening::Death => {
                self.died_at = Some(self.now);
                self.link.dead = true;
            }
            Happening::UserSends if self.died_at.is_some() => {}
            Happening::UserSends => self.pair.user_sends(self.now, &mut out),
            Happening::ServerSends => self.pair.server_sends(self.now, &mut out),
        }
        self.send(out);
        self.end_if_ended();
    }

    fn send(&mut self, out: Out) {
        let all = out.down.into_iter().map(|item| (false, item)).chain(out.up.into_iter().map(|item| (true, item)));
        for (up, item) in all {
            let passage = self.link.send(up, self.now);
            if item.beat && self.died_at.is_none() {
                self.tally.beat(up, item.bytes.len(), passage.times, item.answer);
            }
            if up && self.link.forgotten && self.died_at.is_none() {
                // The NAT gives it a new port, and the server resets what it does not know.
                self.reset_at.get_or_insert(self.now + self.cell.rtt_ms as u64);
            }
            self.sent += 1;
            self.queue.push(Reverse((passage.at, self.sent)));
            self.transits.insert(self.sent, Transit { up, item });
        }
    }

    fn arrive(&mut self, out: &mut Out) {
        let Some(Reverse((_, id))) = self.queue.pop() else { return };
        let Some(Transit { up, item }) = self.transits.remove(&id) else { return };
        if self.link.dead {
            return;
        }
        if up {
            if !self.link.forgotten {
                self.pair.arrive_up(self.now, &item, out);
            }
        } else if self.link.pass(self.now) {
            self.pair.arrive_down(self.now, &item, out);
        }
    }

    fn end_if_ended(&mut self) {
        let Some(side) = self.pair.ended() else { return };
        match self.died_at {
            Some(died_at) if side == Side::Server => self.tally.detected_ms.push(self.now - died_at),
            Some(_) => return,
            None if self.link.forgotten => {}
            None => self.tally.false_closes += 1,
        }
        self.next_connection();
    }

    fn next_connection(&mut self) {
        self.tally.nat_losses += u64::from(self.link.forgotten);
        let learned = self.pair.replaced(self.now);
        self.seed = self.seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1) & !1 | self.seed & 1;
        (self.died_at, self.reset_at) = (None, None);
        self.queue.clear();
        self.transits.clear();
        self.link = Link::new(self.cell, self.seed, self.now);
        let mut out = Out::default();
        self.pair = self.policy.open(&self.cell, learned, self.seed, self.now, &mut out);
        self.send(out);
    }
}
