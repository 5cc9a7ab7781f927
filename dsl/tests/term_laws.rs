//! Laws of terms with exceptions, variants and gaps, over random texts made of near misses: what is found
//! is what trying every term at every place finds, nothing of it leaks, and no more is held than could
//! become a match.

#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "helpers of tests fail by panicking")]

mod common;

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use common::program;
use proptest::prelude::*;
use rolecall_dsl::Program;
use rolecall_dsl::monitor::Residual;
use rolecall_dsl::text::fold::{Folded, Folder, folded};
use rolecall_dsl::text::variants::Variants;

/// Spaces and symbols that may stand between the characters of a term.
const LONGEST_GAP: usize = 3;

/// One rule: its terms and its options.
#[derive(Clone, Copy)]
struct List {
    terms: &'static [&'static str],
    except: &'static [&'static str],
    variants: bool,
    gaps: bool,
}

const LISTS: [List; 6] = [
    // Exceptions around, before and behind their terms, and one that ends where another begins.
    List {
        terms: &["日本", "本来"], except: &["明日本来", "今日本店", "来日本"], variants: true, gaps: false
    },
    List { terms: &["AI", "AIR"], except: &["open AI", "AI本"], variants: true, gaps: false },
    List { terms: &["头发", "发", "日本"], except: &["发日", "头发日本"], variants: false, gaps: false },
    List { terms: &["头发本"], except: &[], variants: true, gaps: false },
    List { terms: &["本店", "a本", "来AI"], except: &["日本店", "来AI店"], variants: true, gaps: true },
    List { terms: &["2日"], except: &["o 2日", "2日2日"], variants: true, gaps: false },
];

const PIECES: [&str; 40] = [
    "明",
    "日",
    "本",
    "来",
    "來",
    "今",
    "店",
    "发",
    "發",
    "髮",
    "头",
    "頭",
    "日本",
    "明日本",
    "头发",
    "本来",
    "A",
    "I",
    "a",
    "Ａ",
    "І",
    "R",
    "AI",
    "open ",
    "open",
    "o",
    "2",
    "1",
    "①",
    "²",
    " ",
    "  ",
    "*",
    "-",
    "，",
    "。",
    "\n",
    "\u{200B}",
    "・",
    "明日本来",
];

impl List {
    fn rule(&self) -> String {
        let quoted = |texts: &[&str]| texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(" | ");
        let flag = |on: bool| if on { "on" } else { "off" };
        let mut options = format!("variants {} gaps {}", flag(self.variants), flag(self.gaps));
        if !self.except.is_empty() {
            options += &format!(" except {}", quoted(self.except));
        }
        format!("forbidden_terms {} {{ {options} }}\n", quoted(self.terms))
    }

    /// All matches, by trying every term at every place.
    fn matches(&self, text: &str) -> Vec<Range<usize>> {
        let copy = self.copy(text);
        let excused: Vec<Range<usize>> = self.except.iter().flat_map(|text| self.places(&copy, text)).collect();
        let covered = |place: &Range<usize>| excused.iter().any(|it| it.start <= place.start && place.end <= it.end);
        let places = self.terms.iter().flat_map(|term| self.places(&copy, term));
        let span = |place: Range<usize>| copy[place.start].0.start..copy[place.end - 1].0.end;
        places.filter(|place| !covered(place)).map(span).collect()
    }

    /// The folded characters that terms are compared with, each with how many symbols were passed over
    /// before it.
    fn copy(&self, text: &str) -> Vec<(Folded, usize)> {
        let mut copy: Vec<(Folded, usize)> = Vec::new();
        let mut gap = 0;
        let mut folder = Folder::default();
        let mut add = |mut folded: Folded| {
            if self.variants {
                folded.ch = Variants::get().fold(folded.ch);
            }
            if self.gaps && " *-・".contains(folded.ch) {
                gap += 1;
            } else {
                copy.push((folded, std::mem::take(&mut gap)));
            }
        };
        for (at, c) in text.char_indices() {
            folder.push(c, at, &mut add);
        }
        folder.finish(&mut add);
        let last = gap;
        copy.push((Folded { ch: '\0', start: text.len(), end: text.len(), symbol: true }, last));
        copy
    }

