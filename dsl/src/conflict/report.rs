//! What the analysis found, as findings.

use super::answer::{Analysis, Answer, Comparison, ConflictSet, Relation};
use super::clause::{self, Clause, Count};
use crate::Contract;
use crate::constraint::Fact;
use crate::contract::Rule;
use crate::diagnostic::{Code, Finding, codes};
use crate::span::Span;
use crate::text::fold;

/// Characters shown of a reply.
const SHOWN: usize = 60;

/// Adds the findings about rules that are in force together; `scenario` says when.
pub(super) fn report(analysis: &Analysis, rules: &[&Rule], scenario: Option<&str>, findings: &mut Vec<Finding>) {
    for set in &analysis.conflicts {
        findings.extend(conflict(set, rules, scenario));
    }
    if let Some(last) = findings.last_mut().filter(|_| analysis.more) {
        last.message.push_str("; there may be further sets of rules that cannot hold together");
    }
    match &analysis.answer {
        Answer::Undecided(reason) => findings.extend(undecided(reason, rules, scenario)),
        Answer::Impossible | Answer::Witness(_) => {}
    }
}

/// Rules that say nothing new. Of guarded rules nothing is said: they may matter in another scenario.
pub(super) fn implied(implied: &[(usize, Vec<usize>)], rules: &[&Rule], findings: &mut Vec<Finding>) {
    for (index, by) in implied {
        let Some(rule) = rules.get(*index) else { continue };
        let message = if by.is_empty() {
            format!("`{}` says nothing: every reply keeps it", rule.id)
        } else {
            format!("`{}` says nothing new: every reply that keeps {} keeps it", rule.id, names(by, rules))
        };
        let mut finding = Finding::new(codes::IMPLIED_RULE, &rule.source, rule.span, message)
            .with_help("remove it, or make it stricter");
        for other in by.iter().filter_map(|other| rules.get(*other)) {
            finding = finding.with_related_in(&other.source, other.span, format!("`{}` implies it", other.id));
        }
        findings.push(finding);
    }
}

/// A role that allows more than the role it extends.
pub(super) fn escape(
    child: &Contract,
    parent: &Contract,
    found: &Comparison,
    place: Span,
    findings: &mut Vec<Finding>,
) {
    let when = when(found.scenario.as_deref());
    let wider = matches!(found.relation, Relation::Wider | Relation::Incomparable);
    if found.only_new.is_none() && !wider {
        if let Some(reason) = &found.undecided {
            let message =
                format!("it is not decided whether `{}` only tightens `{}`{when}: {reason}", child.name, parent.name);
            findings.push(Finding::new(codes::UNDECIDED, &child.source, place, message));
        }
        return;
    }
    let id = found.loosened.as_deref().unwrap_or_default();
    let named = |contract: &Contract| {
        contract.rules.iter().find(|rule| *rule.id == *id).map(|rule| (rule.source.clone(), rule.span))
    };
    let (source, span) = named(child)
        .filter(|(source, _)| source.name() == child.source.name())
        .unwrap_or((child.source.clone(), place));
    let message = match &found.only_new {
        Some(reply) => {
            format!("`{}` allows a reply that `{}` refuses{when}: “{}”", child.name, parent.name, shown(reply))
        }
        None => format!("`{}` no longer asks the plugin that judges `{id}` of `{}`{when}", child.name, parent.name),
    };
    let mut finding = Finding::new(codes::ESCAPES_PARENT, &source, span, message)
        .with_help("a role may only tighten the one it extends: make the rule as strict, or extend another role");
    if let Some((source, span)) = named(parent) {
        finding = finding.with_related_in(&source, span, format!("`{id}` of `{}` refuses it", parent.name));
    }
    findings.push(finding);
}

fn undecided(reason: &str, rules: &[&Rule], scenario: Option<&str>) -> Option<Finding> {
    let rule = rules.first()?;
    let message = format!("it is not decided whether the rules can hold together{}: {reason}", when(scenario));
    let help = "the checker enforces each rule all the same; fewer or simpler rules can be decided";
    Some(Finding::new(codes::UNDECIDED, &rule.source, rule.span, message).with_help(help))
}

