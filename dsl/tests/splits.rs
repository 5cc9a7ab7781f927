//! However a text is cut, the stream says what the whole says, and nothing of a match goes out.
//!
//! The matcher that judges leaks shares nothing with the product: it normalises the text with NFKC
//! character by character and tries every term at every place. `cargo test --release` takes a million
//! cuts, other builds a share.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use std::sync::Arc;

use common::program;
use regex_automata::dfa::Automaton;
use regex_automata::dfa::dense::{self, DFA};
use regex_automata::{Anchored, Input, MatchKind};
use rolecall_dsl::Program;
use rolecall_dsl::monitor::{DeliveryMode, Residual, Violation};
use unicode_normalization::UnicodeNormalization;

const CUTS: usize = if cfg!(debug_assertions) { 60_000 } else { 1_000_000 };

/// Ways that one text is cut.
const WAYS: usize = 10;

const TERMS: [&str; 7] = ["AI", "算法", "2024", "password", "人工智能", "智能体", "red car"];

/// What texts are made of: Chinese, English and both, terms, their heads and their disguises.
const ZH: [&str; 22] = [
    "天下",
    "大势",
    "，",
    "。",
    "？",
    "！",
    "……",
    "难道",
    "不是吗",
    "“",
    "”",
    "算",
    "法",
    "算法",
    "人工",
    "智能",
    "体",
    "好的。",
    "二、",
    "\n",
    "《",
    "》",
];
const EN: [&str; 26] = [
    "the ", "said ", "a", "A", "i", "I", " ", "red ", "car", "pass", "word", "PASS", ". ", "? ", "! ", "Dr. ",
    "isn't it", ", ", "\n- ", "**", "a.com ", "2", "0", "24", "\"", "rédcar ",
];
const ODD: [&str; 14] =
    ["\u{200b}", "Ａ", "Ｉ", "А", "І", "𝐀", "\u{301}", "\u{fe0f}", "２０", "算\u{200d}", "ﬁ", "😀", "\u{ad}", "İ"];

fn rules() -> Vec<String> {
    let terms = TERMS.map(|term| format!("\"{term}\"")).join(" | ");
    let terms = |options: &str| format!("forbidden_terms {terms} {options}\n");
    vec![
        terms(""),
        terms("{ on_violation redact \"※\" }"),
        format!("{} max_sentences 3 max_chars 40 response_style 反问句 >= 40%", terms("")),
        format!("{} max_sentences 2 max_repeat 1 no_urls", terms("{ on_violation redact \"某\" }")),
        format!("{} required_terms all \"好的。\" | \"car\" max_words 20", terms("")),
        format!("{} language zh >= 40% must_match /[0-9]/ no_markdown {{ severity warning }}", terms("")),
        format!("{} starts_with \"天下\" | \"the\" ends_with \"。\" | \".\" max_chars 30", terms("")),
        format!("{} response_style question <= 50% response_style list_item >= 10% no_emoji", terms("")),
    ]
}

/// Repeatable choices (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % bound
    }

    fn text(&mut self) -> String {
        let kind = self.below(3);
        let mut text = String::new();
        for _ in 0..self.below(24) {
            let pieces: &[&str] = match (kind, self.below(6)) {
                (_, 0) => &ODD,
                (0, _) | (2, 1..=3) => &ZH,
                _ => &EN,
            };
            text.push_str(pieces[self.below(pieces.len())]);
        }
        text
    }

    /// The text cut at random places: anywhere from nowhere to behind every character.
    fn cut<'t>(&mut self, text: &'t str) -> Vec<&'t str> {
        let (mut parts, mut from, often) = (Vec::new(), 0, 1 + self.below(9));
        for (at, _) in text.char_indices().skip(1) {
            if self.below(often) == 0 {
                parts.push(&text[from..at]);
                from = at;
            }
        }
        parts.push(&text[from..]);
        parts
    }
}

/// Everything that a monitor says.
#[derive(Debug, PartialEq)]
struct Said {
    released: String,
    violations: Vec<Violation>,
    sentence_ends: Vec<usize>,
    residual: Residual,
}

fn run(program: &Arc<Program>, deltas: &[&str]) -> Said {
    let mut monitor = program.monitor();
    let mut said =
        Said { released: String::new(), violations: vec![], sentence_ends: vec![], residual: Residual::Open };
    for at in 0..=deltas.len() {
        let step = match deltas.get(at) {
            Some(delta) => monitor.push(delta),
            None => monitor.finish(),
        };
        said.sentence_ends.extend(step.sentence_ends.iter().map(|end| said.released.len() + end));
        said.released += &step.released;
        said.violations.extend(step.violations);
        said.residual = step.residual;
    }
    // In mode *Token* symbols before a sentence go out at once, and its beginning is known too late.
    if program.delivery_mode() == DeliveryMode::Token {
        said.sentence_ends.clear();
    }
    said.sentence_ends.dedup();
    said
}

