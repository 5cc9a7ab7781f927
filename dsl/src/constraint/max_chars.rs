//! `max_chars N`: the reply has at most N characters.
//!
//! Characters are counted as people do and without white space (中文“字数”): a base with its marks is
//! one, and so is an emoji with its modifiers, joined parts or flag halves. See
//! [`Characters`](crate::text::characters::Characters).

use std::sync::Arc;

use super::args::Reader;
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::source::Source;
use crate::text::counted::counted;

pub(super) const KEYWORD: &str = "max_chars";

#[derive(Debug)]
struct MaxChars(u64);

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let most = Reader::new(entry, source, findings, "max_chars 200").number(&(1..=1_000_000))?;
    Some(Arc::new(MaxChars(most)))
}

impl Constraint for MaxChars {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Safety
    }

    fn prompt(&self, language: Language) -> String {
        match language {
            Language::Zh => format!("回答不超过{}个字（不计空格）。", self.0),
            Language::En => format!("Answer in at most {}, white space not counted.", counted(self.0, "character")),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::MaxChars(self.0)
    }

    fn demand(&self) -> Demand<'_> {
        Demand::MaxChars(self.0)
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        if view.chars > self.0 { Residual::Dead } else { Residual::Open }
    }
}
