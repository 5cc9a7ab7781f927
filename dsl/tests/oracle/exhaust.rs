//! Proving that no reply keeps some rules, by trying all that matter, where those are few:
//!
//! - *counts*: rules that look at nothing but the number of sentences and their forms, with a cap. One
//!   text stands for every combination of numbers;
//! - *contexts*: one rule that requires terms, and rules that forbid terms. Whether an occurrence of the
//!   required term is one of a forbidden term depends on the term and its neighbours, so one text stands
//!   for every neighbour on each side;
//! - *beginnings*: rules about how a reply begins. Every beginning over the characters of the rules, in
//!   either case and at full width, and one of every class, is followed until the checker says that no
//!   continuation complies;
//! - *characters*: rules with a cap of a few characters. Every text over the characters of the rules and
//!   one of every class, with white space wherever it fits, is tried.
//!
//! Everything else is left undecided.

use std::sync::Arc;

use rolecall_dsl::constraint::Fact;
use rolecall_dsl::contract::Rule;
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::{Residual, Step};
use rolecall_dsl::text::fold::folded;
use rolecall_dsl::text::rhetorical::Form as Metric;
use rolecall_dsl::text::terms::Matching;
use rolecall_dsl::{Monitor, Program};

use super::pieces::{CLASSES, characters};
use super::sentences::{FORMS, Form, WORDINGS};
use super::{literal, program};

/// Most sentences for which all combinations are tried.
const MOST_SENTENCES: u64 = 7;

/// Most texts of a proof by characters.
const MOST_TEXTS: usize = 60_000;

/// What trying everything showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// No reply keeps the rules.
    Impossible,
    /// This one does.
    Reply(String),
    /// There are too many to try.
    Undecided,
}

/// Tries every reply that matters.
pub(crate) fn exhaust(rules: &[&Rule]) -> Shown {
    for method in [by_counts, by_contexts, by_beginnings, by_characters] {
        let shown = method(rules);
        if shown != Shown::Undecided {
            return shown;
        }
    }
    Shown::Undecided
}

fn by_counts(rules: &[&Rule]) -> Shown {
    let mut cap = None;
    for rule in rules {
        match rule.constraint.fact() {
            Fact::MaxSentences(most) => cap = Some(cap.map_or(most, |cap: u64| cap.min(most))),
            // The other forms are not among those that the texts tell apart.
            Fact::MinSentences(_) | Fact::Share { form: Metric::Rhetorical | Metric::Question, .. } => {}
            _ => return Shown::Undecided,
        }
    }
    let Some(cap) = cap.filter(|cap| *cap <= MOST_SENTENCES) else { return Shown::Undecided };
    let program = program(rules);
    for n in 1..=cap {
        for counts in divisions(n, FORMS.len()) {
            let forms = FORMS.iter().zip(&counts).flat_map(|(form, count)| (0..*count).map(|_| *form));
            let forms: Vec<Form> = forms.collect();
            let text: String = forms.iter().map(|form| WORDINGS[0].sentence(*form, "")).collect();
            if program.check(&text).passes() {
                return Shown::Reply(text);
            }
        }
    }
    Shown::Impossible
}

/// All ways to divide `n` among `parts`.
fn divisions(n: u64, parts: usize) -> Vec<Vec<u64>> {
    if parts == 1 {
        return vec![vec![n]];
    }
    let mut found = Vec::new();
    for first in 0..=n {
        for rest in divisions(n - first, parts - 1) {
            found.push([vec![first], rest].concat());
        }
    }
    found
}

/// What may stand beside a term: every class that folding and word boundaries tell apart.
const NEIGHBOURS: [&str; 12] = ["", "好", "a", "Z", "7", " ", "\n", "。", "“", "\u{301}", "\u{3099}", "\u{200D}"];

