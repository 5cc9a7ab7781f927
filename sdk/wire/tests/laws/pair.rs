//! Laws of both machines together: whatever is lost on the way, neither accuses the other, and in the end everything
//! is there.

use std::collections::VecDeque;

use arbitrary::Arbitrary;
use rolecall_wire::client::{self, Client, Encoding, Position};
use rolecall_wire::close;
use rolecall_wire::frame::Network;
use rolecall_wire::heartbeat::Mode;
use rolecall_wire::server;

use super::house::House;
use super::steps::Steps;
use super::wording::Wording;

/// Rounds in which two machines that nobody disturbs any more find each other. Each brings a delivery or a timer.
const ROUNDS: usize = 2_000;

/// A session, and what happens to it.
#[derive(Debug, Arbitrary)]
pub struct Life {
    wording: Wording,
    window: u8,
    rollup_ms: u8,
    adaptive: [bool; 2],
    seed: u64,
    steps: Steps<Step>,
}

#[derive(Debug, Arbitrary)]
enum Step {
    /// Some of what is on its way arrives.
    Up(u8),
    Down(u8),
    /// The link goes, with what is on it; both sides hear of it, or only the client.
    Cut(bool),
    /// The session says something.
    Commit(u8),
    /// The server asks the client to come back.
    Goaway(u16),
    Say(u8, u8),
    Processed(u8),
    Cancel(u8),
    Network(Network),
    Migrate,
}

struct World {
    client: Client,
    house: House,
    encoding: Encoding,
    now: u64,
    up: VecDeque<client::Transmit>,
    down: VecDeque<server::Transmit>,
    shown: u64,
    /// What was said by the client, and what became of it.
    said: usize,
    settled: usize,
}

/// Lives it, then lets it come to rest.
pub fn live(life: Life) {
    let encoding = life.wording.into();
    let [client_mode, server_mode] = life.adaptive.map(|adaptive| if adaptive { Mode::Adaptive } else { Mode::Table });
    let config = client::Config {
        encoding,
        mode: client_mode,
        window: life.window.into(),
        rollup_ms: life.rollup_ms.into(),
        ..client::Config::default()
    };
    let mut world = World {
        client: Client::new(config, Position::start("s".into(), "t".into()), life.seed),
        house: House::new(server_mode),
        encoding,
        now: 0,
        up: VecDeque::new(),
        down: VecDeque::new(),
        shown: 0,
        said: 0,
        settled: 0,
    };
    world.client.connect(0);
    world.drain();
    for (pause, step) in life.steps.0 {
        world.now = pause.after(world.now, world.due());
        world.step(&step);
        world.tick();
    }
    world.rest();
}

