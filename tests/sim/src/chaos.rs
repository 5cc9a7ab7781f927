//! What is done to the world: users act, and things break.

use rolecall_wire::client::State;
use rolecall_wire::close;
use rolecall_wire::frame::ServerFrame;

use crate::connection::Down;
use crate::count::Count;
use crate::device::{Fate, Loss, Sent};
use crate::odd;
use crate::plan::{Fault, latency, network};
use crate::property::Held;
use crate::world::{Post, World};

impl World {
    /// The next deed, and when the one after it comes.
    pub(crate) fn deed(&mut self) -> Held {
        self.deeds_left = self.deeds_left.saturating_sub(1);
        let pause = self.chance.spread(self.plan.pause_ms);
        self.deed_at = (self.deeds_left > 0).then_some(self.now + pause);
        let place = self.chance.place(self.plan.faults.len());
        let Some(fault) = self.plan.faults.get(place).copied() else { return Ok(()) };
        self.trace.note("deed", fault as u64, pause);
        self.trace.say(|| format!("{fault:?}"));
        let device = self.chance.place(self.devices.len());
        let node = self.chance.place(self.nodes.len());
        match fault {
            // Odd Pongs come by themselves.
            Fault::Idle | Fault::OddPong => {}
            Fault::Send => self.send(device),
            Fault::Post => self.posts.push(Post { at: Some(self.now) }),
            Fault::Cancel => self.cancel(device),
            Fault::Network => self.change_network(device),
            Fault::Move => self.move_on(device),
            Fault::Cut => self.cut(device),
            Fault::HalfOpen => self.half_open(device),
            Fault::Stall => self.stall(device),
            Fault::Path => self.change_path(),
            Fault::Suspend => self.suspend(device),
            Fault::ClientRestart => self.kill_client(device),
            Fault::NodeCrash => self.crash(node),
            Fault::NodeStall => self.stall_node(node),
            Fault::Partition => self.partition(node),
            Fault::StoreDown => {
                self.counts.add(Count::StoreDown);
                self.store.down_until = self.now + self.chance.spread(20_000);
            }
            Fault::CommitFails => self.commit_fails = true,
            Fault::LoseTail => self.lose_tail(),
            Fault::DropOld => self.drop_old(),
            Fault::WallClock => {
                self.counts.add(Count::WallClock);
                self.wall_ms = self.chance.below(4_000_000_000_000);
            }
            Fault::Goaway => self.goaway(node),
            Fault::Flap => {
                let until = self.now + self.chance.spread(60_000);
                self.nodes.iter_mut().for_each(|node| node.flaps_until = until);
            }
            Fault::Takeover => self.take_over(),
            Fault::TokenExpires => self.expire_token(),
            Fault::OddClient => return odd::client::break_a_rule(&mut self.chance, &mut self.counts),
            Fault::OddServer => return odd::server::break_a_rule(&mut self.chance, &mut self.counts),
        }
        Ok(())
    }

    fn send(&mut self, at: usize) {
        for _ in 0..self.chance.between(1, 3) {
            let id = format!("m{}", self.sent.len());
            let Some(device) = self.devices.get_mut(at) else { return };
            match device.client.send(&id, "何如?") {
                Ok(()) => self.sent.push(Sent { id, device: at, fate: Fate::Waiting }),
                Err(_) => self.counts.add(Count::Full),
            }
        }
        if self.chance.one_in(2) {
            self.save(at);
        }
    }

    fn cancel(&mut self, at: usize) {
        let turn = self.store.entries().next_back().map_or(1, |entry| entry.message.turn.max(1));
        if let Some(device) = self.devices.get_mut(at) {
            // Without a connection there is nothing to stop.
            let _ = device.client.cancel(turn);
        }
    }

    fn change_network(&mut self, at: usize) {
        let network = network(&mut self.chance);
        let Some(device) = self.devices.get_mut(at) else { return };
        let clock = device.clock(self.now);
        if device.config.network != network {
            self.counts.add(Count::NetworkChange);
            device.config.network = network;
            device.watch.untold = (device.client.state() == State::Active).then_some(network);
        }
        device.client.set_network(clock, network);
    }