fn by_contexts(rules: &[&Rule]) -> Shown {
    let mut required = Vec::new();
    let mut forbids = 0;
    for rule in rules {
        match rule.constraint.fact() {
            Fact::Required { all, terms, .. } => required.push((all, terms)),
            Fact::Forbidden { patterns: [], matching, .. } if matching == Matching::usual() => forbids += 1,
            _ => return Shown::Undecided,
        }
    }
    let [(all, terms)] = required.as_slice() else { return Shown::Undecided };
    if forbids == 0 || terms.len() > 12 {
        return Shown::Undecided;
    }
    let program = program(rules);
    let free = |term: &String| occurrences(term).find(|text| alone(&program, text, *all));
    let first: Vec<Option<String>> = terms.iter().map(free).collect();
    match (all, first.iter().flatten().next()) {
        // Of all terms one that never goes is enough; of any, none may go.
        (true, _) if first.iter().any(Option::is_none) => Shown::Impossible,
        (false, None) => Shown::Impossible,
        (false, Some(text)) => Shown::Reply(text.clone()),
        (true, _) => Shown::Undecided,
    }
}

/// A term as written, in both cases and at full width, between all neighbours.
fn occurrences(term: &str) -> impl Iterator<Item = String> {
    let wide = |c: char| match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xFEE0).unwrap_or(c),
        c => c,
    };
    let forms = [term.to_owned(), term.to_uppercase(), term.to_lowercase(), term.chars().map(wide).collect()];
    let around = NEIGHBOURS.iter().flat_map(|left| NEIGHBOURS.iter().map(move |right| (left, right)));
    around.flat_map(move |(left, right)| forms.clone().map(|form| format!("{left}{form}{right}")))
}

/// Whether a text with one of the terms passes; where every term is required, whether nothing that is
/// said in it is refused.
fn alone(program: &Arc<Program>, text: &str, all: bool) -> bool {
    if !all {
        return program.check(text).passes();
    }
    let mut monitor = program.monitor();
    let mut said = monitor.push(text).violations;
    // What the end decides about missing terms says nothing here; what it decides about matches does.
    said.extend(monitor.finish().violations.into_iter().filter(|violation| !violation.span.is_empty()));
    said.iter().all(|violation| violation.severity < Severity::Error)
}

/// White space and what is invisible may stand before a beginning: two of them stand for more.
const DELAYS: [char; 2] = [' ', '\u{200B}'];

/// Most beginnings that are followed.
const MOST_BEGINNINGS: usize = 12_000;

fn by_beginnings(rules: &[&Rule]) -> Shown {
    let begins = |rule: &&Rule| match rule.constraint.fact() {
        Fact::Recognized(_) => rule.constraint.keyword() == "starts_with",
        Fact::Pattern { must: true, .. } => literal::matches(rule).is_some_and(|matches| matches.at_start),
        Fact::Pattern { must: false, .. } => true,
        Fact::Forbidden { patterns, .. } => patterns.is_empty(),
        _ => false,
    };
    if !rules.iter().all(begins) {
        return Shown::Undecided;
    }
    let Some(named) = characters(rules, 80) else { return Shown::Undecided };
    let wide = named.iter().filter_map(|c| char::from_u32(u32::from(*c) + 0xFEE0).filter(|_| c.is_ascii_graphic()));
    let cases = named.iter().flat_map(|c| c.to_uppercase().chain(c.to_lowercase()));
    let mut alphabet: Vec<char> = named.iter().copied().chain(wide).chain(cases).chain(CLASSES).collect();
    alphabet.extend(DELAYS);
    alphabet.sort_unstable();
    alphabet.dedup();
    let program = program(rules);
    let mut open = vec![(program.monitor(), String::new())];
    let mut followed = 0;
    while let Some((monitor, text)) = open.pop() {
        let delays = text.chars().filter(|c| DELAYS.contains(c)).count();
        for c in alphabet.iter().filter(|c| delays < 2 || !DELAYS.contains(c)) {
            followed += 1;
            if followed > MOST_BEGINNINGS {
                return Shown::Undecided;
            }
            let mut next = monitor.clone();
            let step = next.push(c.encode_utf8(&mut [0; 4]));
            let broken = step.violations.iter().any(|violation| violation.severity == Severity::Error);
            if broken || step.residual == Residual::Dead {
                continue;
            }
            let longer = format!("{text}{c}");
            if program.check(&longer).passes() {
                return Shown::Reply(longer);
            }
            open.push((next, longer));
        }
    }
    Shown::Impossible
}

