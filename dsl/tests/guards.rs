//! Guards: which rules are in force for which turn.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use rolecall_dsl::Contract;
use rolecall_dsl::contract::{Language, Turn};
use support::{clerk, compile_text, lines};

/// A clerk of two languages with these rules and the intents `refund` and `hours`.
fn shop(rules: &str) -> Arc<Contract> {
    let text = format!(
        "role clerk {{\nversion 1.0.0\nlanguage zh, en\npersona \"A clerk\"\nstateful true\n\
         constraints {{\n{rules}\n}}\nintents {{\nrefund \"refund please\" | \"我想退款\"\nhours \"opening hours\"\n}}\n}}"
    );
    let compiled = compile_text(&text);
    assert!(compiled.findings.is_empty(), "{rules}: {:?}", lines(&compiled.findings));
    Arc::clone(&compiled.contracts[0])
}

fn ids(contract: &Contract) -> Vec<&str> {
    contract.rules.iter().map(|rule| &*rule.id).collect()
}

fn scenarios(rules: &str) -> Vec<(Option<String>, Vec<String>)> {
    let contract = shop(rules);
    let named = |index: &usize| contract.rules[*index].id.to_string();
    contract.scenarios.iter().map(|one| (one.name.clone(), one.rules.iter().map(named).collect())).collect()
}

// Fails when a turn gets other rules than the ones that its guard puts in force.
#[test]
fn the_turn_chooses_the_rules() {
    let contract = shop(
        "short: max_sentences 3\npolite: forbidden_terms \"x\"\n\
         when intent refund { patient: max_sentences 6  also: forbidden_terms \"y\" }\n\
         when language en and turn first { named: required_terms \"Corner\" }",
    );
    let at = |text: &str, first| contract.for_turn(text, first);
    assert_eq!(ids(&at("你好", true)), ["short", "polite"]);
    assert_eq!(ids(&at("Hello there", true)), ["short", "polite", "named"]);
    assert_eq!(ids(&at("Hello there", false)), ["short", "polite"]);
    assert_eq!(ids(&at("我想退款", false)), ["polite", "patient", "also"]);
    assert_eq!(ids(&at("refund please", true)), ["polite", "patient", "also", "named"]);
    assert!(at("我想退款", true).program.check("一。二。三。四。五。").passes());
    assert!(!at("你好", true).program.check("一。二。三。四。五。").passes());
    assert!(Arc::ptr_eq(&at("你好", true), &at("你好", false)), "one scenario is compiled once");
    assert!(at("refund please", true).prompt().contains('6') && !contract.prompt().contains('6'));
    let bound = at("refund please", true);
    assert!(Arc::ptr_eq(&bound.for_turn("你好", false), &bound), "what is chosen stays chosen");
    assert_eq!(ids(contract.for_notices()), ["short", "polite"], "a notice answers no turn");
}

// Fails when a contract without guards is copied, or told apart.
#[test]
fn without_guards_there_is_one_scenario() {
    let contract = shop("short: max_sentences 3");
    assert_eq!(contract.scenarios.len(), 1);
    assert!(Arc::ptr_eq(&contract.for_turn("refund please", true), &contract));
}

// Fails when scenarios that have the same rules are not one, or are named so that nobody knows which.
#[test]
fn scenarios_are_what_guards_tell_apart() {
    let all = |rules: &str| scenarios(rules).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let named = |names: &[&str]| {
        let mut all = vec![None];
        all.extend(names.iter().map(|name| Some((*name).to_owned())));
        all
    };
    assert_eq!(all("when intent refund { max_chars 9 }"), named(&["intent refund"]));
    assert_eq!(all("when intent refund | hours { max_chars 9 }"), named(&["intent refund | hours"]));
    assert_eq!(
        all("when intent refund and turn first { max_chars 9 }"),
        named(&["intent refund, first turn"]),
        "three of four combinations are as if there was no guard"
    );
    assert_eq!(
        all("when turn first { max_chars 9 }\nwhen turn later { max_chars 8 }"),
        [Some("first turn".to_owned()), Some("later turn".to_owned())]
    );
    assert_eq!(
        all("when intent refund { max_chars 9 }\nwhen language en { no: forbidden_terms \"x\" }"),
        named(&["language en", "intent refund, language zh", "intent refund, language en"])
    );
    assert_eq!(
        scenarios("max_chars 5\nwhen intent refund { when turn later { max_chars 9 } }")[1],
        (Some("intent refund, later turn".to_owned()), vec!["max_chars_2".to_owned()])
    );
}

// Fails when a guarded share replaces another metric or the other direction, or does not replace its own.
#[test]
fn only_the_same_kind_is_replaced() {
    let found = scenarios(
        "a: response_style question >= 10%\nb: response_style question <= 90%\nc: response_style rhetorical >= 10%\n\
         d: min_sentences 2\nwhen intent refund { e: response_style question >= 20%  f: max_sentences 9 }",
    );
    assert_eq!(found[1].1, ["b", "c", "d", "e", "f"]);
}

