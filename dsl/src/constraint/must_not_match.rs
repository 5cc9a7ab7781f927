//! `must_not_match /pattern/`: the pattern occurs nowhere in the reply.

use std::sync::Arc;

use super::args::Reader;
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::source::Source;
use crate::text::pattern::{Pattern, Use};
use crate::text::terms::Matching;

pub(super) const KEYWORD: &str = "must_not_match";

#[derive(Debug)]
struct MustNotMatch([Arc<Pattern>; 1]);

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let pattern = Reader::new(entry, source, findings, "must_not_match /pattern/").pattern(Use::Forbid)?;
    Some(Arc::new(MustNotMatch([pattern])))
}

/// Tells a model what not to write.
pub(super) fn sentence(pattern: &str, language: Language) -> String {
    match language {
        Language::Zh => format!("回答中不得出现符合正则表达式 /{pattern}/ 的内容。"),
        Language::En => format!("Never write anything that matches the regular expression /{pattern}/."),
    }
}

impl Constraint for MustNotMatch {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Safety
    }

    fn prompt(&self, language: Language) -> String {
        self.0.iter().map(|pattern| sentence(pattern.source(), language)).collect()
    }

    fn fact(&self) -> Fact<'_> {
        let [pattern] = &self.0;
        Fact::Pattern { must: false, pattern }
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Forbid { terms: &[], patterns: &self.0, matching: Matching::usual() }
    }

    /// The monitor itself knows about matches.
    fn outlook(&self, _view: &View<'_>) -> Residual {
        Residual::Open
    }
}
