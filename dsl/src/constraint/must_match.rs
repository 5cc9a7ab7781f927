//! `must_match /pattern/`: the pattern occurs somewhere in the reply.

use std::sync::Arc;

use super::args::Reader;
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::source::Source;
use crate::text::pattern::{Pattern, Use};

pub(super) const KEYWORD: &str = "must_match";

#[derive(Debug)]
struct MustMatch(Arc<Pattern>);

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let pattern = Reader::new(entry, source, findings, "must_match /pattern/").pattern(Use::Require)?;
    Some(Arc::new(MustMatch(pattern)))
}

impl MustMatch {
    fn is_found(view: &View<'_>) -> bool {
        view.found.contains(&true)
    }
}

impl Constraint for MustMatch {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::EndOnly
    }

    fn prompt(&self, language: Language) -> String {
        match language {
            Language::Zh => format!("回答中必须出现符合正则表达式 /{}/ 的内容。", self.0.source()),
            Language::En => format!("The answer must contain a match of the regular expression /{}/.", self.0.source()),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Pattern { must: true, pattern: &self.0 }
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Match(&self.0)
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        if Self::is_found(view) {
            Residual::Holds
        } else if view.lost {
            Residual::Dead
        } else {
            Residual::Open
        }
    }

    fn broken(&self, view: &View<'_>) -> Option<String> {
        (!Self::is_found(view)).then(|| format!("nothing in the reply matches /{}/", self.0.source()))
    }

    fn missing(&self, view: &View<'_>, language: Language) -> Option<String> {
        if Self::is_found(view) {
            return None;
        }
        Some(match language {
            Language::Zh => format!("还需要出现符合正则表达式 /{}/ 的内容。", self.0.source()),
            Language::En => format!("A match of the regular expression /{}/ must still come.", self.0.source()),
        })
    }
}
