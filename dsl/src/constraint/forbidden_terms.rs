//! `forbidden_terms "AI" | "算法" | /sk-[A-Za-z0-9]{20,}/`: none of these occurs.

use std::sync::Arc;

use super::args::{Alternatives, Reader, quoted};
use super::matching::{self, remarks};
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::source::Source;
use crate::text::pattern::Use;
use crate::text::terms::Matching;

pub(super) const KEYWORD: &str = "forbidden_terms";

/// Terms of a rule that a model is told, at most: a vocabulary would take its whole context. All are
/// enforced.
const NAMED: usize = 200;

#[derive(Debug)]
struct ForbiddenTerms {
    forbidden: Alternatives,
    matching: Matching,
}

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let mut reader = Reader::new(entry, source, findings, r#"forbidden_terms "one" | "another" | /pattern/"#);
    if reader.args().is_empty() {
        return reader.nothing();
    }
    let written = matching::read(&mut reader, Matching::usual());
    reader.unites_variants(written.as_ref().is_some_and(|written| written.matching.variants));
    let forbidden = reader.alternatives(reader.args(), Some(Use::Forbid))?;
    let matching = written?.with_exceptions(&forbidden.terms, &mut reader)?;
    Some(Arc::new(ForbiddenTerms { forbidden, matching }))
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
        let Alternatives { terms, patterns } = &self.forbidden;
        if !terms.is_empty() {
            let named = terms.get(..NAMED).unwrap_or(terms);
            let more = match (terms.len() - named.len(), language) {
                (0, _) => String::new(),
                (more, Language::Zh) => format!("，以及另外{more}个同类的词语"),
                (more, Language::En) => format!(", nor {more} more like them"),
            };
            let (terms, remarks) = (quoted(named, language), remarks(&self.matching, language));
            sentences.push(match language {
                Language::Zh => format!("绝不使用这些词语：{terms}{more}{remarks}。"),
                Language::En => format!("Never use these terms: {terms}{more}{remarks}."),
            });
        }
        for pattern in patterns {
            sentences.push(super::must_not_match::sentence(pattern.source(), language));
        }
        sentences.join(match language {
            Language::Zh => "",
            Language::En => " ",
        })
    }

    fn fact(&self) -> Fact<'_> {
        let Alternatives { terms, patterns } = &self.forbidden;
        Fact::Forbidden { terms, patterns, matching: &self.matching }
    }

    fn demand(&self) -> Demand<'_> {
        let Alternatives { terms, patterns } = &self.forbidden;
        Demand::Forbid { terms, patterns, matching: &self.matching }
    }

    /// The monitor itself knows about matches.
    fn outlook(&self, _view: &View<'_>) -> Residual {
        Residual::Open
    }
}