    /// The application leaves its connection for another, over another transport perhaps. Somebody on the way may hold
    /// the upgrade back that it leaves.
    fn move_on(&mut self, at: usize) {
        if let Some(left) = self.connection_of(at)
            && self.chance.one_in(2)
        {
            let until = self.now + self.chance.between(100, 20_000);
            self.harm(left);
            if let Some(connection) = self.connections.get_mut(left) {
                connection.up.stall(until);
            }
        }
        let Some(device) = self.devices.get_mut(at) else { return };
        let clock = device.clock(self.now);
        if !matches!(device.client.state(), State::Idle | State::Closed) {
            self.counts.add(Count::Moved);
            device.watch.left();
            device.client.migrate(clock);
        }
    }

    /// The place of a device's connection.
    pub(crate) fn connection_of(&self, at: usize) -> Option<usize> {
        self.devices.get(at).and_then(|device| device.connection).and_then(|id| self.find(id))
    }

    /// From now on, the connection may be slow or silent without anybody's fault.
    pub(crate) fn harm(&mut self, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        connection.harmed = true;
        let id = connection.id;
        for device in self.devices.iter_mut().filter(|device| device.connection == Some(id)) {
            device.watch.harmed = true;
        }
    }

    /// The connection goes; each side learns of it or not.
    pub(crate) fn cut(&mut self, device: usize) {
        let Some(at) = self.connection_of(device) else { return };
        self.counts.add(Count::Cut);
        self.harm(at);
        let (client, server, latency) = (self.chance.one_in(2), self.chance.one_in(2), self.latency());
        let Some(connection) = self.connections.get_mut(at) else { return };
        connection.up.clear();
        connection.down.clear();
        if client {
            connection.down.push(self.now + latency, Down::Gone);
        }
        if server || connection.server.is_none() {
            connection.up.push(self.now + latency, crate::connection::Up::End);
        }
        (connection.up.dead, connection.down.dead) = (true, true);
    }

    /// One direction goes silent.
    fn half_open(&mut self, device: usize) {
        let served = |at: &usize| self.connections.get(*at).is_some_and(|connection| connection.server.is_some());
        let Some(at) = self.connection_of(device).filter(served) else { return };
        self.counts.add(Count::HalfOpen);
        self.harm(at);
        let up = self.chance.one_in(2);
        let Some(connection) = self.connections.get_mut(at) else { return };
        if up { connection.up.kill() } else { connection.down.kill() }
    }

    fn stall(&mut self, device: usize) {
        let Some(at) = self.connection_of(device) else { return };
        self.counts.add(Count::Stall);
        self.harm(at);
        let (up, until) = (self.chance.one_in(2), self.now + self.chance.spread(60_000));
        let Some(connection) = self.connections.get_mut(at) else { return };
        if up { connection.up.stall(until) } else { connection.down.stall(until) }
    }

    /// What is sent takes another way from now on, perhaps a slower one.
    fn change_path(&mut self) {
        self.counts.add(Count::OtherPath);
        (0..self.connections.len()).for_each(|at| self.harm(at));
        self.plan.latency_ms = latency(&mut self.chance, self.plan.slowest_ms);
    }

    fn suspend(&mut self, at: usize) {
        self.counts.add(Count::Suspend);
        if let Some(connection) = self.connection_of(at) {
            self.harm(connection);
        }
        let until = self.now + self.chance.spread(120_000);
        if let Some(device) = self.devices.get_mut(at) {
            device.suspended_until = until;
        }
    }

    fn kill_client(&mut self, at: usize) {
        if self.devices.get(at).is_some_and(|device| device.over.is_none()) {
            if let Some(connection) = self.connection_of(at).filter(|_| self.chance.one_in(2)) {
                // The power went: nobody tells the server.
                self.harm(connection);
                if let Some(connection) = self.connections.get_mut(connection).filter(|c| c.server.is_some()) {
                    connection.up.kill();
                }
            }
            self.restart_client(at);
        }
    }

    fn harm_node(&mut self, node: usize) {
        for at in 0..self.connections.len() {
            if self.connections.get(at).is_some_and(|connection| connection.node == node) {
                self.harm(at);
            }
        }
    }

    fn crash(&mut self, index: usize) {
        self.counts.add(Count::NodeCrash);
        self.harm_node(index);
        let (until, skew) = (self.now + self.chance.spread(20_000), self.chance.below(1_000_000));
        let latency = self.latency();
        let Some(node) = self.nodes.get_mut(index) else { return };
        // What was written to the store just before may be applied or not; here it is not.
        (node.actor, node.notice_at, node.down_until, node.skew) = (None, None, until, skew);
        for connection in self.connections.iter_mut().filter(|connection| connection.node == index) {
            if self.chance.one_in(2) {
                connection.drop_server(self.now + latency);
            } else {
                connection.down.dead = true;
                connection.drop_server(0);
            }
        }
    }

