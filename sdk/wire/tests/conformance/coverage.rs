//! Which rules of `PROTOCOL.md` the cases hold.

use std::collections::BTreeSet;

use rolecall_conformance::{Carrier, client_cases, sections, server_cases};

const PROTOCOL: &str = include_str!("../../PROTOCOL.md");

/// Chapters whose rules are about what is seen from outside. §1 defines words.
const CHAPTERS: std::ops::RangeInclusive<u32> = 2..=12;

/// Rules that no peer can see being kept or broken, and why.
const UNSEEN: &[(&str, &str)] = &[
    ("§2.3", "what a sender may not write; the golden vectors hold our own"),
    ("§3.6", "a token is renewed after half of its lifetime; the end-to-end tests of tokens hold it"),
    ("§11.6", "a session ends after at least a minute without a use; the end-to-end tests of expiry hold it"),
    ("§3.8", "which origins are foreign is the operator's to say; the end-to-end tests of security hold it"),
];

fn chapter(section: &str) -> u32 {
    section.trim_start_matches('§').split('.').next().unwrap().parse().unwrap()
}

fn held() -> Vec<(String, String)> {
    let servers = server_cases().unwrap().into_iter().map(|case| (case.section, case.name));
    let clients = client_cases().unwrap().into_iter().map(|case| (case.section, case.name));
    servers.chain(clients).collect()
}

/// Fails when a case names a rule that does not exist, or a rule of the protocol is held by no case.
#[test]
fn every_rule_is_held() {
    let known = sections(PROTOCOL);
    let held = held();
    let strays: Vec<_> = held.iter().filter(|(section, _)| !known.contains(section)).collect();
    assert!(strays.is_empty(), "no such rule: {strays:?}");
    let held: BTreeSet<&str> = held.iter().map(|(section, _)| section.as_str()).collect();
    let rules = known.iter().filter(|section| CHAPTERS.contains(&chapter(section)));
    // A chapter with numbered rules is held by these.
    let rules = rules.filter(|section| {
        section.contains('.') || !known.iter().any(|other| other.starts_with(&format!("{section}.")))
    });
    let missing: Vec<_> = rules
        .filter(|section| !held.contains(section.as_str()))
        .filter(|section| !UNSEEN.iter().any(|(unseen, _)| unseen == section))
        .collect();
    assert!(missing.is_empty(), "no case holds {missing:?}");
    for (section, why) in UNSEEN {
        assert!(known.iter().any(|known| known == section) && !why.is_empty(), "{section}: no such rule");
        assert!(!held.contains(section), "{section} is held: it is seen after all");
    }
}

/// Fails when cases are lost, or two that a report cannot tell apart have one name.
#[test]
fn every_case_has_a_name_of_its_own() {
    let servers: Vec<_> = server_cases().unwrap().into_iter().map(|case| (case.section, case.name)).collect();
    let clients: Vec<_> = client_cases().unwrap().into_iter().map(|case| (case.section, case.name)).collect();
    assert!(servers.len() + clients.len() >= 200, "only {} and {} cases", servers.len(), clients.len());
    for cases in [servers, clients] {
        let mut seen = BTreeSet::new();
        let doubled: Vec<_> = cases.iter().filter(|case| !seen.insert(*case)).collect();
        assert!(doubled.is_empty(), "twice: {doubled:?}");
    }
}

/// Fails when a carrier is left out of a case without a reason, or a case is left with none.
#[test]
fn what_does_not_apply_says_why() {
    for case in server_cases().unwrap() {
        assert!(case.except.values().all(|why| why.len() >= 8), "{}: {:?}", case.name, case.except);
        assert!(case.except.len() < Carrier::ALL.len(), "{}: nothing carries it", case.name);
        assert!(case.machine.as_ref().is_none_or(|why| why.len() >= 8), "{}: {:?}", case.name, case.machine);
    }
}
