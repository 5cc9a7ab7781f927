//! The contradictions that the design names, each in a contract of its own: what is said about them, as
//! people read it.
//!
//! A finding that is lost, points elsewhere or reads worse changes a snapshot.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking, and the figures are for people"
)]

mod oracle;

use insta::assert_snapshot;
use rolecall_dsl::check::compile;
use rolecall_dsl::conflict::review;
use rolecall_dsl::diagnostic::{Format, render};
use rolecall_dsl::source::Source;

/// The findings of every named contract, one after the other.
fn shown(name: &str) -> String {
    let path = oracle::file::corpus().join("named").join(format!("{name}.role"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let compiled = compile(&Source::new(&format!("{name}.role"), &text));
    let mut findings = compiled.findings;
    // The notes and warnings about contracts that can be kept.
    findings.extend(compiled.contracts.iter().flat_map(|contract| review(contract)));
    if findings.is_empty() { "nothing to say\n".to_owned() } else { render(&findings, Format::Human { color: false }) }
}

macro_rules! named {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                assert_snapshot!(shown(stringify!($name)));
            }
        )*

        /// A contract without a test would be judged by nobody.
        #[test]
        fn every_named_contract_has_its_test() {
            let tests = [$(stringify!($name)),*];
            for path in oracle::file::paths(&oracle::file::corpus().join("named")) {
                let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
                assert!(tests.contains(&name.as_str()), "{name}");
            }
        }
    };
}

named! {
    article_contract_is_clean
    branches_that_contradict
    child_that_escapes
    chinese_with_a_required_english_term
    guard_that_never_holds
    held_for_the_want_of_a_fallback
    implied_rules
    memory_without_state
    minimum_above_maximum
    mode_that_holds_the_whole_reply
    no_room_for_what_is_required
    required_forbidden_after_folding
    share_impossible_under_the_cap
    single_common_character_forbidden
    windows_longer_than_the_deadline
    case_that_no_reply_could_pass
    every_cue_forbidden
    several_conflicts_at_once
    style_samples_break_a_rule
}
