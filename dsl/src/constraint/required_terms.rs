//! `required_terms any "A" | "B"`, `required_terms all "A" | "B"`: one, or every one, occurs.

use std::sync::Arc;

use super::args::{Reader, list, quoted};
use super::matching::{self, remarks};
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::{Arg, Entry};
use crate::contract::Language;
use crate::diagnostic::{Finding, codes};
use crate::monitor::Residual;
use crate::source::Source;
use crate::span::Spanned;
use crate::text::terms::Matching;

pub(super) const KEYWORD: &str = "required_terms";

#[derive(Debug)]
struct RequiredTerms {
    all: bool,
    terms: Vec<String>,
    matching: Matching,
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
    Some(Arc::new(RequiredTerms { all, terms, matching }))
}

impl RequiredTerms {
    fn is_met(&self, view: &View<'_>) -> bool {
        if self.all { !view.found.contains(&false) } else { view.found.contains(&true) }
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
        } else if view.is_full() && !view.undecided {
            Residual::Dead
        } else {
            Residual::Open
        }
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
