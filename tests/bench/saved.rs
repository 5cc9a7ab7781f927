//! What giving up a doomed reply saves: the share of the upstream's tokens (deltas of two characters)
//! that are never asked for.
//!
//! Each ordinary reply is made to break one rule, at a place that a generator with a fixed seed
//! chooses. Beside giving up at the first delta after which no continuation complies stands what a
//! checker saves that knows only what is said: it stops when a broken rule is seen, and for what is
//! missing at the end, which saves nothing.

use anyhow::{Result, ensure};
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::Residual;
use rolecall_tests::clock::Dice;
use rolecall_tests::replies;

use super::held::{compile, deltas};
use super::table::Row;

/// A rule, and how a reply comes to break it.
struct Breach {
    name: &'static str,
    rules: String,
    break_it: fn(&str, &mut Dice) -> String,
}

fn breaches() -> Vec<Breach> {
    let quoted: Vec<String> = replies::terms().iter().map(|term| format!("\"{term}\"")).collect();
    let breach = |name, rules: &str, break_it| Breach { name, rules: rules.to_owned(), break_it };
    vec![
        breach("a forbidden term", &format!("forbidden_terms {}", quoted.join(" | ")), with_term),
        breach("a web address", "no_urls", with_address),
        breach("too many sentences", "max_sentences 3", long),
        breach("too many characters", "max_chars 60", long),
        breach("a share missed", "max_sentences 4 response_style 反问句 >= 60%", plain),
        breach(
            "words missing under a limit",
            "required_terms all \"祝您一切顺利\" | \"感谢您的理解与支持\" max_chars 60",
            plain,
        ),
        breach("another beginning", "starts_with \"答：\" | \"Answer:\"", plain),
        breach("prose instead of JSON", "format json", plain),
        breach("a loop", "max_repeat 1", repeated),
        breach("another language", "language zh >= 90% max_words 120", foreign),
    ]
}

pub(crate) fn run() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let (mut all, mut all_early, mut all_seen) = (0, 0, 0);
    for breach in breaches() {
        let (mut tokens, mut early, mut seen) = (0, 0, 0);
        let contract = compile(&breach.rules)?;
        for (seed, reply) in (1..).zip(replies::ordinary()) {
            let text = (breach.break_it)(reply, &mut Dice::new(seed));
            let deltas = deltas(&text);
            if contract.program.check(&text).passes() {
                continue;
            }
            let (dead, visible) = ends(&contract.program, &deltas);
            ensure!(dead <= visible, "{}: seen before it is certain: {text:?}", breach.name);
            (tokens, early, seen) = (tokens + deltas.len(), early + dead, seen + visible);
        }
        ensure!(tokens > 0, "{}: no reply breaks it", breach.name);
        rows.push(row(breach.name, tokens, early, seen));
        (all, all_early, all_seen) = (all + tokens, all_early + early, all_seen + seen);
    }
    rows.push(row("all of them", all, all_early, all_seen));
    Ok(rows)
}

fn row(name: &str, tokens: usize, early: usize, seen: usize) -> Row {
    let share = |used: usize| 100.0 * (tokens - used) as f64 / tokens as f64;
    Row::new(format!("tokens saved: {name}"), share(early), "%").against("stopping at what is seen", share(seen))
}

/// How many deltas are read before the reply is dead, and before a broken rule is seen.
fn ends(program: &std::sync::Arc<rolecall_dsl::Program>, deltas: &[String]) -> (usize, usize) {
    let mut monitor = program.monitor();
    let (mut dead, mut seen) = (deltas.len(), deltas.len());
    for (read, delta) in (1..).zip(deltas) {
        let step = monitor.push(delta);
        if step.residual == Residual::Dead {
            dead = dead.min(read);
        }
        if step.violations.iter().any(|violation| violation.severity == Severity::Error) {
            seen = seen.min(read);
        }
    }
    (dead, seen)
}

/// A place between two characters.
fn place(text: &str, dice: &mut Dice) -> usize {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    places.get(dice.index(places.len())).copied().unwrap_or(0)
}

fn inserted(text: &str, what: &str, dice: &mut Dice) -> String {
    let (before, behind) = text.split_at(place(text, dice));
    format!("{before} {what} {behind}")
}

fn with_term(text: &str, dice: &mut Dice) -> String {
    let terms = replies::terms();
    inserted(text, terms[dice.index(terms.len())], dice)
}

fn with_address(text: &str, dice: &mut Dice) -> String {
    inserted(text, "https://example.com/a?b=1", dice)
}

/// With two other replies behind it.
fn long(text: &str, dice: &mut Dice) -> String {
    let all = replies::ordinary();
    let mut other = || all[dice.index(all.len())];
    format!("{text}\n{}\n{}", other(), other())
}

fn plain(text: &str, _: &mut Dice) -> String {
    text.to_owned()
}

/// With everything from a place on said again and again.
fn repeated(text: &str, _: &mut Dice) -> String {
    format!("{text}\n{text}\n{text}")
}

/// With an English reply behind the first half.
fn foreign(text: &str, dice: &mut Dice) -> String {
    let english: Vec<&str> = replies::ordinary().into_iter().filter(|reply| reply.is_ascii()).collect();
    let other = english[dice.index(english.len())];
    format!("{text} {other}")
}