/// What a reader sees, with the byte that each character comes from. Look-alikes of other alphabets are
/// those that the texts hold.
fn seen(text: &str) -> Vec<(char, usize)> {
    let mut seen: Vec<(char, usize)> = Vec::new();
    for (at, c) in text.char_indices() {
        let c = match c {
            'А' => 'A',
            'І' => 'I',
            '\u{200b}' | '\u{200d}' | '\u{ad}' | '\u{fe0f}' => continue,
            c => c,
        };
        for part in std::iter::once(c).nfkd().flat_map(char::to_lowercase) {
            let part = if part.is_whitespace() { ' ' } else { part };
            if !(part == ' ' && seen.last().is_some_and(|(last, _)| *last == ' ')) {
                seen.push((part, at));
            }
        }
    }
    seen
}

/// Where the matches of the terms begin.
fn matches(text: &str) -> Vec<usize> {
    let seen = seen(text);
    let word = |at: Option<usize>| {
        at.and_then(|at| seen.get(at))
            .is_some_and(|(c, _)| c.is_ascii_alphanumeric() || ('\u{300}'..'\u{370}').contains(c))
    };
    let mut found = Vec::new();
    for term in TERMS.map(|term| term.to_lowercase().chars().collect::<Vec<char>>()) {
        for at in 0..seen.len() {
            let end = at + term.len();
            let same = end <= seen.len() && term.iter().zip(&seen[at..end]).all(|(a, (b, _))| a == b);
            let cut = term[0].is_ascii() && (word(at.checked_sub(1)) || word(Some(end)));
            if same && !cut {
                found.push(seen[at].1);
            }
        }
    }
    found
}

/// Fails when a verdict depends on how a text is cut, or a byte of a match goes out.
#[test]
fn cuts_change_nothing_and_leak_nothing() {
    let programs: Vec<Arc<Program>> = rules().iter().map(|rules| program(rules)).collect();
    let mut dice = Dice(20_241);
    let (mut cuts, mut matched) = (0, 0);
    while cuts < CUTS {
        let text = dice.text();
        let number = dice.below(programs.len());
        let program = &programs[number];
        let whole = run(program, &[&text]);
        assert_eq!(program.check(&text).violations, whole.violations, "{text:?}");
        let first = matches(&text).into_iter().min();
        matched += usize::from(first.is_some());
        for way in 0..WAYS {
            let deltas = if way == 0 { text.split_inclusive(|_: char| true).collect() } else { dice.cut(&text) };
            let streamed = run(program, &deltas);
            assert_eq!(streamed, whole, "rules {number}, {text:?} as {deltas:?}");
            cuts += 1;
        }
        let redacts = whole.violations.iter().any(|violation| violation.redacted);
        match first {
            Some(start) if !redacts => assert!(whole.released.len() <= start, "{text:?} {whole:?}"),
            Some(_) => assert_eq!(matches(&whole.released), [0; 0], "{text:?} {whole:?}"),
            None => {}
        }
    }
    assert!(matched * WAYS > CUTS / 10, "only {matched} texts had a match");
}

/// The text with every match replaced, read as a whole: the longest from each start, and those that overlap
/// as one.
fn replaced(dfa: &DFA<Vec<u32>>, text: &str) -> String {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for from in 0..text.len() {
        let input = Input::new(text).range(from..).anchored(Anchored::Yes);
        let Some(end) = dfa.try_search_fwd(&input).unwrap().map(|half| half.offset()) else { continue };
        match spans.last_mut() {
            Some(last) if from < last.1 => last.1 = last.1.max(end),
            _ => spans.push((from, end)),
        }
    }
    let (mut out, mut at) = (String::new(), 0);
    for (from, end) in spans {
        out += &text[at..from];
        out.push('※');
        at = end;
    }
    out + &text[at..]
}

/// Fails when a replacement takes text in front of a match with it, or leaves some of a match, because two
/// searches that met were taken for one.
#[test]
fn a_replacement_stands_for_a_match_and_nothing_else() {
    for source in ["b|a?bcccd", "b|b.*d", "ab|a?bc+d"] {
        let program = program(&format!("must_not_match /{source}/ {{ on_violation redact \"※\" }}"));
        let config = dense::Config::new().match_kind(MatchKind::All);
        let dfa = dense::Builder::new().configure(config).build(source).unwrap();
        let mut level = vec![String::new()];
        for length in 1..=6 {
            level = level.iter().flat_map(|text| ["a", "b", "c", "d"].map(|c| format!("{text}{c}"))).collect();
            for text in &level {
                let whole = replaced(&dfa, text);
                for cuts in 0..(1_usize << (length - 1)) {
                    let (mut deltas, mut from) = (Vec::new(), 0);
                    for at in (1..length).filter(|at| (cuts >> (at - 1)) & 1 == 1) {
                        deltas.push(&text[from..at]);
                        from = at;
                    }
                    deltas.push(&text[from..]);
                    assert_eq!(run(&program, &deltas).released, whole, "/{source}/ on {deltas:?}");
                }
            }
        }
    }
}
