//! The model as the checker sees it.

use stateright::{Expectation, Model, Property};

use crate::action::Action;
use crate::met::{Met, Mets};
use crate::promise::Promise;
use crate::rest::comes_to_rest;
use crate::setup::Setup;
use crate::system::System;

/// By which the checker knows the way to rest.
pub const RESTS: &str = "P1 from everywhere, what is committed and said still arrives";

/// The protocol in one configuration.
#[derive(Debug)]
pub struct Protocol {
    setup: Setup,
    /// What any step met so far. It lies beside the states: whether a thing happened on the way to one must not
    /// make it another, and the same state may be reached without.
    seen: Mets,
}

impl Protocol {
    /// The protocol in this configuration.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self { setup, seen: Mets::default() }
    }
}

impl Model for Protocol {
    type State = System;
    type Action = Action;

    fn init_states(&self) -> Vec<System> {
        vec![System::new(&self.setup)]
    }

    fn actions(&self, state: &System, actions: &mut Vec<Action>) {
        // What follows a broken promise says nothing.
        if state.broken.is_none() {
            state.possible(&self.setup, actions);
        }
    }

    fn next_state(&self, state: &System, action: Action) -> Option<System> {
        let mut next = state.clone();
        self.seen.join(&next.follow(action, &self.setup));
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties: Vec<Property<Self>> = Promise::ALL.into_iter().map(promise).collect();
        if self.setup.heals {
            properties.push(Property::always(RESTS, |model: &Self, state: &System| {
                state.broken.is_some() || comes_to_rest(state, &model.setup)
            }));
        }
        properties.extend(self.setup.meets.iter().map(|met| meeting(*met)));
        properties
    }
}

impl System {
    /// Takes a step, remembers the promise that it broke, and tells what it met.
    pub(crate) fn follow(&mut self, action: Action, setup: &Setup) -> Vec<Met> {
        let held = self.step(action, setup).and_then(|()| self.check());
        self.broken = held.err();
        self.tidy(setup);
        std::mem::take(&mut self.mets)
    }
}

/// The checker takes functions, so each property has its own.
fn promise(promise: Promise) -> Property<Protocol> {
    let kept = match promise {
        Promise::P1 => |_: &Protocol, state: &System| !breaks(state, Promise::P1),
        Promise::P2 => |_: &Protocol, state: &System| !breaks(state, Promise::P2),
        Promise::P3 => |_: &Protocol, state: &System| !breaks(state, Promise::P3),
        Promise::P4 => |_: &Protocol, state: &System| !breaks(state, Promise::P4),
        Promise::P5 => |_: &Protocol, state: &System| !breaks(state, Promise::P5),
        Promise::P6 => |_: &Protocol, state: &System| !breaks(state, Promise::P6),
    };
    Property { expectation: Expectation::Always, name: promise.text(), condition: kept }
}

fn breaks(state: &System, promise: Promise) -> bool {
    state.broken.is_some_and(|broken| broken.promise == promise)
}

macro_rules! meetings {
    ($($met:ident)+) => {
        fn meeting(met: Met) -> Property<Protocol> {
            match met {
                $(Met::$met => Property::sometimes(met.text(), |model, _| model.seen.has(Met::$met)),)+
            }
        }
    };
}

meetings! {
    Shown Replayed Duplicate Replaced TakenOver StaleRefused LateRefused LateTaken Unknown Continued
    EpochTold SkipTold Forked Returned Restarted PostRepeated Acked
}