impl World {
    fn due(&self) -> Option<u64> {
        let server = self.house.server.as_ref().and_then(server::Server::poll_timeout);
        [self.client.poll_timeout(), server].into_iter().flatten().min()
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Up(count) => (0..=count).for_each(|_| self.arrive_up()),
            Step::Down(count) => (0..=count).for_each(|_| self.arrive_down()),
            Step::Cut(told) => self.cut(told),
            Step::Commit(length) => self.house.commit(self.now, usize::from(length)),
            Step::Goaway(after_ms) => self.house.goaway(self.now, u32::from(after_ms)),
            Step::Say(id, length) => {
                let text = "x".repeat(usize::from(length));
                // Ids are unique in a session: the count makes them so.
                let said = self.client.send(&format!("{}-{id}", self.said), &text);
                self.said += usize::from(said.is_ok());
            }
            Step::Processed(back) => self.client.processed(self.now, self.shown.saturating_sub(u64::from(back))),
            Step::Cancel(turn) => drop(self.client.cancel(u64::from(turn))),
            Step::Network(network) => self.client.set_network(self.now, network),
            Step::Migrate => self.client.migrate(self.now),
        }
        self.drain();
    }

    fn tick(&mut self) {
        if self.client.poll_timeout().is_some_and(|at| at <= self.now) {
            self.client.handle_timeout(self.now);
        }
        if let Some(server) = &mut self.house.server {
            server.handle_timeout(self.now);
        }
        self.drain();
    }

    /// Nothing gets lost from now on.
    fn rest(&mut self) {
        for _ in 0..ROUNDS {
            if self.is_at_rest() {
                return;
            }
            if self.up.is_empty() && self.down.is_empty() {
                self.now = self.now.max(self.due().expect("two machines that wait for nothing"));
                self.tick();
            }
            while !self.up.is_empty() || !self.down.is_empty() {
                // The application keeps up from now on.
                self.client.processed(self.now, self.shown);
                self.arrive_up();
                self.arrive_down();
            }
        }
        panic!("no rest: shown {} of {}, settled {} of {}", self.shown, self.house.head(), self.settled, self.said);
    }

    fn is_at_rest(&self) -> bool {
        let all = self.shown == self.house.head() && self.settled == self.said && self.client.unaccepted() == 0;
        all && self.client.state() == client::State::Active
    }

    fn cut(&mut self, told: bool) {
        self.up.clear();
        self.down.clear();
        if told && let Some(server) = &mut self.house.server {
            server.handle_input(self.now, server::Input::Gone);
        }
        self.client.handle_input(self.now, client::Input::Gone);
    }

    fn arrive_up(&mut self) {
        let now = self.now;
        match self.up.pop_front() {
            None => return,
            Some(client::Transmit::Connect(hello)) => {
                // What the old link still held goes with it.
                self.down.clear();
                self.house.open(now, &hello, self.encoding);
                self.client.handle_input(now, client::Input::Opened);
            }
            Some(client::Transmit::Binary(bytes)) => self.house.input(now, server::Input::Binary(&bytes)),
            Some(client::Transmit::Text(text)) => self.house.input(now, server::Input::Text(&text)),
            Some(client::Transmit::Close { .. }) => self.house.input(now, server::Input::Gone),
        }
        self.drain();
    }

    fn arrive_down(&mut self) {
        let now = self.now;
        match self.down.pop_front() {
            None => return,
            Some(server::Transmit::Binary(bytes)) => self.client.handle_input(now, client::Input::Binary(&bytes)),
            Some(server::Transmit::Text(text)) => self.client.handle_input(now, client::Input::Text(&text)),
            Some(server::Transmit::Close { code, .. }) => {
                self.client.handle_input(now, client::Input::Closed { code });
            }
            Some(server::Transmit::Ping(payload)) => {
                self.client.handle_input(now, client::Input::Ping(&payload));
                // Its platform answers it.
                self.house.input(now, server::Input::Pong(&payload));
            }
        }
        self.drain();
    }

    fn drain(&mut self) {
        self.house.drain(self.now, &mut self.down);
        while let Some(transmit) = self.client.poll_transmit() {
            match &transmit {
                client::Transmit::Connect(_) => self.up.clear(),
                client::Transmit::Close { code, reason } => assert!(
                    matches!(*code, close::EXPIRED | close::MIGRATE | close::HANDSHAKE_TIMEOUT),
                    "the client accuses the server: {code} {reason}"
                ),
                client::Transmit::Binary(_) | client::Transmit::Text(_) => {}
            }
            self.up.push_back(transmit);
        }
        while let Some(event) = self.client.poll_event() {
            match event {
                client::Event::Message(message) => {
                    assert_eq!(message.seq, self.shown + 1, "out of order");
                    assert_eq!(Some(&message), self.house.message(message.seq), "another message than was committed");
                    self.shown = message.seq;
                }
                client::Event::Accepted { .. } => self.settled += 1,
                client::Event::Refused { id, code, .. } => panic!("{id} is refused: {code}"),
                client::Event::Ended { code, reason, .. } => panic!("it ended: {code} {reason}"),
                _ => {}
            }
        }
    }
}