    fn stall_node(&mut self, index: usize) {
        self.counts.add(Count::NodeStall);
        self.harm_node(index);
        let until = self.now + self.chance.spread(40_000);
        if let Some(node) = self.nodes.get_mut(index) {
            node.stalled_until = until;
        }
    }

    fn partition(&mut self, index: usize) {
        self.counts.add(Count::Partition);
        self.harm_node(index);
        let until = self.now + self.chance.spread(40_000);
        let lost = self.chance.one_in(2);
        if let Some(node) = self.nodes.get_mut(index) {
            node.cut_until = until;
        }
        for connection in self.connections.iter_mut().filter(|connection| connection.node == index) {
            connection.up.stall(until);
            connection.down.stall(until);
            if lost && connection.server.is_some() {
                connection.up.kill();
                connection.down.kill();
            }
        }
    }

    /// The store loses its tail. It knows, or only a client can prove it.
    fn lose_tail(&mut self) {
        let records = self.chance.place(6) + 1;
        let kept = self.store.head_without(records);
        if self.store.records() == 0 || self.store.unproven {
            return;
        }
        // Only a client that is ahead can prove a loss, and only of what it presents.
        let provable = match self.devices.first().filter(|_| !self.plan.second_device) {
            Some(device) => device.last > kept && device.told <= device.last && device.over.is_none(),
            None => false,
        };
        let silent = provable && self.chance.one_in(2);
        self.counts.add(if silent { Count::LostSilent } else { Count::LostTold });
        self.store.lose(records, !silent);
        let attached = self.attachments.len() as u64;
        for device in &mut self.devices {
            let seen = device.last.max(device.told) > kept;
            if seen {
                let kept = device.must_tell.map_or(kept, |loss| loss.kept.min(kept));
                device.must_tell = Some(Loss { kept, attached });
            }
        }
        for node in 0..self.nodes.len() {
            self.end_actor(node, close::TRY_LATER);
        }
    }

    /// Old messages are dropped, as far as no device that may come back needs them.
    fn drop_old(&mut self) {
        let needed = self.devices.iter().map(|device| device.saved.last_seq).min().unwrap_or(0);
        let floor = self.chance.between(0, needed.min(self.store.head()));
        if floor > 0 {
            self.counts.add(Count::LogDropped);
            self.store.drop_old(floor);
        }
    }

    /// A node goes away; it closes at once, or leaves it to the client.
    fn goaway(&mut self, index: usize) {
        let now = self.now;
        let after_ms = u32::try_from(self.chance.spread(8_000)).unwrap_or(0);
        let (closes, down) = (self.chance.one_in(2), self.chance.spread(10_000));
        let code = self.chance.pick(close::RESTART, &[close::HANDOVER]);
        let Some(node) = self.nodes.get_mut(index).filter(|node| node.stalled_until <= now) else { return };
        let clock = now + node.skew;
        for connection in self.connections.iter_mut().filter(|connection| connection.node == index) {
            let Some(server) = &mut connection.server else { continue };
            if server.state() != rolecall_wire::server::State::Active {
                continue;
            }
            self.counts.add(if closes { Count::Goaway } else { Count::GoawayOpen });
            server.send(clock, &ServerFrame::Goaway { after_ms });
            if closes {
                server.close(code, "the server restarts");
            }
        }
        if closes {
            (node.actor, node.notice_at, node.down_until) = (None, None, now + down);
            for connection in self.connections.iter_mut().filter(|connection| connection.node == index) {
                if connection.attached.is_none() {
                    connection.drop_server(now);
                }
            }
        }
    }

    /// The other device opens the session, or one that was replaced is opened again.
    fn take_over(&mut self) {
        if self.devices.len() == 1 && self.plan.second_device {
            self.counts.add(Count::Takeover);
            return self.add_device();
        }
        let closed = self.devices.iter().position(|device| device.over == Some(close::REPLACED));
        if let Some(at) = closed {
            self.counts.add(Count::Reopen);
            self.restart_client(at);
        }
    }

    fn expire_token(&mut self) {
        self.counts.add(Count::TokenExpired);
        self.token += 1;
        if self.chance.one_in(2) {
            self.end_owner(close::TOKEN_EXPIRED);
        }
    }
}
