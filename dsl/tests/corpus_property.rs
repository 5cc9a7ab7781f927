//! Small random rule sets, the analysis against the oracle.
//!
//! Every seed gives one set; a failure names the seed and shows the rules.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking, and the figures are for people"
)]

mod oracle;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use oracle::exhaust::{Shown, exhaust};
use oracle::file::rules;
use oracle::{crowd, engine, search};
use rolecall_dsl::conflict::Answer;
use rolecall_dsl::contract::Rule;

const SEEDS: u64 = 120;

/// What looking for one reply may cost.
const BUDGET: search::Budget = search::Budget { built: 250, tried: 700 };

/// A generator of numbers: xorshift64*, seeded so that neighbours differ.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % most
    }

    fn pick<'a>(&mut self, options: &[&'a str]) -> &'a str {
        options[self.below(options.len())]
    }
}

const TERMS: [&str; 9] = ["谢", "您谢", "谢您", "您", "a", "ab", "b a", "谢。您", "AB"];
const SHARES: [&str; 8] = ["0%", "25%", "33.33%", "34%", "50%", "66%", "67%", "100%"];
const PATTERNS: [&str; 8] = ["/^谢/", "/您$/", "/[ab]{2}/", "/谢您/", "/^[^谢]/", "/谢.*您/", "/a/", "/您|b/"];

fn rule(random: &mut Random) -> String {
    let terms = |random: &mut Random| {
        let count = 1 + random.below(3);
        let mut terms: Vec<&str> = (0..count).map(|_| random.pick(&TERMS)).collect();
        // Terms that fold alike are a mistake of their own.
        let mut seen = BTreeSet::new();
        terms.retain(|term| seen.insert(term.to_lowercase()));
        terms.iter().map(|term| format!("\"{term}\"")).collect::<Vec<_>>().join(" | ")
    };
    match random.below(13) {
        0 => format!("max_sentences {}", 1 + random.below(3)),
        1 => format!("min_sentences {}", 1 + random.below(4)),
        2 => format!("max_chars {}", 1 + random.below(6)),
        3 => format!("min_chars {}", 1 + random.below(6)),
        4 => format!("max_words {}", 1 + random.below(4)),
        5 | 6 => format!("forbidden_terms {}", terms(random)),
        7 | 8 => format!("required_terms {} {}", random.pick(&["any", "all"]), terms(random)),
        9 => format!("must_match {}", random.pick(&PATTERNS)),
        10 => format!("must_not_match {}", random.pick(&PATTERNS)),
        11 => format!(
            "response_style {} {} {}",
            random.pick(&["question", "rhetorical"]),
            random.pick(&[">=", "<="]),
            random.pick(&SHARES)
        ),
        _ => format!("{} {}", random.pick(&["starts_with", "ends_with"]), terms(random)),
    }
}

fn contract(seed: u64) -> String {
    let mut random = Random::new(seed);
    let count = 2 + random.below(4);
    let rules: String = (0..count).map(|index| format!("    r{index}: {}\n", rule(&mut random))).collect();
    format!("role test {{\n version 1.0.0\n persona \"persona\"\n constraints {{\n{rules} }}\n}}\n")
}

/// What is wrong with the analysis of one seed, and whether it gave up.
fn judge(seed: u64) -> (String, bool) {
    let text = contract(seed);
    let owned = rules(&format!("seed {seed}"), &text);
    let all: Vec<&Rule> = owned.iter().collect();
    let mut wrong = String::new();
    let answer = engine::solve(&all, None);
    let (sets, more) = engine::conflicts(&all);
    let mut gave_up = more || matches!(answer, Answer::Undecided(_));
    if let Answer::Witness(text) = &answer
        && !oracle::program(&all).check(text).passes()
    {
        let _ = writeln!(wrong, "the witness {text:?} does not pass");
    }
    for set in &sets {
        for member in &set.members {
            let rest = set.members.iter().filter(|other| other.rule != member.rule).map(|other| all[other.rule]);
            match &member.without {
                Some(text) if oracle::program(&rest.collect::<Vec<_>>()).check(text).passes() => {}
                Some(text) => {
                    let _ = writeln!(wrong, "{text:?} breaks the others of {set:?}");
                }
                None => gave_up = true,
            }
        }
    }
    let sets: Vec<BTreeSet<usize>> =
        sets.iter().map(|set| set.members.iter().map(|member| member.rule).collect()).collect();
    // Every choice of rules: it can be kept exactly if it holds no conflict set.
    for mask in 1..1_usize << all.len() {
        let members: BTreeSet<usize> = (0..all.len()).filter(|index| mask >> index & 1 == 1).collect();
        let chosen: Vec<&Rule> = members.iter().map(|index| all[*index]).collect();
        let conflict = sets.iter().any(|set| set.is_subset(&members));
        let reply = search::reply(&chosen, &[], BUDGET);
        if let Some(reply) = reply.filter(|_| conflict) {
            let _ = writeln!(wrong, "{members:?} can be kept: {reply:?}");
        } else if !conflict && !gave_up && exhaust(&chosen) == Shown::Impossible {
            let _ = writeln!(wrong, "{members:?} cannot be kept, and no set says so");
        }
    }
    if !wrong.is_empty() {
        wrong = format!("seed {seed}: {answer:?}, sets {sets:?}\n{text}{wrong}");
    }
    (wrong, gave_up)
}

#[test]
fn random_rules_are_judged_as_by_trying() {
    let seeds: Vec<u64> = (0..SEEDS).collect();
    let judged = crowd::ask(&seeds, |seed| judge(*seed));
    let wrong: Vec<&str> = judged.iter().map(|(wrong, _)| wrong.as_str()).filter(|wrong| !wrong.is_empty()).collect();
    let undecided = judged.iter().filter(|(_, gave_up)| *gave_up).count();
    println!("seeds 0..{SEEDS}: {} wrong, {undecided} undecided", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(undecided * 10 <= judged.len(), "{undecided} of {SEEDS} are undecided");
}
