//! The analysis as its callers see it: verdicts, minimal sets, and replies that the checker passes.
//! `corpus.rs` asks the same of some four hundred contracts whose answers are known.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::contract;
use rolecall_dsl::Program;
use rolecall_dsl::conflict::{Answer, analyse, solve};
use rolecall_dsl::contract::{Language, Rule};
use std::sync::Arc;

fn keeps(rules: &[&Rule], text: &str) -> bool {
    let rules: Vec<Rule> = rules.iter().copied().cloned().collect();
    Arc::new(Program::new(&rules)).check(text).passes()
}

/// The minimal sets by their rules' ids; none when a reply keeps all rules, and that reply is judged.
fn sets(rules: &str) -> Vec<String> {
    let contract = contract(rules);
    let all: Vec<&Rule> = contract.rules.iter().collect();
    let analysis = analyse(&all, Language::Zh);
    if let Answer::Witness(text) = &analysis.answer {
        assert!(keeps(&all, text), "{rules}: {text:?}");
        return Vec::new();
    }
    assert_eq!(analysis.answer, Answer::Impossible, "{rules}");
    assert!(!analysis.more, "{rules}");
    let mut named = Vec::new();
    for set in &analysis.conflicts {
        for member in &set.members {
            let rest: Vec<&Rule> =
                set.members.iter().filter(|it| it.rule != member.rule).map(|it| all[it.rule]).collect();
            let text = member.without.as_deref().unwrap_or_else(|| panic!("{rules}: no reply without {}", member.rule));
            assert!(keeps(&rest, text), "{rules}: {text:?}");
        }
        let ids: Vec<&str> = set.members.iter().map(|member| &*all[member.rule].id).collect();
        named.push(ids.join(" "));
    }
    named
}

/// A contradiction that is missed, or a contract that is accused, shows here.
#[test]
fn what_cannot_hold_together_is_named_and_nothing_else() {
    let possible = [
        "max_sentences 3\nforbidden_terms \"AI\" | \"算法\" | \"2024\"\nresponse_style 反问句 >= 40%",
        // Inside a title no sentence ends, and a comma takes a terminator back.
        "max_sentences 1\nrequired_terms \"甲。乙\"",
        "max_sentences 1\nrequired_terms all \"甲。\" | \"乙！\"",
        "max_chars 3\nrequired_terms all \"甲乙\" | \"乙丁\"",
        "min_sentences 50\nmax_chars 120\nresponse_style question >= 33.33%",
        "min_sentences 10000\nresponse_style rhetorical >= 40%\nresponse_style question <= 10%",
        // There are more question marks than these, and a variant of the particle.
        "forbidden_terms \"吗\" | \"？\" | \"?\"\nresponse_style question >= 50%",
        // "Dr. A" is one sentence.
        "max_sentences 1\nmust_match /^[a-z]+[.] [A-Z]/i",
        "min_sentences 0\nmust_not_match /[^x]|x/",
    ];
    for rules in possible {
        assert_eq!(sets(rules), [""; 0], "{rules}");
    }
    let impossible: [(&str, &[&str]); 8] = [
        ("a: required_terms \"人工智能\"\nb: forbidden_terms \"智能\"", &["a b"]),
        ("a: max_sentences 1\nb: response_style question >= 40%\nc: response_style question <= 60%", &["a b c"]),
        ("a: max_chars 3\nb: required_terms all \"甲乙\" | \"丙丁\"", &["a b"]),
        ("a: min_sentences 50\nb: max_chars 49\nc: max_words 40", &["a b", "a c"]),
        ("a: must_match /^[a-z]+$/\nb: required_terms \"好\"\nc: must_not_match /[a-z]/", &["a b", "a c"]),
        ("a: must_not_match /./", &["a"]),
        ("a: starts_with \"Dear\"\nb: starts_with \"Hi\"", &["a b"]),
        ("a: language zh >= 100%\nb: required_terms \"hello\"", &["a b"]),
    ];
    for (rules, expected) in impossible {
        assert_eq!(sets(rules), expected, "{rules}");
    }
}

/// A rule is implied when no reply breaks it and keeps the others.
#[test]
fn a_rule_is_broken_alone_unless_the_others_imply_it() {
    let answer = |rules: &str| {
        let contract = contract(rules);
        let all: Vec<&Rule> = contract.rules.iter().collect();
        let (broken, keep) = all.split_last().expect("rules");
        let answer = solve(keep, Some(broken));
        if let Answer::Witness(text) = &answer {
            assert!(keeps(keep, text) && !keeps(&[broken], text), "{rules}: {text:?}");
        }
        matches!(answer, Answer::Witness(_))
    };
    for free in [
        "max_sentences 3\nmax_chars 100",
        "forbidden_terms \"AI\"\nforbidden_terms \"AI\" | \"算法\"",
        "required_terms any \"甲\" | \"乙\"\nrequired_terms all \"甲\" | \"乙\"",
        "response_style question >= 40%\nresponse_style question >= 41%",
        "no_urls\nno_markdown",
    ] {
        assert!(answer(free), "{free}");
    }
    for implied in [
        "max_chars 5\nmax_sentences 5",
        "forbidden_terms \"智能\"\nforbidden_terms \"人工智能\"",
        "required_terms all \"甲\" | \"乙\"\nrequired_terms any \"乙\" | \"丙\"",
        "response_style question >= 50%\nresponse_style question >= 40%",
        "must_match /^abc$/\nmax_chars 3",
    ] {
        assert!(!answer(implied), "{implied}");
    }
}
