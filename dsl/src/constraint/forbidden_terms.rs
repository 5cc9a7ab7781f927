//! `forbidden_terms "AI" | "算法" | /sk-[A-Za-z0-9]{20,}/`: none of these occurs.

use std::sync::Arc;

use super::args::{Alternatives, Reader, quoted};
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::source::Source;
use crate::text::pattern::Use;

pub(super) const KEYWORD: &str = "forbidden_terms";

#[derive(Debug)]
struct ForbiddenTerms(Alternatives);

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let mut reader = Reader::new(entry, source, findings, r#"forbidden_terms "one" | "another" | /pattern/"#);
    if reader.args().is_empty() {
        return reader.nothing();
    }
    let terms = reader.alternatives(reader.args(), Some(Use::Forbid))?;
    Some(Arc::new(ForbiddenTerms(terms)))
}

impl Constraint for ForbiddenTerms {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Safety
    }

    fn prompt(&self, language: Language) -> String {
        let mut sentences = Vec::new();
        if !self.0.terms.is_empty() {
            let terms = quoted(&self.0.terms, language);
            sentences.push(match language {
                Language::Zh => format!("绝不使用这些词语：{terms}。"),
                Language::En => format!("Never use these terms: {terms}."),
            });
        }
        for pattern in &self.0.patterns {
            sentences.push(super::must_not_match::sentence(pattern.source(), language));
        }
        sentences.join(match language {
            Language::Zh => "",
            Language::En => " ",
        })
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Forbidden { terms: &self.0.terms, patterns: &self.0.patterns }
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Forbid { terms: &self.0.terms, patterns: &self.0.patterns }
    }

    /// The monitor itself knows about matches.
    fn outlook(&self, _view: &View<'_>) -> Residual {
        Residual::Open
    }
}
