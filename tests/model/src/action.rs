//! Everything that can happen, one at a time, and in words.

use std::fmt;

use rolecall_wire::client::State;
use rolecall_wire::{close, codec, limits};

use crate::clients::NOW;
use crate::device::Device;
use crate::link::{Down, Link, Up};
use crate::pair::Name;
use crate::promise::Held;
use crate::setup::Setup;
use crate::system::System;

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A user says something.
    Say(Name),
    /// A client opens a connection to a node.
    Dial(Name, Name),
    /// The next thing on a connection reaches its node.
    Up(u8),
    /// The next thing on a connection reaches its client.
    Down(u8),
    /// A client acknowledges.
    Ack(Name),
    /// The running reply goes on at a node.
    Speak(Name),
    /// The store decides a node's write.
    Apply(Name),
    /// The store's answer reaches a node; whether the log is read before the answers leave.
    Answer(Name, bool),
    /// The write of an owner that is gone reaches the store.
    Late(usize),
    /// A node sees that it does not own the session any more, or that its store went back.
    Notice(Name),
    /// A client that has what was lost begins again before it.
    Rewind(Name),
    /// An application posts its message to a node, for the first time or again.
    Post(Name),
    /// A connection is cut.
    Cut(u8),
    /// A client gives an attempt up.
    GiveUp(Name),
    /// A node loses its memory.
    Crash(Name),
    /// The store's answer to a node is lost.
    LoseAnswer(Name),
    /// The store loses so many records, and knows it or not.
    Lose(usize, bool),
    /// An application saves its position.
    Save(Name),
    /// A client's process ends, and another begins.
    Restart(Name),
}

impl Action {
    /// Whether it is what the protocol does by itself, and no accident and no wish.
    pub(crate) const fn is_fair(self) -> bool {
        matches!(
            self,
            Self::Dial(..)
                | Self::Up(_)
                | Self::Down(_)
                | Self::Ack(_)
                | Self::Speak(_)
                | Self::Apply(_)
                | Self::Answer(..)
                | Self::Late(_)
                | Self::Notice(_)
                | Self::Rewind(_)
        )
    }
}

/// Records that are lost at once, at most.
const TAIL: usize = 3;

impl System {
    /// Everything that can happen now.
    pub(crate) fn possible(&self, setup: &Setup, actions: &mut Vec<Action>) {
        for (name, device) in self.devices.iter().take(1 + usize::from(setup.two_clients)) {
            self.client_actions(name, device, setup, actions);
        }
        for link in &self.links {
            self.link_actions(link, actions);
        }
        for node in Name::BOTH {
            self.node_actions(node, setup, actions);
        }
        for (place, request) in self.late.iter().enumerate() {
            if !self.must_wait(request, setup) {
                actions.push(Action::Late(place));
            }
        }
        if self.left.losses > 0 {
            let tails = (1..=self.store.records().min(TAIL)).flat_map(|tail| [(tail, true), (tail, false)]);
            actions.extend(tails.map(|(tail, known)| Action::Lose(tail, known)));
        }
    }

    fn client_actions(&self, name: Name, device: &Device, setup: &Setup, actions: &mut Vec<Action>) {
        let state = device.client.state();
        if device.over.is_none() && *self.left.says.of(name) > 0 {
            actions.push(Action::Say(name));
        }
        if matches!(state, State::Idle | State::Waiting) && self.links.len() < setup.links {
            // Names mean nothing: the first connection is client A's to node A.
            if name == Name::A || self.latest.is_some() || !self.links.is_empty() {
                actions.push(Action::Dial(name, Name::A));
            }
            if self.left.moves > 0 && self.latest.is_some() {
                actions.push(Action::Dial(name, Name::B));
            }
        }
        if state == State::Active && device.client.poll_timeout() == Some(NOW) {
            actions.push(Action::Ack(name));
        }
        if matches!(state, State::Connecting | State::Handshaking) && self.left.cuts > 0 {
            actions.push(Action::GiveUp(name));
        }
        if device.over == Some(close::SESSION_GONE) {
            actions.push(Action::Rewind(name));
        }
        let current = device.saved.as_ref().is_some_and(|saved| saved.1 == device.app);
        if self.left.saves > 0 && !current {
            actions.push(Action::Save(name));
        }
        if self.left.restarts > 0 && state != State::Idle {
            actions.push(Action::Restart(name));
        }
    }

    fn link_actions(&self, link: &Link, actions: &mut Vec<Action>) {
        // An owner that is about to attach a client takes nothing else in.
        let busy = self.nodes.of(link.node).as_ref().is_some_and(|actor| actor.waiting.is_some());
        match link.up.front() {
            Some(Up::Hello | Up::Frame(_)) if !busy => actions.push(Action::Up(link.id)),
            Some(Up::End) => actions.push(Action::Up(link.id)),
            _ => {}
        }
        if !link.down.is_empty() {
            actions.push(Action::Down(link.id));
        }
        if self.left.cuts > 0 && !link.cut && link.client_open {
            actions.push(Action::Cut(link.id));
        }
    }

    fn node_actions(&self, node: Name, setup: &Setup, actions: &mut Vec<Action>) {
        if self.left.posts > 0 && self.latest.is_some() && (node == Name::A || self.left.moves > 0) {
            actions.push(Action::Post(node));
        }
        let Some(actor) = self.nodes.of(node) else { return };
        if actor.running.is_some() && actor.waiting.is_none() {
            actions.push(Action::Speak(node));
        }
        if let Some(flight) = &actor.flight {
            if flight.taken.is_some() {
                actions.push(Action::Answer(node, false));
                if flight.taken == Some(true) && !flight.answers.is_empty() {
                    actions.push(Action::Answer(node, true));
                }
            } else if !self.must_wait(&flight.request, setup) {
                actions.push(Action::Apply(node));
            }
            if self.left.answers > 0 {
                actions.push(Action::LoseAnswer(node));
            }
        }
        if self.is_mistaken(node, setup) {
            actions.push(Action::Notice(node));
        }
        if self.left.crashes > 0 {
            actions.push(Action::Crash(node));
        }
    }

