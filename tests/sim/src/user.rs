//! What devices do: sockets are opened and left, events are told to the application, which processes.

use rolecall_wire::client::{Event, Input, State, Transmit};
use rolecall_wire::close::{self, Advice};
use rolecall_wire::frame::{ClientFrame, Hello};

use crate::connection::{Connection, Down, Up};
use crate::count::Count;
use crate::ear::Ear;
use crate::property::{Held, Violation, hold};
use crate::world::World;

impl World {
    pub(crate) fn client_timer(&mut self, at: usize) {
        if let Some(device) = self.devices.get_mut(at) {
            device.client.handle_timeout(device.clock(self.now));
        }
    }

    /// Something from a server reaches its client.
    pub(crate) fn arrive_down(&mut self, at: usize) -> Held {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(at) else { return Ok(()) };
        let (id, index) = (connection.id, connection.device);
        let Some(item) = connection.down.pop() else { return Ok(()) };
        connection.used_at = now;
        let Some(device) = self.devices.get_mut(index).filter(|device| device.connection == Some(id)) else {
            return Ok(());
        };
        let clock = device.clock(now);
        let ends = matches!(item, Down::Refused(_) | Down::Close(_) | Down::Gone);
        let (ping, shown) = (matches!(item, Down::Ping(_)), self.plan.sees_pings);
        if matches!(item, Down::Binary(_) | Down::Text(_)) || ping && shown {
            device.watch.hears(now, ping);
        }
        match &item {
            Down::Opened => device.client.handle_input(clock, Input::Opened),
            Down::Refused(status) => device.client.handle_input(clock, Input::Refused { status: *status }),
            Down::Binary(bytes) => {
                let frames = device.ear.server(bytes).unwrap_or_default();
                if frames.len() > 1 {
                    self.counts.add(Count::Rolled);
                }
                for frame in frames {
                    self.trace.bytes(id, bytes, || format!("↓ {frame:?}"));
                    device.watch.came(now, clock, &frame)?;
                }
                device.client.handle_input(clock, Input::Binary(bytes));
            }
            Down::Text(text) => {
                for frame in device.ear.server(text.as_bytes()).unwrap_or_default() {
                    self.trace.bytes(id, text.as_bytes(), || format!("↓ {frame:?}"));
                    device.watch.came(now, clock, &frame)?;
                }
                device.client.handle_input(clock, Input::Text(text));
            }
            Down::Ping(payload) if shown => device.client.handle_input(clock, Input::Ping(payload)),
            Down::Ping(_) => {}
            Down::Close(code) => {
                self.trace.note("closed", id, u64::from(*code));
                self.replaced(at, *code)?;
                if let Some(device) = self.devices.get_mut(index) {
                    device.watch.closed = true;
                    device.client.handle_input(clock, Input::Closed { code: *code });
                }
            }
            Down::Gone => device.client.handle_input(clock, Input::Gone),
        }
        if let Down::Ping(payload) = item {
            self.pong(at, payload);
        } else if ends {
            self.leave(id);
        }
        Ok(())
    }

    /// The platform answers a Ping by itself.
    fn pong(&mut self, at: usize, payload: Vec<u8>) {
        let latency = self.latency();
        let odd = self.plan.faults.contains(&crate::plan::Fault::OddPong) && self.chance.one_in(3);
        let Some(connection) = self.connections.get_mut(at) else { return };
        let arrival = self.now + latency;
        if odd {
            self.counts.add(Count::OddPong);
            connection.up.push(arrival, Up::Pong(vec![7; 16]));
            connection.up.push(arrival, Up::Pong(payload.clone()));
        }
        connection.up.push(arrival, Up::Pong(payload));
    }

    /// Who is told that another took over must have been replaced by another.
    fn replaced(&mut self, at: usize, code: u16) -> Held {
        if code != close::REPLACED {
            return Ok(());
        }
        let Some(connection) = self.connections.get(at) else { return Ok(()) };
        self.counts.add(Count::Replaced);
        let number = connection.attached.as_ref().map_or(0, |attached| attached.number);
        let later = self.attachments.iter().skip(usize::try_from(number).unwrap_or(usize::MAX));
        let mut others = later.filter(|device| **device != connection.device);
        hold!(others.next().is_some(), P5, "#{} is replaced by its own ghost, and stops for good", connection.id);
        Ok(())
    }

    /// The driver drops its socket.
    pub(crate) fn leave(&mut self, id: u64) {
        let latency = self.latency();
        if let Some(connection) = self.find(id).and_then(|at| self.connections.get_mut(at)) {
            connection.client_open = false;
            connection.down.kill();
            connection.up.push(self.now + latency, Up::End);
            if connection.up.dead && connection.server.is_none() {
                // Nobody waits for it any more, on either side.
                connection.server_open = false;
            }
        }
        for device in self.devices.iter_mut().filter(|device| device.connection == Some(id)) {
            device.connection = None;
        }
    }

