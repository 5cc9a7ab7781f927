//! `max_words N`: the reply has at most N words.
//!
//! A word is what [`Words`](crate::text::words::Words) counts: a run of letters and digits, or one Han
//! character or kana.

use std::sync::Arc;

use super::args::Reader;
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::source::Source;

pub(super) const KEYWORD: &str = "max_words";

#[derive(Debug)]
struct MaxWords(u64);

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let most = Reader::new(entry, source, findings, "max_words 80").number(&(1..=1_000_000))?;
    Some(Arc::new(MaxWords(most)))
}

impl Constraint for MaxWords {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Safety
    }

    fn prompt(&self, language: Language) -> String {
        match (language, self.0) {
            (Language::Zh, n) => format!("回答不超过{n}个词（每个汉字算一个词）。"),
            (Language::En, 1) => "Answer in one word.".to_owned(),
            (Language::En, n) => format!("Answer in at most {n} words."),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::MaxWords(self.0)
    }

    fn demand(&self) -> Demand<'_> {
        Demand::MaxWords(self.0)
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        if view.words > self.0 { Residual::Dead } else { Residual::Open }
    }
}