fn by_characters(rules: &[&Rule]) -> Shown {
    let mut cap: Option<u64> = None;
    for rule in rules {
        match rule.constraint.fact() {
            Fact::MaxChars(most) => cap = Some(cap.map_or(most, |cap| cap.min(most))),
            // A machine's classes are its own affair, and words fold to fewer characters than they have.
            Fact::Recognized(_) | Fact::Speaks { .. } | Fact::Judged => return Shown::Undecided,
            _ => {}
        }
    }
    let Some(cap) = cap.filter(|cap| *cap <= 4) else { return Shown::Undecided };
    let Some(mut alphabet) = characters(rules, 80) else { return Shown::Undecided };
    alphabet.extend(CLASSES);
    alphabet.extend(ligatures(rules));
    let mut seen = std::collections::BTreeSet::new();
    alphabet.retain(|c| seen.insert(*c));
    // With white space or none behind every character.
    let texts = (alphabet.len() * 2).saturating_pow(u32::try_from(cap).unwrap_or(u32::MAX));
    if texts > MOST_TEXTS {
        return Shown::Undecided;
    }
    let mut walk = Walk { alphabet, cap };
    let program = program(rules);
    walk.from(&program.monitor(), &mut String::new(), 0).map_or(Shown::Impossible, Shown::Reply)
}

/// Characters that fold to several and so save room, as far as they are part of a required term.
fn ligatures(rules: &[&Rule]) -> Vec<char> {
    const SOME: [char; 18] =
        ['ﬁ', 'ﬂ', 'ﬀ', 'ﬃ', 'ß', '№', '℡', '㎏', '㎜', '㎞', '㏂', '㏘', 'Ⅱ', 'Ⅳ', 'Ⅵ', '㍿', '㍻', '…'];
    let terms = rules.iter().filter_map(|rule| match rule.constraint.fact() {
        Fact::Required { terms, .. } => Some(terms.join("|")),
        _ => None,
    });
    let all = folded(&terms.collect::<Vec<_>>().join("|"));
    SOME.into_iter().filter(|c| all.contains(&folded(&c.to_string()))).collect()
}

struct Walk {
    alphabet: Vec<char>,
    cap: u64,
}

impl Walk {
    /// The first continuation that passes.
    fn from(&mut self, monitor: &Monitor, text: &mut String, chars: u64) -> Option<String> {
        let mut ended = monitor.clone();
        let end = ended.finish();
        let kept = |end: &Step| end.violations.iter().all(|violation| violation.severity < Severity::Error);
        if !text.trim().is_empty() && kept(&end) {
            return Some(text.clone());
        }
        // A pattern may mind what stands behind the last character.
        let mut spaced = monitor.clone();
        if !text.trim().is_empty() && kept(&spaced.push(" ")) && kept(&spaced.finish()) {
            return Some(format!("{text} "));
        }
        if chars == self.cap {
            return None;
        }
        for space in ["", "\n"] {
            for index in 0..self.alphabet.len() {
                let c = self.alphabet[index];
                let piece = format!("{space}{c}");
                let mut next = monitor.clone();
                // What is said cannot be unsaid.
                if next.push(&piece).violations.iter().any(|violation| violation.severity == Severity::Error) {
                    continue;
                }
                let length = text.len();
                text.push_str(&piece);
                let found = self.from(&next, text, chars + 1);
                text.truncate(length);
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }
}