    /// Empties a client's machine. `true` when anything was there.
    pub(crate) fn drain_client(&mut self, at: usize) -> Result<bool, Violation> {
        let mut busy = false;
        while let Some(transmit) = self.devices.get_mut(at).and_then(|device| device.client.poll_transmit()) {
            if matches!(transmit, Transmit::Connect(_)) {
                // An attempt may begin in the moment in which the last connection ended, which is told first.
                self.client_events(at)?;
            }
            self.client_transmit(at, transmit)?;
            busy = true;
        }
        Ok(busy | self.client_events(at)?)
    }

    fn client_events(&mut self, at: usize) -> Result<bool, Violation> {
        let mut busy = false;
        while let Some(event) = self.devices.get_mut(at).and_then(|device| device.client.poll_event()) {
            self.client_event(at, event)?;
            busy = true;
        }
        Ok(busy)
    }

    fn client_transmit(&mut self, at: usize, transmit: Transmit) -> Held {
        let (now, latency) = (self.now, self.latency());
        match transmit {
            Transmit::Connect(hello) => return self.connect(at, hello),
            Transmit::Binary(bytes) => {
                if let Some(connection) = self.observe(at, &bytes)? {
                    connection.up.push(now + latency, Up::Binary(bytes.to_vec()));
                }
            }
            Transmit::Text(text) => {
                if let Some(connection) = self.observe(at, text.as_bytes())? {
                    connection.up.push(now + latency, Up::Text(text));
                }
            }
            Transmit::Close { code, .. } => {
                self.trace.note("client closes", at as u64, u64::from(code));
                if let Some(id) = self.devices.get(at).and_then(|device| device.connection) {
                    self.leave(id);
                }
            }
        }
        Ok(())
    }

    /// Judges what a client says, and finds where it goes.
    fn observe(&mut self, at: usize, bytes: &[u8]) -> Result<Option<&mut Connection>, Violation> {
        let now = self.now;
        let Some(device) = self.devices.get_mut(at) else { return Ok(None) };
        let Some(id) = device.connection else { return Ok(None) };
        match device.ear.client(bytes) {
            Ok(frame) => {
                self.trace.bytes(id, bytes, || format!("↑ {frame:?}"));
                let (clock, processed) = (device.clock(now), device.processed());
                let by_timer = !device.watch.many;
                device.watch.goes(now, clock, &frame, processed)?;
                if matches!(frame, ClientFrame::Ack { .. }) {
                    self.counts.add(Count::Ack);
                    self.counts.add(if by_timer { Count::SlowAck } else { Count::FastAck });
                }
            }
            Err(error) => hold!(false, P13, "a client says what is no frame: {error:?}"),
        }
        Ok(self.connections.iter_mut().find(|connection| connection.id == id))
    }

    /// A client opens a socket, to whichever node the load balancer picks.
    fn connect(&mut self, at: usize, hello: Hello) -> Held {
        let (now, latency) = (self.now, self.latency());
        self.counts.add(Count::Connect);
        let (node, early) = (self.chance.place(self.nodes.len()), self.chance.one_in(3));
        let silent = self.chance.one_in(2);
        if let Some(old) = self.devices.get(at).and_then(|device| device.connection) {
            self.leave(old);
        }
        let id = self.next_connection;
        self.next_connection += 1;
        let Some(device) = self.devices.get_mut(at) else { return Ok(()) };
        let (place, epoch) = ((hello.last_seq, hello.epoch), device.watch.epoch);
        hold!(place == (device.last, epoch), P9, "{place:?} is presented, not {} of {epoch}", device.last);
        // A process that slept wakes when its timer is long due.
        let awake = device.suspended_until != now;
        device.watch.connecting(now, awake)?;
        device.connection = Some(id);
        device.ear = Ear::new(self.plan.client.encoding);
        device.caught_up = false;
        self.trace.note("connect", at as u64, id);
        let mut connection = Connection::new(id, at, node, hello, early);
        let stalled = self.nodes.get(node).is_some_and(|node| node.stalled_until > now);
        connection.harmed = stalled || device.suspended_until > now;
        device.watch.harmed = connection.harmed;
        let dead = self.nodes.get(node).is_none_or(|node| now < node.down_until.max(node.cut_until));
        if dead {
            self.counts.add(Count::Dead);
            connection.server_open = false;
            connection.up.kill();
            if !silent {
                connection.down.push(now + latency, Down::Gone);
            }
        } else {
            // A load balancer may hold it back for longer than its client waits.
            let held = if !self.fair && self.chance.one_in(25) { self.chance.below(25_000) } else { 0 };
            connection.harmed |= held > 0;
            connection.up.push(now + latency + held, Up::Hello);
        }
        self.connections.push(connection);
        Ok(())
    }

