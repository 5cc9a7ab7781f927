//! Changes to a rule as it is written: a number moved by a step, a term left out, `any` for `all`.
//! They are made in the text and compiled again, so that no kind of rule has to know of them.

use std::sync::Arc;

use rolecall_dsl::ast::{Arg, Entry, Op};
use rolecall_dsl::compile;
use rolecall_dsl::constraint::Constraint;
use rolecall_dsl::contract::Language;
use rolecall_dsl::parse::parse;
use rolecall_dsl::source::Source;
use rolecall_dsl::span::{Span, Spanned};

/// What a share is moved by, in basis points.
const SHARE_STEP: u32 = 1_000;

/// What a decimal number is moved by.
const DECIMAL_STEP: f64 = 0.1;

/// What stands in a block behind a rule and is no part of what it demands.
const OPTIONS: [&str; 3] = ["on_violation", "severity", "on_failure"];

/// The constraint that asks a plugin: its numbers stand in its block.
const POLICY: &str = "policy";

const BEHIND: &str = "\n    }\n}\n";

/// A change of one rule.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// What is changed, within the rule's text.
    pub(super) span: Span,
    /// `3 instead of 4`.
    pub(super) what: String,
    /// Which case would notice.
    pub(super) missing: String,
    /// What the rule then demands.
    pub(super) constraint: Arc<dyn Constraint>,
}

/// One replacement in a rule's text.
struct Edit {
    /// What is replaced.
    span: Span,
    /// What is shown: the term without the bar that goes with it.
    shown: Span,
    by: String,
    what: String,
    missing: String,
}

/// The changes of a rule that are rules again, at most `limit`, and how many were left out for it.
pub(super) fn changes(rule: &str, language: Option<Language>, limit: usize) -> (Vec<Change>, usize) {
    let before = before(language);
    let source = Source::new("rule", &format!("{before}{rule}{BEHIND}"));
    let tree = parse(&source, &mut Vec::new());
    let items = tree.roles.first().map_or(&[] as &[_], |role| role.items.as_slice());
    let section = items.iter().find(|item| item.keyword.value == "constraints").and_then(|item| item.body.as_ref());
    let Some(entry) = section.and_then(|body| body.entries.first()) else { return (Vec::new(), 0) };
    let mut edits = Vec::new();
    arguments(entry, &source, &mut edits);
    if entry.keyword.value == POLICY {
        let parameters = entry.blocks.iter().flat_map(|block| &block.entries);
        let parameters = parameters.filter(|it| !OPTIONS.contains(&it.keyword.value.as_str()));
        parameters.for_each(|parameter| numbers(parameter, &source, &mut edits));
    }
    let offset = u32::try_from(before.len()).unwrap_or(u32::MAX);
    let left_out = edits.len().saturating_sub(limit);
    (edits.into_iter().take(limit).filter_map(|edit| apply(edit, &source, offset)).collect(), left_out)
}

fn before(language: Option<Language>) -> String {
    let language = match language {
        Some(Language::Zh) => "zh",
        Some(Language::En) | None => "en",
    };
    // The fallback is there for rules that name it.
    format!(
        "role rule {{\n    version 1.0.0\n    language {language}\n    persona \"x\"\n    fallback \"x\"\n    constraints {{\n"
    )
}

/// The changed rule, if it still is one. What else the little role is found to be is of no matter.
fn apply(edit: Edit, source: &Source, offset: u32) -> Option<Change> {
    let text = source.text();
    let (head, tail) = (text.get(..edit.span.start as usize)?, text.get(edit.span.end as usize..)?);
    let compiled = compile(&Source::new("rule", &format!("{head}{}{tail}", edit.by)));
    let contract = compiled.contracts.into_iter().chain(compiled.drafts).next()?;
    let constraint = Arc::clone(&contract.rules.first()?.constraint);
    let span = Span::new(edit.shown.start.checked_sub(offset)?, edit.shown.end.checked_sub(offset)?);
    Some(Change { span, what: edit.what, missing: edit.missing, constraint })
}