fn conflict(set: &ConflictSet, rules: &[&Rule], scenario: Option<&str>) -> Option<Finding> {
    let members: Vec<(&Rule, Option<&str>)> =
        set.members.iter().filter_map(|member| Some((*rules.get(member.rule)?, member.without.as_deref()))).collect();
    let kind = Kind::of(&members);
    let (first, _) = members.get(kind.first(&members)).or(members.first())?;
    let culprits = if kind == Kind::Terms { culprits(&members) } else { Vec::new() };
    let message = match culprits.first() {
        Some(culprit) => culprit.message(first, &members),
        None => kind.message(&members),
    };
    let span = culprits.first().and_then(|culprit| written(first, &culprit.required)).unwrap_or(first.span);
    let message = format!("{message}{}", when(scenario));
    let mut finding = Finding::new(kind.code(), &first.source, span, message).with_help(kind.help());
    for culprit in culprits.iter().skip(1) {
        if let Some(place) = written(first, &culprit.required) {
            finding = finding.with_related(place, format!("this holds `{}` as well", culprit.forbidden));
        }
    }
    for (rule, without) in &members {
        let place = match without {
            Some(text) => format!("without `{}` this reply complies: “{}”", rule.id, shown(text)),
            None => format!("`{}` takes part", rule.id),
        };
        finding = finding.with_related_in(&rule.source, rule.span, place);
    }
    Some(finding)
}

/// A required term that holds a forbidden thing.
#[derive(Debug)]
struct Culprit {
    required: String,
    forbidden: String,
    /// The rule that forbids it.
    by: String,
}

impl Culprit {
    fn message(&self, rule: &Rule, members: &[(&Rule, Option<&str>)]) -> String {
        let Self { required, forbidden, by } = self;
        let others = if members.len() > 2 { ", and the other rules leave no way around it" } else { "" };
        if fold::folded(required) == fold::folded(forbidden) {
            format!("`{}` requires `{required}`, which `{by}` forbids{others}", rule.id)
        } else {
            format!("`{}` requires `{required}`, and `{by}` forbids `{forbidden}`, which it holds{others}", rule.id)
        }
    }
}

/// The required terms that hold something forbidden, as the checker finds it.
fn culprits(members: &[(&Rule, Option<&str>)]) -> Vec<Culprit> {
    let clauses = || members.iter().filter_map(|(rule, _)| Some((*rule, clause::kept(rule.constraint.as_ref())?)));
    let required = clauses().filter_map(|(_, clause)| match clause {
        Clause::Any(things) | Clause::All(things) => Some(things.terms),
        _ => None,
    });
    let mut found = Vec::new();
    for term in required.flatten() {
        for (rule, clause) in clauses() {
            let Clause::Absent(things) = clause else { continue };
            let held = things.held_by(term.text);
            let patterns = held.patterns.iter().map(|pattern| format!("/{}/", pattern.source()));
            if let Some(forbidden) = held.terms.iter().map(|term| term.text.to_owned()).chain(patterns).next() {
                found.push(Culprit { required: term.text.to_owned(), forbidden, by: rule.id.to_string() });
                break;
            }
        }
    }
    found
}

/// Where a term stands in its rule, as far as it is written without escapes.
fn written(rule: &Rule, term: &str) -> Option<Span> {
    let (offset, found) = rule.source.slice(rule.span).match_indices(term).next()?;
    let start = rule.span.start + u32::try_from(offset).ok()?;
    Some(Span::new(start, start + u32::try_from(found.len()).ok()?))
}

/// Whether one of the rules forbids something.
fn forbids(members: &[(&Rule, Option<&str>)]) -> bool {
    let forbids = |rule: &Rule| matches!(clause::kept(rule.constraint.as_ref()), Some(Clause::Absent(_)));
    members.iter().any(|(rule, _)| forbids(rule))
}

