//! The contract's own texts under the contract's own checker.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Answer, Texts, solve};
use crate::Contract;
use crate::constraint::{Class, Fact};
use crate::contract::{Case, Expect, OnViolation, Rule};
use crate::diagnostic::{Code, Finding, Severity, codes};
use crate::monitor::Violation;
use crate::source::Source;
use crate::span::{Span, Spanned};
use crate::text::fold;

pub(super) fn check(texts: &Texts<'_>, source: &Source, findings: &mut Vec<Finding>) {
    if let Some(fallback) = texts.fallback {
        let help = "the fallback is what is said when no reply complies: change it or the rule";
        complies(texts, fallback, codes::FALLBACK_VIOLATES, "the fallback", help, source, findings);
    }
    for rule in texts.rules {
        if let OnViolation::Redact(by) = &rule.on_violation {
            replacement(texts, rule, by, findings);
        }
    }
    // Whether any reply breaks a rule is asked once, however many cases expect it.
    let mut known = HashMap::new();
    for case in texts.cases {
        let Some(reply) = &case.reply else { continue };
        match &case.expect {
            Expect::Pass => {
                let help = "change the reply or the rule, or write `expect violates …`";
                complies(texts, reply, codes::CASE_FAILS, "this reply", help, source, findings);
            }
            Expect::Violates(ids) => violates(texts, case, (reply, ids), &mut known, source, findings),
        }
    }
}

/// A finding for each blocking rule that the text breaks.
fn complies(
    texts: &Texts<'_>,
    text: &Spanned<String>,
    code: Code,
    what: &str,
    help: &str,
    source: &Source,
    findings: &mut Vec<Finding>,
) {
    let mut told: Vec<usize> = Vec::new();
    for violation in texts.program.check(&text.value).violations {
        // A text that is said as it stands must hold nothing to be replaced, whatever the rule's weight.
        let blocks = violation.severity == Severity::Error || (violation.redacted && code == codes::FALLBACK_VIOLATES);
        let Some(rule) = texts.rules.get(violation.rule).filter(|_| blocks) else { continue };
        if told.contains(&violation.rule) || judged(rule) {
            continue;
        }
        told.push(violation.rule);
        let message = format!("{what} breaks `{}`: {}", rule.id, violation.message);
        findings.push(
            Finding::new(code, source, place(text, &violation, source), message)
                .with_related_in(&rule.source, rule.span, "the rule")
                .with_help(help),
        );
    }
}

/// A finding for each rule that a sample of the role's tone breaks by what it says, if it fits no kind
/// of turn that guards tell apart. A sample is not a whole reply, so it need not hold what a reply must.
pub(super) fn style(contract: &Contract, findings: &mut Vec<Finding>) {
    let scenarios: Vec<Arc<Contract>> =
        (0..contract.scenarios.len()).filter_map(|index| contract.in_scenario(index)).collect();
    for sample in &contract.style {
        let judged: Vec<Vec<Finding>> = scenarios.iter().map(|bound| refused(bound, sample)).collect();
        if judged.iter().all(|found| !found.is_empty()) {
            findings.extend(judged.into_iter().next().unwrap_or_default());
        }
    }
}

fn refused(bound: &Contract, sample: &Spanned<String>) -> Vec<Finding> {
    let mut told: Vec<usize> = Vec::new();
    let mut found = Vec::new();
    for violation in bound.program.check(&sample.value).violations {
        let blocks = violation.severity == Severity::Error || violation.redacted;
        let Some(rule) = bound.rules.get(violation.rule).filter(|rule| blocks && said(rule)) else { continue };
        if told.contains(&violation.rule) {
            continue;
        }
        told.push(violation.rule);
        let message = format!("this sample of the role's style breaks `{}`: {}", rule.id, violation.message);
        found.push(
            Finding::new(codes::STYLE_VIOLATES, &bound.source, place(sample, &violation, &bound.source), message)
                .with_related_in(&rule.source, rule.span, "the rule")
                .with_help("a model imitates its samples: change the sample or the rule"),
        );
    }
    found
}

