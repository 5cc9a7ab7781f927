//! `min_sentences N`: the reply has at least N sentences.

use std::sync::Arc;

use super::args::Reader;
use super::{Class, Constraint, Fact, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::source::Source;
use crate::text::counted::counted;

pub(super) const KEYWORD: &str = "min_sentences";

#[derive(Debug)]
struct MinSentences(u64);

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let least = Reader::new(entry, source, findings, "min_sentences 2").number(&(0..=10_000))?;
    Some(Arc::new(MinSentences(least)))
}

impl Constraint for MinSentences {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::EndOnly
    }

    fn prompt(&self, language: Language) -> String {
        match (language, self.0) {
            (Language::Zh, 0) => "可以不回答。".to_owned(),
            (Language::En, 0) => "You may leave the answer empty.".to_owned(),
            (Language::Zh, n) => format!("回答至少{n}句话。"),
            (Language::En, 1) => "Answer in at least one sentence.".to_owned(),
            (Language::En, n) => format!("Answer in at least {n} sentences."),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::MinSentences(self.0)
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        if view.sentences >= self.0 {
            Residual::Holds
        } else if view.sentences_left(1).is_some_and(|left| view.ended + left < self.0) {
            Residual::Dead
        } else {
            Residual::Open
        }
    }

    fn broken(&self, view: &View<'_>) -> Option<String> {
        let required = if self.0 == 1 { "one is" } else { &format!("{} are", self.0) };
        (view.sentences < self.0)
            .then(|| format!("the reply has {}; at least {required} required", counted(view.sentences, "sentence")))
    }

    fn missing(&self, view: &View<'_>, language: Language) -> Option<String> {
        let left = self.0.checked_sub(view.sentences).filter(|left| *left > 0)?;
        Some(match (language, left) {
            (Language::Zh, n) => format!("还需要至少{n}句话。"),
            (Language::En, 1) => "At least one more sentence must come.".to_owned(),
            (Language::En, n) => format!("At least {n} more sentences must come."),
        })
    }
}
