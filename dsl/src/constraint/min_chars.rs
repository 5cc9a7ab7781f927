//! `min_chars N`: the reply has at least N characters, counted as `max_chars` counts them.

use std::sync::Arc;

use super::args::Reader;
use super::{Class, Constraint, Fact, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::source::Source;
use crate::text::counted::counted;

pub(super) const KEYWORD: &str = "min_chars";

#[derive(Debug)]
struct MinChars(u64);

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let least = Reader::new(entry, source, findings, "min_chars 20").number(&(1..=1_000_000))?;
    Some(Arc::new(MinChars(least)))
}

impl Constraint for MinChars {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::EndOnly
    }

    fn prompt(&self, language: Language) -> String {
        match (language, self.0) {
            (Language::Zh, n) => format!("回答至少{n}个字（不计空格）。"),
            (Language::En, 1) => "The answer must not be empty.".to_owned(),
            (Language::En, n) => format!("Answer in at least {n} characters, white space not counted."),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::MinChars(self.0)
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        if view.chars >= self.0 {
            Residual::Holds
        } else if view.bounds.chars.is_some_and(|most| most < self.0) {
            Residual::Dead
        } else {
            Residual::Open
        }
    }

    fn broken(&self, view: &View<'_>) -> Option<String> {
        let required = if self.0 == 1 { "one is" } else { &format!("{} are", self.0) };
        (view.chars < self.0)
            .then(|| format!("the reply has {}; at least {required} required", counted(view.chars, "character")))
    }

    fn missing(&self, view: &View<'_>, language: Language) -> Option<String> {
        let left = self.0.checked_sub(view.chars).filter(|left| *left > 0)?;
        Some(match (language, left) {
            (Language::Zh, n) => format!("还需要至少{n}个字。"),
            (Language::En, 1) => "At least one more character must come.".to_owned(),
            (Language::En, n) => format!("At least {n} more characters must come."),
        })
    }
}