    fn places(&self, copy: &[(Folded, usize)], term: &str) -> Vec<Range<usize>> {
        let unite = |c| if self.variants { Variants::get().fold(c) } else { c };
        let term: Vec<char> = folded(term).chars().filter(|c| !(self.gaps && *c == ' ')).map(unite).collect();
        let word = |(folded, _): &(Folded, usize)| folded.ch.is_ascii_alphanumeric() && !folded.symbol;
        let fits = |at: &usize| {
            let Some(read) = copy[*at..].get(..=term.len()) else { return false };
            let same = read.iter().zip(&term).all(|((folded, _), c)| folded.ch == *c);
            let whole = read[1..term.len()].iter().all(|(_, gap)| *gap <= LONGEST_GAP);
            let cut_left = term[0].is_ascii() && *at > 0 && read[0].1 == 0 && word(&copy[at - 1]);
            let behind = &read[term.len()];
            let cut_right = term[term.len() - 1].is_ascii() && behind.1 == 0 && word(behind);
            same && whole && !cut_left && !cut_right
        };
        (0..copy.len()).filter(fits).map(|at| at..at + term.len()).collect()
    }
}

static PROGRAMS: LazyLock<Vec<(Vec<List>, Arc<Program>)>> = LazyLock::new(|| {
    let single = LISTS.iter().map(|list| (vec![*list], program(&list.rule())));
    let all = LISTS.iter().map(List::rule).collect::<String>();
    single.chain([(LISTS.to_vec(), program(&all))]).collect()
});

fn matches(lists: &[List], text: &str) -> Vec<Range<usize>> {
    lists.iter().flat_map(|list| list.matches(text)).collect()
}

/// What is told: of the terms of a rule that end at one place the longest.
fn told(lists: &[List], text: &str) -> Vec<Range<usize>> {
    let longest = |list: &List| {
        let all = list.matches(text);
        let held = |it: &Range<usize>| all.iter().any(|other| other.end == it.end && other.start < it.start);
        all.iter().filter(|it| !held(it)).cloned().collect::<Vec<_>>()
    };
    let mut told: Vec<Range<usize>> = lists.iter().flat_map(longest).collect();
    told.sort_by_key(|span| (span.start, span.end));
    told
}

/// How much of a text may go out whose first match begins at `first`: what goes out must not end with a match
/// either, as `发` does in front of `日本` although `发日` excuses it.
fn safe(lists: &[List], text: &str, first: usize) -> usize {
    let ends_with = matches(lists, &text[..first]).iter().map(|span| span.start).min();
    ends_with.map_or(first, |start| safe(lists, text, start))
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..14).prop_map(|pieces| pieces.concat())
}

/// What is released, what is found and how it ends, when a text comes in these pieces.
fn run(program: &Arc<Program>, deltas: &[&str]) -> (String, Vec<Range<usize>>, Residual) {
    let mut monitor = program.monitor();
    let mut steps: Vec<_> = deltas.iter().map(|delta| monitor.push(delta)).collect();
    steps.push(monitor.finish());
    let mut found: Vec<_> =
        steps.iter().flat_map(|step| &step.violations).map(|violation| violation.span.clone()).collect();
    found.sort_by_key(|span| (span.start, span.end));
    let residual = steps.last().map(|step| step.residual).unwrap_or_default();
    (steps.into_iter().map(|step| step.released).collect(), found, residual)
}

fn characters(text: &str) -> Vec<&str> {
    text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// An exception that excuses too much or too little, and a byte of a match that gets out, would show here.
    #[test]
    fn what_is_found_is_what_is_there(text in text()) {
        for (lists, program) in PROGRAMS.iter() {
            let matches = matches(lists, &text);
            let first = matches.iter().map(|span| span.start).min().unwrap_or(text.len());
            let (released, found, residual) = run(program, &characters(&text));
            prop_assert_eq!(&released, &text[..safe(lists, &text, first)]);
            prop_assert_eq!(found, told(lists, &text));
            prop_assert_eq!(residual == Residual::Dead, !matches.is_empty());
        }
    }

    /// A decision that depends on where a delta ends would show here.
    #[test]
    fn every_split_gives_the_same(text in text()) {
        for (_, program) in PROGRAMS.iter() {
            let whole = run(program, &[&text]);
            for (at, _) in text.char_indices() {
                prop_assert_eq!(&whole, &run(program, &[&text[..at], &text[at..]]));
            }
        }
    }

    /// Text that is held although nothing that may follow makes it a match would show here.
    #[test]
    fn only_what_may_become_a_match_is_held(text in text()) {
        for (lists, program) in PROGRAMS.iter() {
            let mut monitor = program.monitor();
            let step = monitor.push(&text);
            if step.residual == Residual::Dead || step.released.len() == text.len() {
                continue;
            }
            let held = step.released.len();
            let terms = lists.iter().flat_map(|list| list.terms).copied();
            let tails = terms.flat_map(|term| term.char_indices().map(move |(at, _)| &term[at..]));
            let mut rests = tails.chain([""]);
            let becomes = |rest: &str| {
                let whole = format!("{text}{rest}");
                matches(lists, &whole).iter().any(|span| safe(lists, &whole, span.start) == held)
            };
            prop_assert!(rests.any(becomes), "{:?} is held", &text[held..]);
        }
    }
}