fn arguments(entry: &Entry, source: &Source, edits: &mut Vec<Edit>) {
    numbers(entry, source, edits);
    terms(entry, source, edits);
    for arg in &entry.args {
        let other = match &arg.value {
            Arg::Word(word) if word == "any" => "all",
            Arg::Word(word) if word == "all" => "any",
            _ => continue,
        };
        edits.push(Edit {
            span: arg.span,
            shown: arg.span,
            by: other.to_owned(),
            what: format!("`{other}` instead of `{}`", source.slice(arg.span)),
            missing: "a case whose reply has some of the terms and not all of them".to_owned(),
        });
    }
}

/// A bound, moved so that the rule allows more: upper bounds up, lower bounds down.
fn numbers(entry: &Entry, source: &Source, edits: &mut Vec<Edit>) {
    let least = entry.keyword.value.starts_with("min");
    let mut lower = least;
    for arg in &entry.args {
        let by = match &arg.value {
            Arg::Op(Op::Ge | Op::Gt) => {
                lower = true;
                continue;
            }
            Arg::Op(_) => {
                lower = false;
                continue;
            }
            Arg::Int(number) if lower => number.checked_sub(1).map(|number| number.to_string()),
            Arg::Int(number) => number.checked_add(1).map(|number| number.to_string()),
            Arg::Percent(points) if lower => (*points > 0).then(|| percent(points.saturating_sub(SHARE_STEP))),
            Arg::Percent(points) => (*points < 10_000).then(|| percent((points + SHARE_STEP).min(10_000))),
            Arg::Float(number) if lower => Some(decimal((number - DECIMAL_STEP).max(0.0))),
            Arg::Float(number) => Some(decimal(number + DECIMAL_STEP)),
            _ => continue,
        };
        let Some(by) = by else { continue };
        let written = source.slice(arg.span);
        edits.push(Edit {
            span: arg.span,
            shown: arg.span,
            what: format!("{by} instead of {written}"),
            missing: format!("a case whose reply {written} refuses and {by} would allow"),
            by,
        });
    }
}

/// One alternative left out, where there are several.
fn terms(entry: &Entry, source: &Source, edits: &mut Vec<Edit>) {
    let is_term = |arg: &Spanned<Arg>| matches!(arg.value, Arg::Str(_) | Arg::Regex { .. });
    let is_gap = |arg: &Spanned<Arg>| matches!(arg.value, Arg::Bar | Arg::Comma);
    let count = entry.args.iter().filter(|arg| is_term(arg)).count();
    let mut before: Option<&Spanned<Arg>> = None;
    let mut rest = entry.args.as_slice();
    while let [arg, behind @ ..] = rest {
        rest = behind;
        if !is_term(arg) {
            before = Some(arg);
            continue;
        }
        let written = source.slice(arg.span);
        if count > 1 {
            let span = match (behind.first().filter(|next| is_gap(next)), before.filter(|last| is_gap(last))) {
                (Some(gap), _) => Span::new(arg.span.start, behind.get(1).map_or(gap.span.end, |it| it.span.start)),
                (None, Some(gap)) => gap.span.to(arg.span),
                (None, None) => arg.span,
            };
            edits.push(left_out((span, arg.span), String::new(), written));
        } else if matches!(arg.value, Arg::Str(_)) {
            parts(arg.span, written, edits);
        }
    }
}

/// The parts of `"AI|算法|2024"`.
fn parts(span: Span, written: &str, edits: &mut Vec<Edit>) {
    let inner = written.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    let parts: Vec<&str> = inner.split('|').collect();
    if parts.len() < 2 {
        return;
    }
    for (index, part) in parts.iter().enumerate() {
        let others: Vec<&str> = parts.iter().enumerate().filter(|it| it.0 != index).map(|it| *it.1).collect();
        edits.push(left_out((span, span), format!("\"{}\"", others.join("|")), &format!("\"{part}\"")));
    }
}

fn left_out((span, shown): (Span, Span), by: String, term: &str) -> Edit {
    let missing = format!("a case whose reply turns on {term} alone");
    Edit { span, shown, by, what: format!("{term} left out"), missing }
}

fn percent(points: u32) -> String {
    match points % 100 {
        0 => format!("{}%", points / 100),
        rest => format!("{}.{rest:02}%", points / 100),
    }
}

fn decimal(number: f64) -> String {
    // One step is a tenth: more digits than were written only come from the representation.
    let text = format!("{number:.4}");
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}