// Fails when what a guard hides is not judged: each scenario's texts must keep its rules.
#[test]
fn every_scenario_is_judged() {
    let with = |rest: &str| {
        let rules = "constraints { when intent refund { terms: required_terms \"30 days\" } }\n\
                     intents { refund \"refund please\" }\n";
        lines(&compile_text(&clerk(&format!("{rules}{rest}"))).findings)
    };
    assert_eq!(with("fallback \"Within 30 days.\""), Vec::<String>::new());
    assert_eq!(with("fallback \"No.\""), ["RC0401 7:10 error"]);
    let case = |user: &str, expect: &str| {
        with(&format!("cases {{ case \"a\" {{ user \"{user}\"  reply \"No.\"  expect {expect} }} }}"))
    };
    assert_eq!(case("Hello", "pass"), Vec::<String>::new());
    assert_eq!(case("Refund, please", "violates terms"), Vec::<String>::new());
    assert_eq!(case("Refund, please", "pass"), ["RC0402 7:49 error"]);
    assert_eq!(case("Hello", "violates terms"), ["RC0403 7:63 error"], "not in force");
}

// Fails when `when` behind a rule on one line, or a kind that is called like a condition, is misread.
#[test]
fn guards_may_share_a_line() {
    assert_eq!(
        scenarios("a: max_sentences 3  when language zh and intent refund { b: max_sentences 4 c: max_chars 90 }")[1].1,
        ["b", "c"]
    );
    let text = clerk(
        "constraints { when intent a and { max_chars 9 } when { max_chars 9 } x: when intent a { max_chars 9 } }\nintents { a \"b\" }",
    );
    assert_eq!(lines(&compile_text(&text).findings), ["RC0701 5:20 error", "RC0701 5:49 error", "RC0001 5:70 error"]);
}

#[derive(Debug, Clone)]
struct Written {
    intents: Vec<&'static str>,
    language: Option<&'static str>,
    turn: Option<&'static str>,
    single: bool,
}

impl Written {
    fn condition(&self) -> Option<String> {
        let mut parts = Vec::new();
        if !self.intents.is_empty() {
            parts.push(format!("intent {}", self.intents.join(" | ")));
        }
        parts.extend(self.language.map(|language| format!("language {language}")));
        parts.extend(self.turn.map(|turn| format!("turn {turn}")));
        (!parts.is_empty()).then(|| parts.join(" and "))
    }

    fn holds(&self, intent: &str, language: &str, turn: &str) -> bool {
        (self.intents.is_empty() || self.intents.contains(&intent))
            && self.language.is_none_or(|one| one == language)
            && self.turn.is_none_or(|one| one == turn)
    }
}

fn written() -> impl Strategy<Value = Written> {
    let intents = proptest::sample::subsequence(vec!["refund", "hours"], 0..=2);
    let language = proptest::option::of(proptest::sample::select(vec!["zh", "en"]));
    let turn = proptest::option::of(proptest::sample::select(vec!["first", "later"]));
    (intents, language, turn, any::<bool>()).prop_map(|(intents, language, turn, single)| Written {
        intents,
        language,
        turn,
        single,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // Fails when any turn gets other rules than the definition says, or no scenario covers it.
    #[test]
    fn every_turn_has_the_rules_of_the_definition(rules in proptest::collection::vec(written(), 1..6)) {
        let mut text = String::new();
        for (number, rule) in rules.iter().enumerate() {
            let kind = if rule.single { format!("max_sentences {}", 10 + number) } else { format!("forbidden_terms \"t{number}\"") };
            text.push_str(&match rule.condition() {
                Some(condition) => format!("when {condition} {{ r{number}: {kind} }}\n"),
                None => format!("r{number}: {kind}\n"),
            });
        }
        let contract = shop(&text);
        let texts = [("", "zh", "你好"), ("", "en", "Hello"), ("refund", "zh", "我想退款"), ("refund", "en", "refund please"), ("hours", "en", "opening hours")];
        for (intent, language, said) in texts {
            for (turn, first) in [("first", true), ("later", false)] {
                let replaced = rules.iter().any(|r| r.single && r.condition().is_some() && r.holds(intent, language, turn));
                let mut expected: Vec<String> = rules.iter().enumerate()
                    .filter(|(_, r)| if r.condition().is_some() { r.holds(intent, language, turn) } else { !(r.single && replaced) })
                    .map(|(number, _)| format!("r{number}"))
                    .collect();
                expected.sort();
                let bound = contract.for_turn(said, first);
                let mut found: Vec<String> = bound.rules.iter().map(|rule| rule.id.to_string()).collect();
                found.sort();
                prop_assert_eq!(&found, &expected, "{} {}", said, turn);
                let covering = contract.scenarios.iter().filter(|scenario| scenario.moments.iter().any(|moment| {
                    moment.turn.is_none_or(|one| (one == Turn::First) == first)
                        && moment.language.is_none_or(|one| (one == Language::Zh) == (language == "zh"))
                        && (moment.intent.as_deref() == Some(intent) || moment.intent.is_none() && !contract.scenarios.iter()
                            .any(|other| other.moments.iter().any(|m| m.intent.as_deref() == Some(intent))))
                })).count();
                prop_assert_eq!(covering, 1, "{} {}", said, turn);
            }
        }
    }
}
