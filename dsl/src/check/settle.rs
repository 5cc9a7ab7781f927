//! The rules of a role or a set, with their ids.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Report;
use super::rules::Draft;
use crate::constraint::Fact;
use crate::contract::{Intent, Language, Rule};
use crate::diagnostic::{Finding, codes};
use crate::span::Span;

/// Required terms of one role; each is checked against all rules.
const MAX_REQUIRED: usize = 1000;

/// The rules that could be read, and the ids of all that were written.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Without errors of their own: the unguarded ones, then the guarded ones.
    pub(super) rules: Vec<Rule>,
    /// Ids, also of rules that could not be read.
    pub(super) ids: Vec<String>,
    /// Whether there are more than are checked.
    pub(super) too_many: bool,
}

/// What the rules of a role belong to.
pub(super) struct Role<'a> {
    /// The rules of the role it extends.
    pub(super) inherited: &'a [Rule],
    /// Where it names that role.
    pub(super) named: Span,
    /// Whether it says a fallback.
    pub(super) fallback: bool,
    /// Its intents; nothing when some could not be read.
    pub(super) intents: Option<&'a [Intent]>,
    /// Its languages, where they are known.
    pub(super) languages: &'a [Language],
    /// Whether dialogue is kept.
    pub(super) stateful: bool,
}

/// Numbers the rules of a role, and judges what only the role can decide.
pub(super) fn settle(drafts: &[Draft], role: &Role<'_>, report: &mut Report<'_>) -> Rules {
    let mut rules: Vec<Rule> = role.inherited.to_vec();
    let mut ids: Vec<String> = rules.iter().map(|rule| rule.id.to_string()).collect();
    let own = number(drafts, &ids, report);
    let mut told = HashSet::new();
    for (draft, id) in drafts.iter().zip(own) {
        fits(draft, role, &mut told, report);
        let rule = draft.rule.clone().map(|rule| Rule { id: Arc::from(id.as_str()), ..rule });
        if let Some(known) = rules.iter().position(|rule| *rule.id == *id) {
            // A label of the parent's: its rule is replaced, or gone with a finding.
            match rule {
                Some(rule) => rules.splice(known..=known, [rule]).for_each(drop),
                None => _ = rules.remove(known),
            }
            continue;
        }
        rules.extend(rule);
        ids.push(id);
    }
    let required = |rule: &Rule| match rule.constraint.fact() {
        Fact::Required { terms, .. } => terms.len(),
        _ => 0,
    };
    let too_many = rules.iter().map(required).sum::<usize>() > MAX_REQUIRED;
    if too_many {
        let place = drafts.last().map_or(Span::default(), |last| last.via.unwrap_or(last.place));
        report.too_many(place, &format!("more than {MAX_REQUIRED} required terms"));
    }
    let replaced = |rule: &Rule| drafts.iter().any(|draft| draft.label.as_deref() == Some(&*rule.id));
    for rule in role.inherited.iter().filter(|rule| !replaced(rule)) {
        still_holds(rule, role, report);
    }
    rules.sort_by_key(|rule| rule.guard.is_some());
    Rules { rules, ids, too_many }
}

/// The ids: the label, or the keyword with `_2`, `_3`, … from its second use without a label on. A
/// finding for every label that comes twice.
pub(super) fn number(drafts: &[Draft], inherited: &[String], report: &mut Report<'_>) -> Vec<String> {
    let mut uses: HashMap<&str, u32> = HashMap::new();
    let mut seen: HashMap<String, &Draft> = HashMap::new();
    let mut ids = Vec::new();
    for draft in drafts {
        let id = match &draft.label {
            Some(label) => label.clone(),
            None => loop {
                let count = uses.entry(&draft.keyword).or_insert(0);
                *count += 1;
                let id = if *count == 1 { draft.keyword.clone() } else { format!("{}_{count}", draft.keyword) };
                if !inherited.contains(&id) {
                    break id;
                }
            },
        };
        match seen.get(&id) {
            Some(first) => duplicate(&id, draft, first, report),
            None => _ = seen.insert(id.clone(), draft),
        }
        ids.push(id);
    }
    ids
}

