//! The contradictions of a role, scenario by scenario.

use std::collections::HashSet;

use super::Report;
use crate::conflict;
use crate::contract::{Case, Contract, Expect, MAX_SCENARIOS};
use crate::diagnostic::codes;
use crate::span::Span;

/// Judges the rules of each scenario, and the texts that are said in it. `place` is where the rules
/// are written.
pub(super) fn check(contract: &Contract, place: Span, report: &mut Report<'_>) {
    if contract.scenarios.len() > MAX_SCENARIOS {
        let message = format!("guards tell more than {MAX_SCENARIOS} scenarios apart");
        report.add(codes::TOO_MANY_SCENARIOS, place, message, |finding| {
            finding.with_help("write fewer `when` blocks, or let several intents share one: `when intent a | b`")
        });
        return;
    }
    conflict::escapes(contract, place, report.findings);
    conflict::style(contract, report.findings);
    let guarded = contract.rules.iter().any(|rule| rule.guard.is_some());
    let mut told = HashSet::new();
    for index in 0..contract.scenarios.len() {
        let cases: Vec<Case> =
            contract.cases.iter().filter(|case| contract.scenario_of_case(case) == Some(index)).cloned().collect();
        expected_in_force(contract, index, &cases, report);
        let mut found = Vec::new();
        conflict::rules(contract, index, &mut found);
        let bound = if guarded { contract.in_scenario(index) } else { None };
        let bound = bound.as_deref().unwrap_or(contract);
        let texts = conflict::Texts {
            rules: &bound.rules,
            program: &bound.program,
            fallback: contract.fallback.as_ref(),
            cases: &cases,
        };
        conflict::texts(&texts, report.source, &mut found);
        found.retain(|finding| told.insert((finding.code, finding.span, finding.message.clone())));
        report.findings.extend(found);
    }
}

/// A case can only break rules that are in force for its user turn.
fn expected_in_force(contract: &Contract, scenario: usize, cases: &[Case], report: &mut Report<'_>) {
    let Some(scenario) = contract.scenarios.get(scenario) else { return };
    for case in cases {
        let Expect::Violates(ids) = &case.expect else { continue };
        for id in ids {
            let rule = contract.rules.iter().enumerate().find(|(_, rule)| *rule.id == *id.value);
            let Some((_, rule)) = rule.filter(|(index, _)| !scenario.rules.contains(index)) else { continue };
            let when = scenario.name.as_deref().unwrap_or("no guard holds");
            let message = format!("`{}` is not in force for this user turn ({when})", id.value);
            report.add(codes::CASE_PASSES, id.span, message, |finding| {
                finding
                    .with_related_in(&rule.source, rule.span, "the rule")
                    .with_help("give the case a `user` turn for which the rule is in force")
            });
        }
    }
}
