//! `max_sentences N`: the reply has at most N sentences.

use std::sync::Arc;

use super::args::Reader;
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::source::Source;

pub(super) const KEYWORD: &str = "max_sentences";

#[derive(Debug)]
struct MaxSentences(u64);

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let most = Reader::new(entry, source, findings, "max_sentences 3").number(&(1..=10_000))?;
    Some(Arc::new(MaxSentences(most)))
}

impl Constraint for MaxSentences {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Safety
    }

    fn prompt(&self, language: Language) -> String {
        match (language, self.0) {
            (Language::Zh, n) => format!("回答最多{n}句话。"),
            (Language::En, 1) => "Answer in one sentence.".to_owned(),
            (Language::En, n) => format!("Answer in at most {n} sentences."),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::MaxSentences(self.0)
    }

    fn demand(&self) -> Demand<'_> {
        Demand::MaxSentences(self.0)
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        if view.sentences > self.0 { Residual::Dead } else { Residual::Open }
    }
}
