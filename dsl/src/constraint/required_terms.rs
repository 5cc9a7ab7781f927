//! `required_terms any "A" | "B"`, `required_terms all "A" | "B"`: one, or every one, occurs.

use std::sync::{Arc, OnceLock};

use super::args::{Reader, list, quoted};
use super::matching::{self, remarks};
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::{Arg, Entry};
use crate::contract::Language;
use crate::diagnostic::{Finding, codes};
use crate::monitor::Residual;
use crate::source::Source;
use crate::span::Spanned;
use crate::text::least;
use crate::text::terms::{Matching, fold_term};

pub(super) const KEYWORD: &str = "required_terms";

#[derive(Debug)]
struct RequiredTerms {
    all: bool,
    terms: Vec<String>,
    matching: Matching,
    /// What the terms take; computed when a bound on characters first asks for it.
    room: OnceLock<Room>,
}

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let mut reader = Reader::new(entry, source, findings, r#"required_terms any "one" | "another""#);
    let (all, args) = match reader.args() {
        [Spanned { value: Arg::Word(word), .. }, rest @ ..] if word == "any" => (false, rest),
        [Spanned { value: Arg::Word(word), .. }, rest @ ..] if word == "all" => (true, rest),
        [Spanned { value: Arg::Word(word), span }, ..] => {
            let message = format!("`{word}` is neither `any` nor `all`");
            let finding =
                Finding::new(codes::WRONG_ARGUMENTS, source, *span, message).did_you_mean(word, *span, ["any", "all"]);
            return reader.add(finding);
        }
        rest => (false, rest),
    };
    if args.is_empty() {
        return reader.nothing();
    }
    let written = matching::read(&mut reader, Matching::exact());
    reader.unites_variants(written.as_ref().is_some_and(|written| written.matching.variants));
    let terms = reader.alternatives(args, None)?.terms;
    let matching = written?.with_exceptions(&terms, &mut reader)?;
    Some(Arc::new(RequiredTerms { all, terms, matching, room: OnceLock::new() }))
}

/// Terms among which overlaps are counted; of more, only what each takes by itself.
const MOST_COMPARED: usize = 64;

/// The fewest characters that terms take.
#[derive(Debug)]
struct Room {
    /// For each term and each beginning of it that was read, what it takes still.
    rest: Vec<Vec<u64>>,
    /// What each takes behind another one, whose end may be its beginning; nothing for a part of one.
    further: Vec<Option<u64>>,
}

impl Room {
    fn new(terms: &[String]) -> Self {
        let terms: Vec<Vec<char>> =
            terms.iter().map(|term| fold_term(term).unwrap_or_default().chars().collect()).collect();
        let compared = terms.len() <= MOST_COMPARED;
        let further = |(at, _): (usize, _)| compared.then(|| behind_others(&terms, at)).flatten();
        Self {
            rest: terms.iter().map(|term| least::underway(term)).collect(),
            further: terms.iter().enumerate().map(further).collect(),
        }
    }
}

fn behind_others(terms: &[Vec<char>], at: usize) -> Option<u64> {
    let term = terms.get(at)?;
    let others = || terms.iter().enumerate().filter(|(other, _)| *other != at);
    let holds = |(other, text): (usize, &Vec<char>)| {
        text.windows(term.len().max(1)).any(|part| part == term) && (text.len() > term.len() || other < at)
    };
    if others().any(holds) {
        return None;
    }
    let shared = others().map(|(_, text)| least::overlap(text, term)).max();
    Some(least::behind(term, shared.unwrap_or(0)))
}

impl RequiredTerms {
    fn is_met(&self, view: &View<'_>) -> bool {
        if self.all { !view.found.contains(&false) } else { view.found.contains(&true) }
    }

