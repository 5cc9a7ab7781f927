//! What servers' machines say: to the session, and to the socket.

use rolecall_wire::close;
use rolecall_wire::frame::ClientFrame;
use rolecall_wire::heartbeat::Mode;
use rolecall_wire::server::{Event, Transmit};

use crate::connection::Down;
use crate::count::Count;
use crate::property::{Held, hold};
use crate::world::World;

impl World {
    pub(crate) fn server_event(&mut self, at: usize, event: Event) -> Held {
        let clocks = self.clocks();
        if matches!(event, Event::Frame(ClientFrame::Send { .. } | ClientFrame::Cancel { .. })) {
            self.wake_for(at);
        }
        let Some(connection) = self.connections.get_mut(at) else { return Ok(()) };
        let node = self.nodes.get_mut(connection.node);
        let (id, skew) = (connection.id, node.as_ref().map_or(0, |node| node.skew));
        let actor = node.and_then(|node| node.actor.as_mut()).filter(|actor| actor.attached == Some(id));
        match event {
            Event::Frame(ClientFrame::Send { id: message, client_seq, text }) => {
                if let Some(actor) = actor {
                    let dice = (&self.plan, &mut self.chance, &mut self.counts);
                    actor.send(id, (message, client_seq, text), clocks, dice);
                }
            }
            Event::Frame(ClientFrame::Cancel { turn }) => {
                if let Some(actor) = actor {
                    let done = actor.cancel(id, turn, clocks, &self.plan, &mut self.chance);
                    self.counts.add(if done { Count::Cancel } else { Count::CancelLate });
                }
            }
            Event::Frame(ClientFrame::Ack { seq }) => {
                let watch = &mut connection.watch;
                hold!(seq > watch.acked, P7, "#{id}: the watermark moved from {} to {seq}", watch.acked);
                watch.acknowledged(seq);
                if actor.is_some_and(|actor| actor.asleep) {
                    self.counts.add(Count::AckedAsleep);
                }
            }
            Event::Frame(ClientFrame::Beat { .. }) => hold!(false, P13, "#{id}: a beat came as an event"),
            Event::Rtt { rtt_ms } => {
                self.counts.add(Count::ServerRtt);
                connection.watch.measured(rtt_ms)?;
                let table = connection.watch.interval_ms(&self.plan.server);
                if self.plan.server.mode == Mode::Table
                    && table != self.plan.server.table.base_ms(connection.watch.network)
                {
                    self.counts.add(Count::Adapted);
                }
            }
            Event::Network(network) => {
                connection.watch.network(self.now + skew, network, &self.plan.server);
            }
            Event::Unsendable { seq, .. } => hold!(false, P4, "#{id}: message {seq} is not sent"),
            Event::Ended { code, .. } => return self.server_ended(at, code),
        }
        Ok(())
    }

    fn server_ended(&mut self, at: usize, code: u16) -> Held {
        let Some(connection) = self.connections.get_mut(at) else { return Ok(()) };
        let skew = self.nodes.get(connection.node).map_or(0, |node| node.skew);
        self.trace.note("server ended", connection.id, u64::from(code));
        if let Some(server) = &connection.server {
            let (clock, given_up) = (self.now + skew, code == close::EXPIRED);
            connection.watch.ended(clock, server, given_up, &mut self.counts)?;
        }
        self.judge_end(at, skew, code)?;
        self.let_go(at);
        Ok(())
    }

    /// Whether a server had a reason for how it ended the connection.
    fn judge_end(&mut self, at: usize, skew: u64, code: u16) -> Held {
        let Some(connection) = self.connections.get(at) else { return Ok(()) };
        match code {
            close::EXPIRED => {
                self.counts.add(Count::ServerExpired);
                let (now, watch) = (self.now + skew, &connection.watch);
                let silent = now.saturating_sub(watch.heard);
                let in_time = watch.gives_up(&self.plan.server).0.is_some_and(|first| now >= first);
                hold!(in_time, P11, "#{} expired after {silent} ms", connection.id);
                if silent < u64::from(self.plan.server.timeout_ms) {
                    self.counts.add(Count::GivenUpEarly);
                }
                hold!(connection.harmed, P11, "#{} expired, and nothing had happened to it", connection.id);
            }
            // A client that keeps the rules is never told that it does not.
            close::PROTOCOL | close::BAD_FRAME | close::BAD_VERSION | close::TOO_LARGE | close::TOO_MANY_FRAMES => {
                hold!(false, P13, "#{}: an honest client is closed with {code}", connection.id);
            }
            close::SLOW => {
                self.counts.add(Count::Slow);
                let (under_way, window) = (connection.watch.under_way(), u64::from(connection.hello.window));
                hold!(under_way >= window, P11, "#{} is called slow with {under_way} under way", connection.id);
            }
            close::INTERNAL => hold!(false, P4, "#{}: the server had a hole to show", connection.id),
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn server_transmit(&mut self, at: usize, transmit: Transmit) -> Held {
        let latency = self.latency();
        let Some(connection) = self.connections.get_mut(at) else { return Ok(()) };
        let arrival = self.now + latency;
        let skew = self.nodes.get(connection.node).map_or(0, |node| node.skew);
        // Of the frames of version 2, `Skipped` and these carry what has a sequence id (`PROTOCOL.md` §13.5).
        let other = |bytes: &[u8]| bytes.first().is_some_and(|kind| !matches!(kind & 0x1f, 11 | 15 | 17..=20));
        let is_v2 = self.plan.client.encoding == rolecall_wire::server::Encoding::BspV2;
        if !matches!(&transmit, Transmit::Binary(bytes) if is_v2 && other(bytes)) {
            connection.watch.waits_since = None;
        }
        match transmit {
            Transmit::Binary(bytes) => connection.down.push(arrival, Down::Binary(bytes.to_vec())),
            Transmit::Text(text) => connection.down.push(arrival, Down::Text(text)),
            Transmit::Ping(payload) => {
                let (clock, config) = (self.now + skew, &self.plan.server);
                connection.watch.ping(clock, &payload, config, &mut self.counts)?;
                connection.down.push(arrival, Down::Ping(payload.to_vec()));
            }
            Transmit::Close { code, .. } => connection.down.push(arrival, Down::Close(code)),
        }
        Ok(())
    }
}