/// Whether bounds on one count exclude each other.
fn same_count(clauses: &[Clause<'_>]) -> bool {
    match clauses {
        [Clause::Count { count: first, .. }, Clause::Count { count: second, .. }] => first == second,
        _ => false,
    }
}

fn when(scenario: Option<&str>) -> String {
    scenario.map_or_else(String::new, |scenario| format!(" (when {scenario})"))
}

/// A reply on one line, cut where it is long.
pub(super) fn shown(text: &str) -> String {
    let line = text.replace('\n', "⏎");
    if line.chars().count() <= SHOWN {
        return line;
    }
    let head: String = line.chars().take(SHOWN - 1).collect();
    format!("{head}…")
}

fn names(rules: &[usize], all: &[&Rule]) -> String {
    let named: Vec<String> =
        rules.iter().filter_map(|rule| all.get(*rule)).map(|rule| format!("`{}`", rule.id)).collect();
    joined(&named)
}

/// `a`, `b` and `c`.
fn joined(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// What rules quarrel about, for a message that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Alone,
    Bounds,
    Terms,
    Share,
    Room,
    Other,
}

impl Kind {
    fn of(members: &[(&Rule, Option<&str>)]) -> Self {
        let clauses: Vec<Clause<'_>> =
            members.iter().filter_map(|(rule, _)| clause::kept(rule.constraint.as_ref())).collect();
        let all = |holds: fn(&Clause<'_>) -> bool| clauses.iter().all(holds);
        let any = |holds: fn(&Clause<'_>) -> bool| clauses.iter().any(holds);
        if members.len() == 1 {
            Self::Alone
        } else if same_count(&clauses) {
            Self::Bounds
        } else if any(|clause| matches!(clause, Clause::Share { .. })) {
            Self::Share
        } else if any(|clause| {
            matches!(clause, Clause::Count { count: Count::Characters | Count::Words, most: Some(_), .. })
        }) {
            Self::Room
        } else if all(|clause| matches!(clause, Clause::Absent(_) | Clause::Any(_) | Clause::All(_)))
            && any(|clause| matches!(clause, Clause::Absent(_)))
            && any(|clause| matches!(clause, Clause::Any(_) | Clause::All(_)))
        {
            Self::Terms
        } else {
            Self::Other
        }
    }

    fn code(self) -> Code {
        match self {
            Self::Alone => codes::IMPOSSIBLE_RULE,
            Self::Bounds => codes::MIN_ABOVE_MAX,
            Self::Terms => codes::REQUIRED_FORBIDDEN,
            Self::Share => codes::SHARE_UNREACHABLE,
            Self::Room => codes::NO_ROOM,
            Self::Other => codes::CONTRADICTION,
        }
    }

    /// The member that the finding points to: what asks for something, where another rule forbids.
    fn first(self, members: &[(&Rule, Option<&str>)]) -> usize {
        let asks = |fact: &Fact<'_>| match self {
            Self::Bounds => matches!(fact, Fact::MinSentences(_) | Fact::MinChars(_)),
            Self::Share => matches!(fact, Fact::Share { .. }),
            _ => matches!(
                fact,
                Fact::Required { .. } | Fact::Pattern { must: true, .. } | Fact::MinSentences(_) | Fact::MinChars(_)
            ),
        };
        members.iter().position(|(rule, _)| asks(&rule.constraint.fact())).unwrap_or(0)
    }

    fn message(self, members: &[(&Rule, Option<&str>)]) -> String {
        let named: Vec<String> = members.iter().map(|(rule, _)| format!("`{}`", rule.id)).collect();
        let names = joined(&named);
        match self {
            Self::Alone => format!("no reply keeps {names}"),
            Self::Bounds => format!("{names} cannot hold together: the lower bound is above the upper one"),
            Self::Terms => format!("{names} cannot hold together: what is required holds something forbidden"),
            Self::Share if forbids(members) => {
                format!("{names} cannot hold together: too few sentences of that form hold nothing forbidden")
            }
            Self::Share => format!("{names} cannot hold together: no number of sentences has such shares"),
            Self::Room => format!("{names} cannot hold together: what is asked for does not fit"),
            Self::Other => format!("{names} cannot hold together: no reply keeps all of them"),
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Alone => "loosen it or remove it",
            _ => "loosen or remove any one of them",
        }
    }
}
