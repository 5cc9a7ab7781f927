//! Laws of the machines behind rules: equal keys have equal futures, what is settled stays so, and the
//! texts they propose do what they say.

#![allow(clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod common;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rolecall_dsl::Contract;
use rolecall_dsl::constraint::{Fact, Recognizer};
use rolecall_dsl::text::sentence::Sentences;

const RULES: [&str; 9] = [
    r#"starts_with "你好" | "ab" | "abé" | /(?i)red +c|[0-9]{2}$/"#,
    r#"starts_with /a+b/ | "a b""#,
    r#"ends_with "好。" | "e" | "a b" | "aab" | /[0-9]{2}/"#,
    r#"ends_with /a$/ | /b+/"#,
    "max_repeat 1",
    "max_repeat 2",
    "format json",
    r#"format json "{\"type\": \"array\", \"items\": {\"type\": \"integer\"}}""#,
    r#"format json "{\"minimum\": 12}""#,
];

/// Parts of what the rules name, and what separates sentences.
const PIECES: [&str; 34] = [
    "a",
    "b",
    "e",
    "\u{301}",
    "A",
    "1",
    "2",
    "12",
    "你",
    "好",
    "。",
    "\n",
    " ",
    "  ",
    "好。",
    "a b",
    "red c",
    "ab",
    "！",
    "“",
    "”",
    ".",
    "- ",
    "[",
    "]",
    ",",
    "\"",
    "\"a\"",
    "{",
    "}",
    ":",
    "\u{200B}",
    "😀",
    "好。好。",
];

static CONTRACTS: LazyLock<Vec<Arc<Contract>>> =
    LazyLock::new(|| RULES.iter().map(|rule| common::contract(rule)).collect());

fn machine(contract: &Contract) -> Box<dyn Recognizer> {
    match contract.rules[0].constraint.fact() {
        Fact::Recognized(machine) => machine.boxed(),
        other => panic!("{other:?}"),
    }
}

/// A machine with the sentences that it is told about.
#[derive(Clone)]
struct Run {
    machine: Box<dyn Recognizer>,
    sentences: Sentences,
}

impl Run {
    fn new(contract: &Contract, text: &str) -> Self {
        let mut run = Self { machine: machine(contract), sentences: Sentences::default() };
        text.chars().for_each(|c| run.push(c));
        run
    }

    fn push(&mut self, c: char) {
        let event = self.sentences.push(c);
        self.machine.push(c, &event);
    }

    fn key(&self) -> Vec<u64> {
        let mut key = self.machine.key();
        key.push(u64::MAX);
        self.sentences.key(&mut key);
        key
    }

    fn says(&self) -> (bool, Option<bool>) {
        (self.machine.accepts(), self.machine.settled())
    }
}

fn text(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..most).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// A key that leaves out something the future depends on would make the analysis miss replies.
    #[test]
    fn equal_keys_have_equal_futures(heads in prop::collection::vec(text(5), 60), tails in prop::collection::vec(text(6), 8)) {
        for contract in CONTRACTS.iter() {
            let mut known: HashMap<Vec<u64>, (String, Run)> = HashMap::new();
            for head in &heads {
                let run = Run::new(contract, head);
                let Some((other, like)) = known.get(&run.key()) else {
                    known.insert(run.key(), (head.clone(), run));
                    continue;
                };
                for tail in &tails {
                    let (mut one, mut two) = (run.clone(), like.clone());
                    prop_assert_eq!(one.says(), two.says(), "{:?} {:?}", head, other);
                    for c in tail.chars() {
                        one.push(c);
                        two.push(c);
                        prop_assert_eq!(one.says(), two.says(), "{:?} {:?} + {:?}", head, other, tail);
                    }
                }
            }
        }
    }

    /// A rule that is given up, or taken as kept, and turns round later.
    #[test]
    fn what_is_settled_stays_so(text in text(12)) {
        for contract in CONTRACTS.iter() {
            let mut run = Run::new(contract, "");
            let mut settled = None;
            for c in text.chars() {
                run.push(c);
                let (accepts, now) = run.says();
                prop_assert!(settled.is_none() || now == settled, "{:?}", text);
                prop_assert!(now.is_none_or(|now| now == accepts), "{:?}", text);
                settled = now;
            }
        }
    }

    /// What is held back covers everything that a later verdict can be about: a rule that was not given
    /// up yet is either open or has let nothing wrong out.
    #[test]
    fn nothing_leaves_before_a_machine_that_holds_allows(text in text(12)) {
        for (rule, contract) in RULES.iter().zip(CONTRACTS.iter()).filter(|(rule, _)| !rule.starts_with("ends")) {
            let mut monitor = contract.program.monitor();
            let mut released = String::new();
            for c in text.chars() {
                released += &monitor.push(c.encode_utf8(&mut [0; 4])).released;
            }
            released += &monitor.finish().released;
            let passes = contract.program.check(&text).passes();
            prop_assert!(!passes || released == text, "{} {:?} {:?}", rule, text, released);
            if rule.starts_with("starts") && !passes {
                prop_assert_eq!(released, "", "{} {:?}", rule, text);
            } else if rule.starts_with("max_repeat") && !passes {
                prop_assert!(contract.program.check(&released).passes(), "{} {:?} {:?}", rule, text, released);
            }
        }
    }
}

#[test]
fn hints_do_what_they_say() {
    for (rule, contract) in RULES.iter().zip(CONTRACTS.iter()) {
        let hints = machine(contract).hints();
        let kept = hints.starts.iter().chain(&hints.ends).chain(&hints.includes).chain(&hints.wholes);
        for text in kept {
            assert!(contract.program.check(text).passes(), "{rule}: {text}");
        }
        for text in &hints.breakers {
            assert!(!contract.program.check(text).passes(), "{rule}: {text}");
        }
        let any = [&hints.starts, &hints.ends, &hints.wholes, &hints.breakers].iter().any(|texts| !texts.is_empty());
        assert!(any, "{rule}");
    }
}