fn duplicate(id: &str, draft: &Draft, first: &Draft, report: &mut Report<'_>) {
    let place = draft.via.unwrap_or(draft.place);
    report.add(codes::DUPLICATE_RULE, place, format!("a second rule named `{id}`"), |finding| {
        let mut finding = finding.with_related_in(&first.source, first.place, "the first one");
        if draft.via.is_some() {
            finding = finding.with_related_in(&draft.source, draft.place, "the second one, in the set used here");
        }
        let guarded = [draft, first].iter().any(|draft| draft.rule.as_ref().is_some_and(|rule| rule.guard.is_some()));
        finding.with_help(if guarded {
            "give one of them another label; a rule under `when` takes the place of unguarded ones by its kind"
        } else {
            "give one of them another label"
        })
    });
}

/// Whether the role has what the rule asks of it.
fn fits(draft: &Draft, role: &Role<'_>, told: &mut HashSet<(Span, String)>, report: &mut Report<'_>) {
    if let Some((span, option)) = draft.fallback.filter(|_| !role.fallback) {
        let message = format!("`{option} fallback` in a role without a fallback");
        report.add(codes::NO_FALLBACK, draft.via.unwrap_or(span), message, |finding| {
            at_home(finding, draft, span).with_help("add `fallback \"…\"` to the role")
        });
    }
    let Some(guard) = draft.rule.as_ref().and_then(|rule| rule.guard.as_ref()) else { return };
    let here = |span: Span| draft.via.unwrap_or(span);
    for intent in guard.intents.iter().flatten() {
        let Some(intents) = role.intents else { break };
        let name = &intent.value;
        let known = intents.iter().any(|intent| intent.name.value == *name);
        if known || !told.insert((here(intent.span), name.clone())) {
            continue;
        }
        report.add(codes::UNKNOWN_INTENT, here(intent.span), format!("the role has no intent `{name}`"), |finding| {
            let all: Vec<String> = intents.iter().map(|intent| format!("`{}`", intent.name.value)).collect();
            let help = match all.as_slice() {
                [] => "the role has no intents: add `intents { … }`".to_owned(),
                all => format!("its intents are {}", all.join(", ")),
            };
            let finding = at_home(finding.with_help(help), draft, guard.span);
            if draft.via.is_some() {
                return finding;
            }
            finding.did_you_mean(name, intent.span, intents.iter().map(|intent| intent.name.value.as_str()))
        });
    }
    let foreign = |languages: &Vec<Language>| !languages.iter().any(|language| role.languages.contains(language));
    let place = here(guard.span);
    if guard.languages.as_ref().is_some_and(foreign) && told.insert((place, String::new())) {
        report.add(codes::GUARD_NEVER_HOLDS, place, "the role does not speak this language", |finding| {
            at_home(finding, draft, guard.span).with_help("declare the language: `language zh, en`; or remove the rule")
        });
    }
    let later = guard.turns.as_deref() == Some(&[crate::contract::Turn::Later]);
    if later && !role.stateful && told.insert((place, "turn".to_owned())) {
        report.add(codes::NEEDS_STATE, place, "a role without dialogue state has no later turn", |finding| {
            at_home(finding, draft, guard.span).with_help("add `stateful true` to the role")
        });
    }
}

/// Whether a parent's rule can still come into force: a child may speak less, or keep nothing.
fn still_holds(rule: &Rule, role: &Role<'_>, report: &mut Report<'_>) {
    let Some(guard) = &rule.guard else { return };
    let foreign = |languages: &Vec<Language>| !languages.iter().any(|language| role.languages.contains(language));
    let (code, message, help) = if guard.languages.as_ref().is_some_and(foreign) {
        let message = format!("`{}` of the parent is for a language that this role does not speak", rule.id);
        (codes::GUARD_NEVER_HOLDS, message, "speak the parent's languages, or replace the rule by one with its label")
    } else if guard.turns.as_deref() == Some(&[crate::contract::Turn::Later]) && !role.stateful {
        let message = format!("`{}` of the parent is for later turns, and this role keeps no dialogue", rule.id);
        (codes::NEEDS_STATE, message, "add `stateful true`, or replace the rule by one with its label")
    } else {
        return;
    };
    report.add(code, role.named, message, |finding| {
        finding.with_related_in(&rule.source, rule.span, "the rule").with_help(help)
    });
}

/// Adds where the rule stands, when that is elsewhere.
fn at_home(finding: Finding, draft: &Draft, span: Span) -> Finding {
    if draft.via.is_none() {
        return finding;
    }
    finding.with_related_in(&draft.source, span, "in the set used here")
}