    /// Whether what is missing may still come under the contract's bound on characters.
    fn fits(&self, view: &View<'_>) -> bool {
        // A match that an exception may still excuse is not told, and is one if the reply ends.
        let Some(left) = view.chars_left().filter(|_| self.matching.exceptions.is_empty()) else { return true };
        let absent = || (0..self.terms.len()).filter(|term| view.found.get(*term) == Some(&false));
        let read = |term: usize| view.reading.map_or(0, |reading| reading.underway(term));
        if self.matching.variants || self.matching.gaps {
            // Other characters may say them, and fewer.
            return left > 0 || absent().any(|term| read(term) > 0);
        }
        let room = self.room.get_or_init(|| Room::new(&self.terms));
        let rest = |term: usize| {
            let read = read(term);
            room.rest.get(term).and_then(|rest| rest.get(read)).copied().unwrap_or_default()
        };
        if !self.all {
            return absent().any(|term| rest(term) <= left);
        }
        // One of them comes first and goes on from what was read; each of the others comes behind another.
        let further = |term: usize| room.further.get(term).copied().flatten();
        let sum: u64 = absent().filter_map(further).sum();
        let least = absent().filter_map(|term| Some(sum - further(term)? + rest(term))).min();
        absent().all(|term| rest(term) <= left) && least.is_none_or(|least| least <= left)
    }

    /// The terms that did not occur.
    fn absent(&self, view: &View<'_>) -> Vec<String> {
        let absent = self.terms.iter().zip(view.found).filter(|(_, found)| !**found);
        absent.map(|(term, _)| term.clone()).collect()
    }
}

impl Constraint for RequiredTerms {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::EndOnly
    }

    fn prompt(&self, language: Language) -> String {
        let terms = quoted(&self.terms, language) + &remarks(&self.matching, language);
        match (language, self.terms.len() == 1, self.all) {
            (Language::Zh, true, _) => format!("回答中必须出现{terms}。"),
            (Language::Zh, _, true) => format!("回答中必须出现以下每一个词语：{terms}。"),
            (Language::Zh, _, false) => format!("回答中必须至少出现以下词语之一：{terms}。"),
            (Language::En, true, _) => format!("The answer must contain {terms}."),
            (Language::En, _, true) => format!("The answer must contain every one of these: {terms}."),
            (Language::En, _, false) => format!("The answer must contain at least one of these: {terms}."),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Required { all: self.all, terms: &self.terms, matching: &self.matching }
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Require { terms: &self.terms, matching: &self.matching }
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        if self.is_met(view) {
            Residual::Holds
        } else if self.fits(view) {
            Residual::Open
        } else {
            Residual::Dead
        }
    }

    /// Those terms that can stand on their own, as a sentence does.
    fn closings(&self) -> Vec<String> {
        let ends = ['.', '!', '?', '。', '！', '？', '…', '；', '~'];
        self.terms.iter().filter(|term| term.trim_end().ends_with(ends)).cloned().collect()
    }

    fn broken(&self, view: &View<'_>) -> Option<String> {
        if self.is_met(view) {
            return None;
        }
        let absent = self.absent(view);
        let terms = list(absent.iter().map(String::as_str));
        Some(match (self.all, absent.len()) {
            (_, 1) => format!("the reply does not contain {terms}"),
            (true, _) => format!("the reply lacks {terms}"),
            (false, _) => format!("the reply contains none of {terms}"),
        })
    }

    fn missing(&self, view: &View<'_>, language: Language) -> Option<String> {
        if self.is_met(view) {
            return None;
        }
        let absent = self.absent(view);
        let terms = quoted(&absent, language) + &remarks(&self.matching, language);
        Some(match (language, self.all || absent.len() == 1) {
            (Language::Zh, true) => format!("还必须出现{terms}。"),
            (Language::Zh, false) => format!("还必须出现以下词语之一：{terms}。"),
            (Language::En, true) => format!("The answer must still contain {terms}."),
            (Language::En, false) => format!("The answer must still contain one of {terms}."),
        })
    }
}