    fn client_event(&mut self, at: usize, event: Event) -> Held {
        let now = self.now;
        let attached = self.devices.get(at).and_then(|device| self.find(device.connection?));
        let attached = attached.and_then(|at| self.connections.get(at)?.attached.as_ref()).map(|a| (a.number, a.head));
        let Some(device) = self.devices.get_mut(at) else { return Ok(()) };
        self.trace.say(|| format!("device {at}: {event:?}"));
        match event {
            Event::Message(message) => return self.shown(at, &message),
            Event::Skipped { from, to } => return self.skipped(at, from, to),
            Event::Accepted { id, seq } => return self.accepted(at, &id, seq),
            Event::Refused { id, code, .. } => return self.refused(at, &id, &code),
            Event::Disconnected { code, retry_in_ms, .. } => return self.disconnected(at, code, retry_in_ms),
            Event::Ended { code, advice, .. } => return self.ended(at, code, advice),
            Event::Connected { resumed, from, missed, .. } => {
                self.counts.add(Count::Welcome);
                if missed > 0 && resumed {
                    self.counts.add(Count::Replay);
                }
                let before = std::mem::replace(&mut device.connected_before, true);
                hold!(resumed == before, P4, "resumed is {resumed}, was connected before: {before}");
                hold!(from > device.last, P4, "resumes from {from}, the application has {}", device.last);
                let untold = device.must_tell.filter(|loss| attached.is_some_and(|(number, _)| number > loss.attached));
                hold!(untold.is_none(), P9, "what follows {untold:?} was lost, and the client is not told");
            }
            Event::CaughtUp { to, .. } => {
                self.counts.add(Count::CaughtUp);
                device.caught_up = true;
                let (last, head) = (device.last, attached.map(|(_, head)| head));
                hold!(to <= last, P4, "caught up to {to}, the application was shown {last}");
                hold!(head.is_none_or(|head| last >= head), P4, "caught up at {last}, {head:?} was missed");
            }
            Event::EpochChanged { .. } => {
                self.counts.add(Count::EpochChange);
                device.must_tell =
                    device.must_tell.filter(|loss| attached.is_some_and(|(number, _)| number <= loss.attached));
            }
            Event::Rtt { rtt_ms } => {
                self.counts.add(Count::ClientRtt);
                let expected = device.watch.expected.take();
                hold!(expected == Some(rtt_ms), P11, "a client measured {rtt_ms} ms, it was {expected:?} at {now}");
            }
            Event::Token { .. } => hold!(false, P13, "a token out of nowhere"),
            Event::Error { code, .. } => {
                // The second: an answer about a message that the log has settled in the meantime.
                let known = ["turn_not_running", "client_seq_forgotten"].contains(&code.as_str());
                hold!(known, P8, "an honest client is told {code}");
            }
        }
        Ok(())
    }

    fn disconnected(&mut self, at: usize, code: u16, retry_in_ms: u64) -> Held {
        let now = self.now;
        let Some(device) = self.devices.get_mut(at) else { return Ok(()) };
        let again = device.watch.reconnect_at;
        hold!(again.is_none(), P12, "a connection ended ({code}) while none was there");
        let later = matches!(code, 1011 | 1013 | 1014 | 1015 | 3000..=3999 | 4200..=4299);
        let silent = now.saturating_sub(device.watch.heard);
        let harmed = device.watch.harmed;
        match code {
            close::EXPIRED => {
                self.counts.add(Count::ClientExpired);
                // The server said so, or the client found out by itself.
                let told = device.watch.closed;
                hold!(told || silent >= device.watch.timeout_ms, P11, "a client expired after {silent} ms");
                hold!(harmed, P11, "a client's connection expired, and nothing had happened to it");
            }
            // The load balancer, the store or the node is at fault, or the client was slow to connect.
            close::HANDSHAKE_TIMEOUT => self.counts.add(Count::ConnectTimeout),
            close::TRY_LATER => self.counts.add(Count::Refused),
            close::MIGRATE => self.counts.add(Count::Migrated),
            close::SEQUENCE => hold!(false, P4, "a client found a hole where none was"),
            _ => {}
        }
        let stable = device.watch.ended(now, retry_in_ms, later, &device.config)?;
        if stable {
            self.counts.add(Count::Stable);
        }
        if retry_in_ms > 1_000 {
            self.counts.add(Count::LongDelay);
        }
        let state = device.client.state();
        let waits = state == State::Waiting || (state == State::Connecting && retry_in_ms == 0);
        hold!(waits, P12, "{state:?} behind a disconnect");
        Ok(())
    }

    fn ended(&mut self, at: usize, code: u16, advice: Advice) -> Held {
        let Some(device) = self.devices.get_mut(at) else { return Ok(()) };
        device.over = Some(code);
        device.watch.welcomed = None;
        device.watch.ack_due = None;
        device.watch.untold = None;
        match (code, advice) {
            (close::REPLACED, Advice::Stop) => {}
            (close::TOKEN_REFUSED | close::TOKEN_EXPIRED, Advice::Reauthenticate) => self.renew(at),
            (close::SESSION_GONE, Advice::Stop) => self.rewind(at),
            _ => hold!(false, P1, "device {at} gives up with {code}, {advice:?}"),
        }
        Ok(())
    }
}