/// A finding for a replacement that no reply can hold, or that closes the gap it should mark.
fn replacement(texts: &Texts<'_>, rule: &Rule, by: &str, findings: &mut Vec<Finding>) {
    let help = "write a short visible text that keeps every rule, such as `redact \"[removed]\"`";
    if fold::folded(by).trim().is_empty() {
        let message = format!("the replacement of `{}` shows nothing, so the text around a match closes up", rule.id);
        findings.push(Finding::new(codes::REPLACEMENT_VIOLATES, &rule.source, rule.span, message).with_help(help));
        return;
    }
    let mut told: Vec<usize> = Vec::new();
    for violation in texts.program.check(by).violations {
        let Some(other) = texts.rules.get(violation.rule).filter(|other| said(other)) else { continue };
        // What is missing in it may stand elsewhere in the reply; what only warns does not block.
        let blocks = violation.severity == Severity::Error || violation.redacted;
        if !blocks || told.contains(&violation.rule) {
            continue;
        }
        told.push(violation.rule);
        let message = format!("the replacement of `{}` breaks `{}`: {}", rule.id, other.id, violation.message);
        findings.push(
            Finding::new(codes::REPLACEMENT_VIOLATES, &rule.source, rule.span, message)
                .with_related_in(&other.source, other.span, "the rule")
                .with_help(help),
        );
    }
}

/// Whether a rule is broken by something said, whatever else the reply says.
fn said(rule: &Rule) -> bool {
    matches!(
        rule.constraint.fact(),
        Fact::Forbidden { .. }
            | Fact::Pattern { must: false, .. }
            | Fact::MaxChars(_)
            | Fact::MaxWords(_)
            | Fact::MaxSentences(_)
    )
}

/// The part of a text that breaks a rule, when it is written as it reads.
fn place(text: &Spanned<String>, violation: &Violation, source: &Source) -> Span {
    let written = source.slice(text.span);
    let plain = written.len() == text.value.len() + 2 && written.get(1..written.len() - 1) == Some(text.value.as_str());
    if !plain || violation.span.is_empty() || violation.span.end > text.value.len() {
        return text.span;
    }
    let at = |offset: usize| text.span.start + 1 + u32::try_from(offset).unwrap_or(0);
    Span::new(at(violation.span.start), at(violation.span.end))
}

/// A finding for each named rule that the reply keeps. Judged rules are left to those who can ask
/// the plugin.
fn violates(
    texts: &Texts<'_>,
    case: &Case,
    (reply, ids): (&Spanned<String>, &[Spanned<String>]),
    known: &mut HashMap<String, bool>,
    source: &Source,
    findings: &mut Vec<Finding>,
) {
    let violations = texts.program.check(&reply.value).violations;
    for id in ids {
        let Some(rule) = texts.rules.iter().find(|rule| *rule.id == *id.value) else { continue };
        if judged(rule) || violations.iter().any(|violation| *violation.id == *id.value) {
            continue;
        }
        let unbreakable =
            *known.entry(rule.id.to_string()).or_insert_with(|| solve(&[], Some(rule)) == Answer::Impossible);
        if unbreakable {
            let message =
                format!("the case `{}` should break `{}`, which every reply keeps", case.title.value, id.value);
            let finding = Finding::new(codes::CASE_IMPOSSIBLE, source, id.span, message);
            let help = "make the rule stricter, or remove the case";
            findings.push(finding.with_related_in(&rule.source, rule.span, "the rule").with_help(help));
            continue;
        }
        let message = format!("the case `{}` should break `{}`, and its reply keeps it", case.title.value, id.value);
        findings.push(
            Finding::new(codes::CASE_PASSES, source, id.span, message)
                .with_related(reply.span, "the reply")
                .with_related_in(&rule.source, rule.span, "the rule")
                .with_help("change the reply, or what the case expects"),
        );
    }
}

fn judged(rule: &Rule) -> bool {
    rule.constraint.class() == Class::Judged
}
