//! One configuration, checked to its end.

use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::action::Action;
use crate::model::Protocol;
use crate::rest::way_to_rest;
use crate::setup::Setup;
use crate::system::System;

/// What the checker says of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its name.
    pub property: &'static str,
    /// Whether it must hold always, or must be met somewhere.
    pub expectation: Expectation,
    /// Whether it does.
    pub holds: bool,
}

/// What was seen.
#[derive(Debug, Clone)]
pub struct Report {
    /// States that were generated, repeats included.
    pub generated: usize,
    /// Different states.
    pub unique: usize,
    /// The longest of the shortest ways to them.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// Each property.
    pub verdicts: Vec<Verdict>,
    /// The steps to what must not be, if it was found: the property, and each step in words.
    pub counterexample: Option<(&'static str, Vec<String>)>,
}

impl Report {
    /// Whether everything is as it must be.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.holds)
    }
}

/// Visits every state of a configuration, breadth first, until something is found that must not be.
#[must_use]
pub fn check(setup: &Setup, threads: usize) -> Report {
    #[allow(clippy::disallowed_methods, reason = "how long the search takes, which no state knows")]
    let start = Instant::now();
    let model = Protocol::new(setup.clone());
    let properties = model.properties();
    let checker = model.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let discoveries = checker.discoveries();
    let verdicts = properties.iter().map(|property| {
        let found = discoveries.contains_key(property.name);
        let holds = found != property.expectation.discovery_is_failure();
        Verdict { property: property.name, expectation: property.expectation.clone(), holds }
    });
    let failed = properties
        .iter()
        .find(|property| property.expectation.discovery_is_failure() && discoveries.contains_key(property.name));
    let counterexample = failed.and_then(|property| {
        let path = discoveries.get(property.name)?.clone();
        Some((property.name, words(setup, &path.into_vec())))
    });
    Report {
        generated: checker.state_count(),
        unique: checker.unique_state_count(),
        depth: checker.max_depth(),
        took: start.elapsed(),
        verdicts: verdicts.collect(),
        counterexample,
    }
}

fn words(setup: &Setup, path: &[(System, Option<Action>)]) -> Vec<String> {
    let steps = path.iter().filter_map(|(state, action)| Some(state.describe((*action)?)));
    let mut steps: Vec<String> = steps.collect();
    if let Some(broken) = path.last().and_then(|(state, _)| state.broken()) {
        steps.push(format!("and so {}", broken.detail));
    } else if let Some((state, _)) = path.last() {
        steps.push("from here, nothing else happens to it:".to_owned());
        steps.extend(way_to_rest(state, setup));
    }
    steps
}
