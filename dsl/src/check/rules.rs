//! `constraints { … }`: rules, their ids and their options.

use std::collections::HashMap;
use std::sync::Arc;

use super::Report;
use super::options::{self, Options};
use super::words::split;
use crate::ast::Entry;
use crate::constraint::{self, Fact};
use crate::contract::{OnFailure, OnViolation, Rule};
use crate::diagnostic::{Severity, codes};
use crate::span::{Span, Spanned};

/// What the language reserves for rules, as far as no kind implements it.
const RESERVED: [&str; 1] = ["when"];

/// The kind that asks a plugin; the only one with parameters in a block.
const POLICY: &str = "policy";

/// Rules of one role; checking a text costs time for each.
const MAX_RULES: usize = 256;

/// Required terms of one role; each is checked against all rules.
const MAX_REQUIRED: usize = 1000;

/// The rules that could be read, and the ids of all that were written.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Without errors of their own.
    pub(super) rules: Vec<Rule>,
    /// Ids, also of rules that could not be read.
    pub(super) ids: Vec<String>,
    /// Whether there are more than are checked.
    pub(super) too_many: bool,
}

pub(super) fn check(entry: &Entry, fallback: bool, report: &mut Report<'_>) -> Rules {
    let kinds = constraint::keywords();
    let mut found = Rules::default();
    let mut uses: HashMap<String, u32> = HashMap::new();
    let mut seen: HashMap<String, Span> = HashMap::new();
    let mut required = 0;
    for written in report.section(entry).iter().flat_map(|rule| split(rule, &kinds)) {
        if found.ids.len() == MAX_RULES {
            found.too_many = true;
            report.too_many(written.span, &format!("more than {MAX_RULES} rules"));
            break;
        }
        let id = id(&written, &mut uses);
        let place = written.label.as_ref().unwrap_or(&written.keyword).span;
        if let Some(first) = seen.get(&id) {
            report.add(codes::DUPLICATE_RULE, place, format!("a second rule named `{id}`"), |finding| {
                finding.with_related(*first, "the first one").with_help("give one of them another label")
            });
        } else {
            seen.insert(id.clone(), place);
        }
        let rule = rule(written, &id, &kinds, fallback, report);
        if let Some(Fact::Required { terms, .. }) = rule.as_ref().map(|rule| rule.constraint.fact()) {
            required += terms.len();
        }
        if required > MAX_REQUIRED && !found.too_many {
            found.too_many = true;
            report.too_many(place, &format!("more than {MAX_REQUIRED} required terms"));
        }
        found.rules.extend(rule);
        found.ids.push(id);
    }
    found
}

/// The label, or the keyword with `_2`, `_3`, … from its second use without a label on.
fn id(entry: &Entry, uses: &mut HashMap<String, u32>) -> String {
    if let Some(label) = &entry.label {
        return label.value.clone();
    }
    let keyword = &entry.keyword.value;
    let count = uses.entry(keyword.clone()).or_insert(0);
    *count += 1;
    if *count == 1 { keyword.clone() } else { format!("{keyword}_{count}") }
}

fn rule(mut entry: Entry, id: &str, kinds: &[&str], fallback: bool, report: &mut Report<'_>) -> Option<Rule> {
    let kind = entry.keyword.value.clone();
    let span = entry.span;
    if RESERVED.contains(&kind.as_str()) && !kinds.contains(&kind.as_str()) {
        report.not_implemented(&kind, entry.keyword.span);
        return None;
    }
    let known = kinds.contains(&kind.as_str());
    let options = options::take(&mut entry, report);
    if known && kind != POLICY {
        options::unknown(&mut entry, report);
    }
    if let Some(reaction) = options.on_violation.as_ref().filter(|_| known) {
        options::possible(&kind, reaction, report);
    }
    let constraint = constraint::build(&entry, report.source, report.findings)?;
    let on_failure = constraint.policy().map(|policy| policy.on_failure);
    needs_fallback(&options, on_failure, span, fallback, report);
    Some(Rule {
        id: Arc::from(id),
        constraint,
        on_violation: options.on_violation.map(|reaction| reaction.value).unwrap_or_default(),
        severity: options.severity.map_or(Severity::Error, |severity| severity.value),
        source: report.source.clone(),
        span,
    })
}

fn needs_fallback(
    options: &Options,
    on_failure: Option<OnFailure>,
    span: Span,
    fallback: bool,
    report: &mut Report<'_>,
) {
    if fallback {
        return;
    }
    let place = match &options.on_violation {
        Some(Spanned { value: OnViolation::Fallback, span }) => Some((*span, "on_violation")),
        _ => (on_failure == Some(OnFailure::Fallback)).then_some((span, "on_failure")),
    };
    if let Some((span, option)) = place {
        report.add(codes::NO_FALLBACK, span, format!("`{option} fallback` in a role without a fallback"), |finding| {
            finding.with_help("add `fallback \"…\"` to the role")
        });
    }
}
