//! The way to rest: from wherever the system is, without further accidents, everything arrives.
//!
//! "Still reachable from everywhere" is no property of single states, and a checker of invariants cannot look
//! for it. So the way is walked: a fixed order of fair steps, from each state. Where it ends at rest, the state
//! has a way to rest; where it does not, there may be another way, but nothing in the order is unfair to a good
//! protocol, so it counts as a violation.

use rolecall_wire::client::State;

use crate::action::Action;
use crate::pair::Name;
use crate::setup::{Budget, Setup};
use crate::system::System;

/// Longest way. A few connections with all frames of a configuration take a hundred steps.
const LONGEST: usize = 400;

/// Whether the system comes to rest when nothing else happens to it.
pub(crate) fn comes_to_rest(state: &System, setup: &Setup) -> bool {
    walk(state, setup, |_, _| {}).is_ok()
}

/// The way in words, and why it does not end at rest.
pub(crate) fn way_to_rest(state: &System, setup: &Setup) -> Vec<String> {
    let mut words = Vec::new();
    let end = walk(state, setup, |system, action| words.push(system.describe(action)));
    words.extend(end.err().map(|why| format!("and so {why}")));
    words
}

fn walk(state: &System, setup: &Setup, mut seen: impl FnMut(&System, Action)) -> Result<(), &'static str> {
    let mut system = state.clone();
    // A budget of nothing leaves only what the protocol does by itself. Moves are choices; answers see below.
    system.left = Budget { moves: u8::MAX, answers: u8::MAX, ..Budget::NONE };
    let mut actions = Vec::new();
    for _ in 0..LONGEST {
        actions.clear();
        system.possible(setup, &mut actions);
        let next =
            actions.iter().copied().filter(|action| action.is_fair()).min_by_key(|action| urgency(&system, *action));
        match next {
            Some(action) => {
                seen(&system, action);
                system.follow(action, setup);
                system.broken.map_or(Ok(()), |broken| Err(broken.detail))?;
            }
            None if system.is_at_rest() && !system.is_deserted() => return Ok(()),
            None => {
                // A store that waits for the proof of its loss does not answer, and its writer waits only so long.
                if let Some(node) = system.unanswered(setup) {
                    seen(&system, Action::LoseAnswer(node));
                    system.follow(Action::LoseAnswer(node), setup);
                } else if let Some(name) = system.absent() {
                    system.renew(name, setup);
                } else {
                    return Err("nothing more can happen, and something has not arrived");
                }
            }
        }
    }
    Err("it never comes to rest")
}

/// What comes first: what is on its way, then the store, then owners that are mistaken, then the rest.
fn urgency(system: &System, action: Action) -> (u8, bool) {
    match action {
        Action::Down(_) => (0, false),
        Action::Up(_) => (1, false),
        Action::Late(_) => (2, false),
        Action::Apply(_) | Action::Answer(..) => (3, false),
        Action::Notice(_) => (4, false),
        Action::Ack(_) => (5, false),
        Action::Speak(_) => (6, false),
        Action::Rewind(_) => (7, false),
        // To the owner, if there is one.
        Action::Dial(_, node) => (8, system.nodes.of(node).is_none()),
        _ => (9, false),
    }
}

impl System {
    /// Nobody has the session open who ever had.
    fn is_deserted(&self) -> bool {
        let active = |state| state == State::Active;
        self.latest.is_some() && !self.devices.iter().any(|(_, device)| active(device.client.state()))
    }

    /// A node whose write the store does not decide.
    fn unanswered(&self, setup: &Setup) -> Option<Name> {
        let waits = |node: &Name| {
            let flight = self.nodes.of(*node).as_ref().and_then(|actor| actor.flight.as_ref());
            flight.is_some_and(|flight| flight.taken.is_none() && self.must_wait(&flight.request, setup))
        };
        Name::BOTH.into_iter().find(waits)
    }

    /// Somebody who stopped for good, and may come back: its user opens the session again.
    fn absent(&self) -> Option<Name> {
        self.devices.iter().find(|(_, device)| device.over.is_some()).map(|(name, _)| name)
    }
}
