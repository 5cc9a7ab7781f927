//! A policy of two numbers: a Ping each interval, whatever happens; without any arrival for the
//! timeout behind a Ping, the peer is dead. The client answers and acknowledges, and never gives up.

use rolecall_wire::heartbeat::Learned;

use super::pair::{Item, Out, Pair, Side};

/// How long the client gathers acknowledgements.
const ACK_MS: u64 = 250;

pub(crate) struct Fixed {
    interval_ms: u64,
    timeout_ms: u64,
    ping_at: u64,
    give_up_at: Option<u64>,
    ack_at: Option<u64>,
    ended: bool,
}

impl Fixed {
    pub(crate) const fn new(interval_ms: u64, timeout_ms: u64, now: u64) -> Self {
        Self { interval_ms, timeout_ms, ping_at: now + interval_ms, give_up_at: None, ack_at: None, ended: false }
    }
}

impl Pair for Fixed {
    fn next(&self, client_lives: bool) -> Option<u64> {
        let ack_at = self.ack_at.filter(|_| client_lives);
        [Some(self.ping_at), self.give_up_at, ack_at].into_iter().flatten().min()
    }

    fn advance(&mut self, now: u64, client_lives: bool, out: &mut Out) {
        if client_lives && self.ack_at.take_if(|at| *at <= now).is_some() {
            out.up.push(Item::data(vec![0; 16]));
        }
        if self.give_up_at.is_some_and(|at| at <= now) {
            self.ended = true;
        }
        if self.ping_at <= now {
            self.ping_at += self.interval_ms;
            self.give_up_at.get_or_insert(now + self.timeout_ms);
            // As long as ours, so that only the times differ.
            out.down.push(Item::ping(vec![0; 16]));
        }
    }

    fn arrive_up(&mut self, _: u64, _: &Item, _: &mut Out) {
        self.give_up_at = None;
    }

    fn arrive_down(&mut self, now: u64, item: &Item, out: &mut Out) {
        if item.beat {
            out.up.push(Item::pong(item.bytes.clone()));
        } else {
            self.ack_at.get_or_insert(now + ACK_MS);
        }
    }

    fn user_sends(&mut self, _: u64, out: &mut Out) {
        out.up.push(Item::data(vec![0; 100]));
    }

    fn server_sends(&mut self, _: u64, out: &mut Out) {
        out.down.push(Item::data(vec![0; 40]));
    }

    fn ended(&self) -> Option<Side> {
        self.ended.then_some(Side::Server)
    }

    fn replaced(&mut self, _: u64) -> Learned {
        Learned::default()
    }
}
