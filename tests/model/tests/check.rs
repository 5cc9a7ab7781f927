//! A small configuration, and every known bug; `make model` checks the others.

use rolecall_model::check::check;
use rolecall_model::fault::Fault;
use rolecall_model::setups::{all, hunt, small};

// Fails when a promise is broken in a state of the small configuration, or when its accidents do not happen any more.
#[test]
fn every_promise_holds_in_every_state() {
    let report = check(&small(), 2);
    let broken: Vec<_> = report.verdicts.iter().filter(|verdict| !verdict.holds).collect();
    assert!(report.is_good(), "{broken:#?}\n{:#?}", report.counterexample);
    assert!(report.unique > 3_000 && report.depth > 30, "{} states, depth {}", report.unique, report.depth);
}

// Fails when the checker does not notice a known bug, or notices it by another promise than the one it breaks.
#[test]
fn every_known_bug_is_found_by_the_promise_it_breaks() {
    let missed: Vec<String> = Fault::ALL
        .iter()
        .filter_map(|fault| {
            let found = check(&hunt(*fault), 2).counterexample.map(|(property, _)| property);
            let named = found.is_some_and(|property| property.starts_with(&format!("{:?}", fault.breaks())));
            (!named).then(|| format!("{}: {found:?}", fault.label()))
        })
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(Fault::ALL.len() >= 20);
}

// Fails when a bug is found where none was put in: its configuration alone must be sound.
#[test]
fn without_its_bug_a_hunt_finds_nothing() {
    // The others take a while: `make model` does it for all.
    for fault in [Fault::NoFence, Fault::TurnForgotten, Fault::LossUnnoticed, Fault::ResumedEarly] {
        let mut setup = hunt(fault);
        setup.fault = None;
        let report = check(&setup, 2);
        assert!(report.is_good(), "{}: {:#?}", fault.label(), report.counterexample);
    }
}

// Fails when a configuration cannot be told from another, or says nothing of what must happen in it.
#[test]
fn configurations_have_names_and_accidents() {
    let mut names: Vec<&str> = all().iter().map(|setup| setup.name).collect();
    assert!(all().iter().all(|setup| !setup.meets.is_empty() && setup.fault.is_none()));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all().len());
}