    /// Does one thing.
    pub(crate) fn step(&mut self, action: Action, setup: &Setup) -> Held {
        match action {
            Action::Say(name) => {
                *self.left.says.of_mut(name) -= 1;
                self.say(name, setup)
            }
            Action::Dial(name, node) => {
                self.left.moves -= u8::from(node == Name::B);
                self.dial(name, node, setup)
            }
            Action::Up(link) => self.deliver_up(link, setup),
            Action::Down(link) => self.deliver_down(link, setup),
            Action::Ack(name) => self.client_timer(name, setup),
            Action::Speak(node) => self.speak(node, setup),
            Action::Apply(node) => self.apply(node, setup),
            Action::Answer(node, log_first) => self.answer(node, log_first, setup),
            Action::Late(place) => self.apply_late(place, setup),
            Action::Notice(node) => self.notice(node, setup),
            Action::Post(node) => {
                self.left.posts -= 1;
                self.post(node, setup)
            }
            Action::GiveUp(name) => {
                self.left.cuts -= 1;
                self.client_timer(name, setup)
            }
            Action::LoseAnswer(node) => {
                self.left.answers -= 1;
                self.lose_answer(node, setup)
            }
            Action::Rewind(_)
            | Action::Cut(_)
            | Action::Crash(_)
            | Action::Lose(..)
            | Action::Save(_)
            | Action::Restart(_) => {
                self.harm(action, setup);
                Ok(())
            }
        }
    }

    /// Does what no machine takes part in.
    fn harm(&mut self, action: Action, setup: &Setup) {
        match action {
            Action::Rewind(name) => self.rewind(name, setup),
            Action::Cut(link) => {
                self.left.cuts -= 1;
                self.cut(link);
            }
            Action::Crash(node) => {
                self.left.crashes -= 1;
                self.crash(node);
            }
            Action::Lose(records, known) => {
                self.left.losses -= 1;
                self.lose(records, known);
            }
            Action::Save(name) => {
                self.left.saves -= 1;
                self.save(name);
            }
            Action::Restart(name) => {
                self.left.restarts -= 1;
                self.restart(name, setup);
            }
            _ => {}
        }
    }

    /// A step in words, before it is taken.
    #[must_use]
    pub fn describe(&self, action: Action) -> String {
        let on =
            |id: u8| self.find(id).map_or_else(String::new, |link| format!("#{id} ({} to {})", link.device, link.node));
        match action {
            Action::Up(id) => {
                let item = self.find(id).and_then(|link| link.up.front());
                format!("{} node gets {}", on(id), item.map_or_else(String::new, ToString::to_string))
            }
            Action::Down(id) => {
                let item = self.find(id).and_then(|link| link.down.iter().find(|item| **item != Down::Opened));
                format!("{} client gets {}", on(id), item.map_or_else(String::new, ToString::to_string))
            }
            Action::Cut(id) => format!("{} is cut", on(id)),
            Action::Apply(node) => {
                let flight = self.nodes.of(node).as_ref().and_then(|actor| actor.flight.as_ref());
                format!("the store gets of node {node} {:?}", flight.map(|flight| &flight.request.write))
            }
            Action::Late(place) => {
                format!("the store gets, late, {:?}", self.late.get(place).map(|request| &request.write))
            }
            Action::Dial(name, node) => format!("client {name} opens a connection to node {node}"),
            Action::Say(name) => format!("user {name} says something"),
            Action::Ack(name) => format!("client {name} acknowledges"),
            Action::GiveUp(name) => format!("client {name} gives its attempt up"),
            Action::Save(name) => format!("client {name} saves its position"),
            Action::Restart(name) => format!("client {name} begins again from where it was saved"),
            Action::Rewind(name) => format!("client {name} forgets what was lost and begins again before it"),
            Action::Speak(node) => format!("node {node} goes on with the reply"),
            Action::Answer(node, true) => {
                format!("node {node} hears of its write, and reads the log before it answers")
            }
            Action::Answer(node, false) => format!("node {node} hears of its write"),
            Action::LoseAnswer(node) => format!("node {node} never hears of its write"),
            Action::Notice(node) => format!("node {node} sees that it is mistaken, and lets go"),
            Action::Crash(node) => format!("node {node} loses its memory"),
            Action::Post(node) => format!("the application posts its message to node {node}"),
            Action::Lose(records, true) => format!("the store loses {records} records and knows it"),
            Action::Lose(records, false) => format!("the store loses {records} records and does not know it"),
        }
    }
}

impl fmt::Display for Up {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello => f.write_str("the upgrade"),
            Self::End => f.write_str("the end"),
            Self::Frame(bytes) => match codec::decode_client(bytes, limits::MAX_PAYLOAD) {
                Ok(frame) => write!(f, "{frame:?}"),
                Err(error) => write!(f, "{error}"),
            },
        }
    }
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened => f.write_str("an open socket"),
            Self::Refused(status) => write!(f, "HTTP {status}"),
            Self::Close(code) => write!(f, "a close with {code}"),
            Self::Gone => f.write_str("the end"),
            Self::Frame(bytes) => match codec::decode_server(bytes, limits::MAX_SERVER_PAYLOAD) {
                Ok(frame) => write!(f, "{frame:?}"),
                Err(error) => write!(f, "{error}"),
            },
        }
    }
}
