//! Terms against terms, and against the room there is for them.
//!
//! Whether a required term holds a forbidden one is not decided by comparing strings here: the
//! checker itself judges the term, so that folding and word boundaries are those of the run time.

use std::collections::BTreeSet;

use super::{Texts, facts};
use crate::constraint::Fact;
use crate::contract::Rule;
use crate::diagnostic::{Code, Finding, codes};
use crate::source::Source;
use crate::span::Span;
use crate::text::fold;

pub(super) fn check(blocking: &[&Rule], texts: &Texts<'_>, source: &Source, findings: &mut Vec<Finding>) {
    let required = facts(blocking, |fact| match fact {
        Fact::Required { all, terms } => Some((all, terms)),
        _ => None,
    });
    for (rule, (all, terms)) in required {
        let broken: Vec<BTreeSet<usize>> = terms.iter().map(|term| always_broken(term, texts)).collect();
        let excluded = broken.iter().filter(|rules| !rules.is_empty()).count();
        // Of `any` terms one that is possible is enough.
        if excluded == 0 || (!all && excluded < terms.len()) {
            continue;
        }
        for (term, others) in terms.iter().zip(&broken).filter(|(_, others)| !others.is_empty()) {
            findings.push(excludes(rule, term, others, texts, source));
        }
    }
}

/// The blocking rules that no reply with this term keeps. The term is judged alone and between
/// other text: a pattern may be bound to the start or end of a reply.
fn always_broken(term: &str, texts: &Texts<'_>) -> BTreeSet<usize> {
    let violated = |text: &str| -> BTreeSet<usize> {
        let verdict = texts.program.check(text);
        let hard = verdict.violations.iter().filter(|violation| {
            texts.rules.get(violation.rule).is_some_and(|rule| {
                rule.severity == crate::diagnostic::Severity::Error
                    && matches!(
                        rule.constraint.fact(),
                        Fact::Forbidden { .. } | Fact::Pattern { must: false, .. } | Fact::MaxChars(_)
                    )
            })
        });
        hard.map(|violation| violation.rule).collect()
    };
    let alone = violated(term);
    if alone.is_empty() {
        return alone;
    }
    let between = violated(&format!("- {term} -"));
    alone.intersection(&between).copied().collect()
}

fn excludes(rule: &Rule, term: &str, others: &BTreeSet<usize>, texts: &Texts<'_>, source: &Source) -> Finding {
    let place = written(rule, term, source).unwrap_or(rule.span);
    let others: Vec<&Rule> = others.iter().filter_map(|index| texts.rules.get(*index)).collect();
    let small = others.iter().all(|other| matches!(other.constraint.fact(), Fact::MaxChars(_)));
    let (code, message, help): (Code, String, &str) = if small {
        let message = format!("the required term `{term}` is longer than a reply may be");
        (codes::NO_ROOM, message, "allow more characters or require a shorter term")
    } else {
        let message = format!("`{}` requires `{term}`, which another rule forbids", rule.id);
        (codes::REQUIRED_FORBIDDEN, message, "remove the term from one of the rules")
    };
    let mut finding = Finding::new(code, source, place, message).with_help(help);
    for other in others {
        let what = match other.constraint.fact() {
            Fact::Forbidden { terms, .. } => {
                let inside = |forbidden: &&String| fold::folded(term).contains(&fold::folded(forbidden));
                match terms.iter().find(inside) {
                    Some(forbidden) if forbidden != term => {
                        format!("`{}` forbids `{forbidden}`, a part of it", other.id)
                    }
                    _ => format!("`{}` forbids it", other.id),
                }
            }
            Fact::MaxChars(most) => format!("`{}` allows {most} characters", other.id),
            _ => format!("`{}` matches it", other.id),
        };
        finding = finding.with_related(other.span, what);
    }
    finding
}

/// Where a term stands in its rule, as far as it is written without escapes.
fn written(rule: &Rule, term: &str, source: &Source) -> Option<Span> {
    let (offset, found) = source.slice(rule.span).match_indices(term).next()?;
    let start = rule.span.start + u32::try_from(offset).ok()?;
    Some(Span::new(start, start + u32::try_from(found.len()).ok()?))
}
