//! Laws of the monitor over random texts made of near misses: streaming changes nothing, nothing of a
//! match leaks, and nothing is held without need.

#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "helpers of tests fail by panicking")]

mod common;

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use common::{program, program_replacing};
use proptest::prelude::*;
use rolecall_dsl::Program;
use rolecall_dsl::monitor::{DeliveryMode, Residual, Violation};
use rolecall_dsl::text::fold::{Folded, Folder, folded};

const TERMS: [&str; 8] = ["AI", "算法", "2024", "a1b", "人工智能", "智能体", "red car", "carpet"];

/// Heads, tails and disguises of the terms, and what separates sentences.
const PIECES: [&str; 73] = [
    "A",
    "I",
    "a",
    "i",
    "Ａ",
    "Ｉ",
    "А",
    "І",
    "𝐀",
    "\u{200B}",
    "\u{301}",
    "\u{FE0F}",
    "算",
    "法",
    "2",
    "0",
    "4",
    "20",
    "24",
    "２",
    "a1",
    "b",
    "1",
    "人",
    "工",
    "智",
    "能",
    "体",
    "人工",
    "red",
    "car",
    "pet",
    "RED",
    " ",
    "  ",
    "\n",
    "。",
    "？",
    "！",
    "……",
    ".",
    "...",
    "“",
    "”",
    "\"",
    "《",
    "》",
    "，",
    ", ",
    "难道",
    "岂能",
    "吗",
    "何必",
    "isn't it",
    "Dr.",
    "//",
    "`",
    "```",
    "- ",
    "😀",
    "不是",
    "İ",
    "\n1. ",
    "一、",
    "①",
    "[",
    "]",
    "\"a\"",
    "a.com",
    "https://a.b/",
    "**",
    "「",
    "」",
];

static BLOCKING: LazyLock<Arc<Program>> = LazyLock::new(|| program(&terms("")));
static REDACTING: LazyLock<Arc<Program>> = LazyLock::new(|| program(&terms("{ on_violation redact \"※\" }")));
static HOSTILE: LazyLock<Vec<Arc<Program>>> = LazyLock::new(|| {
    let by = ["\u{200B}", "A", "I", "算", "red ", "AI", " ", "4", ""];
    by.iter().map(|by| program_replacing(&terms("{ on_violation redact \"※\" }"), by)).collect()
});
static MIXED: LazyLock<Vec<Arc<Program>>> = LazyLock::new(|| {
    [
        "max_sentences 2".to_owned(),
        format!("max_sentences 3 max_chars 20 {} response_style 反问句 >= 40%", terms("")),
        format!("{} max_sentences 2 min_sentences 2", terms("{ on_violation redact \"[x]\" }")),
        r#"required_terms all "AI" | "算法" must_match /[0-9]{2}/ response_style question <= 50%"#.to_owned(),
        r#"must_not_match /a.{0,3}b/ forbidden_terms /(智能)+/ { on_violation redact "AI" } max_chars 12"#.to_owned(),
        format!("{} max_chars 9 {{ severity warning }}", terms("{ severity warning }")),
        "max_words 6 min_chars 4 language zh >= 40%".to_owned(),
        r#"starts_with "a1" | "智能" | /(?i)red +car|[0-9]{2}/ max_words 9"#.to_owned(),
        r#"ends_with "AI" | "！" | /[0-9]{2}/ language en >= 60% max_chars 20"#.to_owned(),
        "max_repeat 1 no_urls { on_violation redact \"[x]\" }".to_owned(),
        "max_repeat 2 no_markdown no_emoji".to_owned(),
        r#"format json "{\"type\": \"array\", \"items\": {\"type\": \"string\"}}" max_chars 12"#.to_owned(),
        "response_style exclamation >= 30% response_style 引用 <= 40% max_sentences 4".to_owned(),
        "response_style list_item >= 40% response_style quotation >= 20% max_chars 15".to_owned(),
        "script han { on_violation redact \"字\" } no_urls max_repeat 1 starts_with \"2\" { severity warning }"
            .to_owned(),
    ]
    .iter()
    .map(|rules| program(rules))
    .collect()
});

