//! What must hold after every step, and while nothing happens.

use rolecall_wire::client::State;
use rolecall_wire::server;

use crate::actor::LEASE_MS;
use crate::device::Device;
use crate::property::{Held, hold};
use crate::world::World;

/// So long a process waits for an answer to what it asks when it goes on after a stop.
const ANSWER_MS: u64 = 2_000;

impl World {
    /// What must hold while nothing happens until `until`: nobody sleeps through a deadline.
    pub(crate) fn check_waiting(&self, until: u64) -> Held {
        for device in &self.devices {
            let (watch, asleep) = (&device.watch, device.suspended_until);
            let late = |due: u64| until > due.max(asleep);
            let state = device.client.state();
            if state == State::Active {
                let silent = late(watch.heard + watch.timeout_ms);
                hold!(!silent, P11, "a client waits to {until}, and heard nothing since {}", watch.heard);
                hold!(!late(watch.beat_due), P11, "no beat until {until}, due at {}", watch.beat_due);
                hold!(!watch.ack_due.is_some_and(late), P7, "no acknowledgement, due at {:?}", watch.ack_due);
                let stays = watch.come_back_at.is_some_and(late);
                hold!(!stays, P12, "a client stays beyond the goaway's {:?}", watch.come_back_at);
            }
            let opens = matches!(state, State::Connecting | State::Handshaking);
            let patience = u64::from(device.config.connect_timeout_ms);
            hold!(!(opens && late(watch.since + patience)), P11, "an attempt since {} goes on", watch.since);
            let due = watch.reconnect_at.is_some_and(late);
            hold!(!due, P12, "no attempt until {until}, due at {:?}", watch.reconnect_at);
        }
        for connection in &self.connections {
            let (Some(server), Some(node)) = (&connection.server, self.nodes.get(connection.node)) else { continue };
            if server.state() != server::State::Active {
                continue;
            }
            let late = |due: u64| until > due.saturating_sub(node.skew).max(node.stalled_until);
            let watch = &connection.watch;
            // A process that was stopped asks late, and waits for an answer all the same.
            let (_, latest) = watch.gives_up(&self.plan.server);
            let silent = late(latest) && until > node.stalled_until + ANSWER_MS;
            hold!(!silent, P11, "#{} waits to {until}, and heard nothing", connection.id);
            let asks = watch.asks_by().is_some_and(late);
            hold!(!asks, P11, "#{} sends no Ping until {until}", connection.id);
            let window = Some(u64::from(connection.hello.window)).filter(|window| *window > 0);
            let under_way = watch.under_way();
            hold!(window.is_none_or(|most| under_way <= most), P11, "#{} has {under_way} under way", connection.id);
            let together = u64::from(connection.hello.rollup_ms);
            let waits = watch.waits_since.is_some_and(|since| late(since + together));
            hold!(!waits, P11, "#{} lets a piece wait to {until}", connection.id);
            // Counted from the last message at the latest, which is later than the machine counts.
            let slow = window.is_some_and(|most| under_way >= most) && late(watch.full_at + self.plan.slow_ms());
            hold!(!slow, P11, "#{} waits to {until} for a client that takes nothing", connection.id);
        }
        Ok(())
    }

    /// What must hold after every step.
    pub(crate) fn check(&self) -> Held {
        let mut live = 0;
        for connection in &self.connections {
            let (Some(server), Some(attached)) = (&connection.server, &connection.attached) else { continue };
            if server.state() != server::State::Active {
                continue;
            }
            live += u32::from(attached.fence == self.store.fence);
            let (watch, node) = (&connection.watch, self.nodes.get(connection.node));
            hold!(server.acked() >= watch.acked, P7, "#{}: the watermark went back", connection.id);
            hold!(server.acked() <= watch.sent, P7, "#{}: acknowledged what was not sent", connection.id);
            hold!(watch.expected.is_none(), P11, "#{}: a Pong measured nothing", connection.id);
            let stale = node.is_none_or(|node| {
                let lapsed = |lease: u64| self.now > lease.max(node.stalled_until) + LEASE_MS;
                node.actor.as_ref().is_none_or(|actor| {
                    actor.fence != attached.fence || actor.fence != self.store.fence && lapsed(actor.lease_at)
                })
            });
            hold!(!stale, P5, "#{} is served by a node that does not own the session", connection.id);
        }
        for actor in self.nodes.iter().filter_map(|node| node.actor.as_ref()) {
            let taught = self.taught.filter(|(fence, _)| *fence == actor.fence);
            let kept = taught.is_none_or(|(_, learned)| learned == actor.lessons);
            hold!(kept, P11, "a session forgets what its connections learned");
        }
        hold!(live <= 1, P5, "{live} connections are attached to one session");
        for device in &self.devices {
            self.check_device(device)?;
        }
        Ok(())
    }

    fn check_device(&self, device: &Device) -> Held {
        let watch = &device.watch;
        hold!(watch.expected.is_none(), P11, "a client's beat came back and measured nothing");
        hold!(watch.untold.is_none(), P11, "the network type {:?} is not told", watch.untold);
        let waiting = device.client.unaccepted();
        hold!(waiting <= device.config.max_unaccepted, P10, "{waiting} messages wait");
        let own = device.client.last_seq();
        hold!(own == device.last, P3, "a client is at {own}, its application was told {}", device.last);
        hold!(device.saved_whole, P1, "a saved position leaves out what waits for acceptance");
        let (saved, vouched) = (device.saved.last_seq, device.vouched);
        hold!(saved <= vouched, P4, "a saved position of {saved}, the application was at {vouched}");
        Ok(())
    }
}