fn terms(options: &str) -> String {
    let terms: Vec<String> = TERMS.iter().map(|term| format!("\"{term}\"")).collect();
    format!("forbidden_terms {} {options}\n", terms.join(" | "))
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24).prop_map(|pieces| pieces.concat())
}

/// Everything a monitor says about a text cut into these deltas.
#[derive(Debug, PartialEq)]
struct Outcome {
    released: String,
    violations: Vec<Violation>,
    sentence_ends: Vec<usize>,
    residual: Residual,
}

fn run(program: &Arc<Program>, deltas: &[&str]) -> Outcome {
    let mut monitor = program.monitor();
    let mut outcome =
        Outcome { released: String::new(), violations: vec![], sentence_ends: vec![], residual: Residual::Open };
    let mut add = |step: rolecall_dsl::monitor::Step| {
        outcome.sentence_ends.extend(step.sentence_ends.iter().map(|end| outcome.released.len() + end));
        outcome.released += &step.released;
        outcome.violations.extend(step.violations);
        outcome.residual = step.residual;
    };
    for delta in deltas {
        add(monitor.push(delta));
    }
    add(monitor.finish());
    if program.delivery_mode() == DeliveryMode::Token {
        // There symbols before a sentence go out at once, and its beginning is known too late.
        outcome.sentence_ends.clear();
    }
    outcome.sentence_ends.dedup();
    outcome
}

fn cut<'t>(text: &'t str, at: &[prop::sample::Index]) -> Vec<&'t str> {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut cuts: Vec<usize> = at.iter().map(|index| *index.get(&places)).chain([0, text.len()]).collect();
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

fn characters(text: &str) -> Vec<&str> {
    text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]).collect()
}

/// All matches of the terms by folding the whole text and trying every term at every place.
fn oracle(text: &str) -> Vec<Range<usize>> {
    let mut copy = Vec::new();
    let mut folder = Folder::default();
    for (at, c) in text.char_indices() {
        folder.push(c, at, &mut |folded| copy.push(folded));
    }
    folder.finish(&mut |folded| copy.push(folded));
    // Enough for the characters of `PIECES`.
    let mark = |c: char| ('\u{300}'..'\u{370}').contains(&c);
    let word = |c: char| c.is_ascii_alphanumeric() || mark(c);
    let mut found = Vec::new();
    for term in TERMS {
        let term: Vec<char> = folded(term).chars().collect();
        for start in 0..copy.len() {
            let end = start + term.len();
            if end > copy.len() || !term.iter().zip(&copy[start..end]).all(|(a, b)| *a == b.ch) {
                continue;
            }
            // A mark is part of a word only on what is one.
            let before = copy[..start].iter().rev().find(|folded| !mark(folded.ch));
            let beside = |next: &Folded| word(next.ch) && !next.symbol;
            let cut_left = word(term[0]) && before.is_some_and(beside);
            let cut_right = word(term[term.len() - 1]) && copy.get(end).is_some_and(beside);
            if !cut_left && !cut_right {
                found.push(copy[start].start..copy[end - 1].end);
            }
        }
    }
    found.sort_by_key(|range| (range.start, range.end));
    found
}

/// The text with every run of overlapping matches replaced.
fn redacted(text: &str, matches: &[Range<usize>]) -> String {
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in matches {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range.clone()),
        }
    }
    let mut out = String::new();
    let mut at = 0;
    for range in merged {
        out += &text[at..range.start];
        out.push('※');
        at = range.end;
    }
    out + &text[at..]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// A verdict that depends on where the model cut its deltas would show here.
    #[test]
    fn streamed_and_whole_are_the_same(text in text(), at in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        for program in MIXED.iter() {
            let whole = run(program, &[&text]);
            prop_assert_eq!(&whole, &run(program, &characters(&text)));
            prop_assert_eq!(&whole, &run(program, &cut(&text, &at)));
            prop_assert_eq!(program.check(&text).violations, whole.violations);
        }
    }

    #[test]
    fn no_byte_of_a_match_is_released(text in text(), at in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let matches = oracle(&text);
        let outcome = run(&BLOCKING, &cut(&text, &at));
        let first = matches.iter().map(|range| range.start).min().unwrap_or(text.len());
        prop_assert_eq!(&outcome.released, &text[..first]);
        prop_assert_eq!(outcome.residual == Residual::Dead, !matches.is_empty());
        let mut found: Vec<_> = outcome.violations.iter().map(|violation| violation.span.clone()).collect();
        found.sort_by_key(|range| (range.start, range.end));
        prop_assert_eq!(found, matches);
    }

    #[test]
    fn redaction_replaces_every_match_and_nothing_else(text in text(), at in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let outcome = run(&REDACTING, &cut(&text, &at));
        prop_assert_eq!(outcome.released, redacted(&text, &oracle(&text)));
    }

    /// A replacement that is a part of a match, or joins its neighbours to one, would show here.
    #[test]
    fn no_replacement_brings_a_match_about(text in text(), at in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        for program in HOSTILE.iter() {
            let outcome = run(program, &cut(&text, &at));
            let left = oracle(&outcome.released);
            prop_assert!(left.is_empty(), "{:?} {:?}", left, outcome);
            let whole = run(program, &[&text]);
            prop_assert_eq!(outcome, whole);
        }
    }

    /// What is held after a push is the head of a term, and nothing else: holding a whole sentence or
    /// window would show here.
    #[test]
    fn nothing_is_held_without_need(text in text()) {
        let heads: Vec<String> = TERMS.iter().map(|term| folded(term)).collect();
        let mut monitor = BLOCKING.monitor();
        let (mut pushed, mut released) = (0, 0);
        for c in characters(&text) {
            let step = monitor.push(c);
            pushed += c.len();
            released += step.released.len();
            if step.residual == Residual::Dead {
                break;
            }
            let held = folded(&text[released..pushed]);
            prop_assert!(heads.iter().any(|head| head.starts_with(held.trim_end_matches(['\u{301}', '\u{307}']))), "held {:?}", held);
        }
    }

    /// A limit that lets the reply through and takes it back later would show here.
    #[test]
    fn nothing_beyond_a_limit_is_released(text in text()) {
        let program = &MIXED[0];
        let outcome = run(program, &characters(&text));
        match outcome.violations.first() {
            None => prop_assert_eq!(&outcome.released, &text),
            Some(violation) => {
                prop_assert_eq!(&outcome.released, &text[..violation.cut.unwrap()]);
                prop_assert!(program.check(&outcome.released).passes(), "{:?}", outcome.released);
            }
        }
    }

    /// `Dead` and `Holds` are promises about every continuation.
    #[test]
    fn residuals_keep_their_promise(head in text(), tail in text()) {
        for program in MIXED.iter() {
            let mut monitor = program.monitor();
            let residual = monitor.push(&head).residual;
            let passes = [head.clone(), format!("{head}{tail}")].map(|text| {
                let violations = program.check(&text).violations;
                violations.iter().all(|v| v.severity < rolecall_dsl::diagnostic::Severity::Error || v.redacted)
            });
            match residual {
                Residual::Dead => prop_assert_eq!(passes, [false, false], "{:?} {:?}", head, tail),
                Residual::Holds => prop_assert_eq!(passes, [true, true], "{:?} {:?}", head, tail),
                Residual::Open => {}
            }
        }
    }
}

#[test]
fn every_split_of_a_hard_text_gives_the_same() {
    let text = "“难道这不是天意吗？”他说……用А\u{200B}І做，算了！Dr. Smith said 20２4。\n- 岂能？red  car 人工智 能";
    for program in MIXED.iter().chain([&*BLOCKING, &*REDACTING]) {
        let whole = run(program, &[text]);
        for (at, _) in text.char_indices() {
            assert_eq!(whole, run(program, &[&text[..at], &text[at..]]), "split at {at}");
        }
    }
}
