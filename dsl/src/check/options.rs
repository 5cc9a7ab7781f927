//! The options that every rule shares: `on_violation` and `severity`.

use super::Report;
use super::words::split;
use crate::ast::{Arg, Body, Entry};
use crate::constraint;
use crate::contract::OnViolation;
use crate::diagnostic::{Severity, codes, nearest};
use crate::span::{Span, Spanned};

const OPTIONS: [&str; 2] = ["on_violation", "severity"];
const REACTIONS: [&str; 5] = ["truncate", "redact", "repair", "reject", "fallback"];
const TAKES_REACTION: &str = "`truncate`, `redact \"…\"`, `repair 1` to `repair 5`, `reject` or `fallback`";

/// The kinds that can do more than ask again, give up or say the fallback.
const REDACTABLE: &[&str] = &["forbidden_terms", "must_not_match", "no_urls", "no_emoji", "script"];
const TRUNCATABLE: &[&str] = &["max_sentences", "max_chars", "max_words"];

/// What a rule's blocks say beside the kind's own parameters.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) on_violation: Option<Spanned<OnViolation>>,
    pub(super) severity: Option<Spanned<Severity>>,
}

/// Takes the shared options out of an entry's blocks. Blocks that held nothing else are removed.
pub(super) fn take(entry: &mut Entry, report: &mut Report<'_>) -> Options {
    let mut options = Options::default();
    let mut rest = Vec::new();
    let own = constraint::options(&entry.keyword.value);
    for block in std::mem::take(&mut entry.blocks) {
        let written = block.entries.len();
        let (shared, own): (Vec<Entry>, Vec<Entry>) = block
            .entries
            .iter()
            .flat_map(|written| apart(written, own))
            .partition(|option| option.label.is_none() && OPTIONS.contains(&option.keyword.value.as_str()));
        for option in &shared {
            options.read(option, report);
        }
        if written == 0 || !own.is_empty() {
            rest.push(Body { entries: own, span: block.span });
        }
    }
    entry.blocks = rest;
    options
}

/// The options that stand on one line, misspelt ones included, and those of the kind itself.
fn apart(written: &Entry, own: &[&str]) -> Vec<Entry> {
    let words = written.args.iter().filter_map(|arg| match &arg.value {
        Arg::Word(word) if own.contains(&word.as_str()) || nearest(word, OPTIONS).is_some() => Some(word.as_str()),
        _ => None,
    });
    split(written, &words.collect::<Vec<_>>())
}

/// What is left in the blocks of a kind that has no parameters of its own.
pub(super) fn unknown(entry: &mut Entry, report: &mut Report<'_>) {
    for option in std::mem::take(&mut entry.blocks).iter().flat_map(|block| &block.entries) {
        let word = &option.keyword;
        let message = format!("`{}` is not an option of a rule", word.value);
        report.add(codes::UNKNOWN_OPTION, word.span, message, |finding| {
            finding.with_help("rules have `on_violation` and `severity`").did_you_mean(&word.value, word.span, OPTIONS)
        });
    }
}

/// Whether a kind can react so; a finding when it cannot.
pub(super) fn possible(kind: &str, reaction: &Spanned<OnViolation>, report: &mut Report<'_>) {
    let (word, kinds) = match reaction.value {
        OnViolation::Redact(_) => ("redact", REDACTABLE),
        OnViolation::Truncate => ("truncate", TRUNCATABLE),
        _ => return,
    };
    if kinds.contains(&kind) {
        return;
    }
    let kinds: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
    report.add(codes::IMPOSSIBLE_REACTION, reaction.span, format!("`{kind}` cannot `{word}`"), |finding| {
        let kinds = kinds.join(", ");
        finding.with_help(format!("`{word}` is for {kinds}; use `repair 2`, `fallback` or `reject`"))
    });
}

impl Options {
    fn read(&mut self, option: &Entry, report: &mut Report<'_>) {
        let word = option.keyword.value.as_str();
        let span = option.span;
        if word == "severity" {
            let Some(severity) = severity(option, report) else { return };
            match &self.severity {
                Some(first) => report.duplicate(word, option.keyword.span, first.span),
                None => self.severity = Some(Spanned::new(severity, span)),
            }
        } else if let Some(reaction) = reaction(option, report) {
            match &self.on_violation {
                Some(first) => report.duplicate(word, option.keyword.span, first.span),
                None => self.on_violation = Some(Spanned::new(reaction, span)),
            }
        }
    }
}

fn severity(option: &Entry, report: &mut Report<'_>) -> Option<Severity> {
    let severity = match option.args.as_slice() {
        [Spanned { value: Arg::Word(word), .. }] if option.blocks.is_empty() => match word.as_str() {
            "error" => Some(Severity::Error),
            "warning" => Some(Severity::Warning),
            "note" => Some(Severity::Note),
            _ => None,
        },
        _ => None,
    };
    if severity.is_none() {
        wrong(option, "`error`, `warning` or `note`", &["error", "warning", "note"], report);
    }
    severity
}

fn reaction(option: &Entry, report: &mut Report<'_>) -> Option<OnViolation> {
    let values: Vec<&Arg> = option.args.iter().map(|arg| &arg.value).collect();
    let reaction = match values.as_slice() {
        [Arg::Word(word)] => match word.as_str() {
            "truncate" => Some(OnViolation::Truncate),
            "reject" => Some(OnViolation::Reject),
            "fallback" => Some(OnViolation::Fallback),
            _ => None,
        },
        [Arg::Word(word), Arg::Str(text)] if word == "redact" => Some(OnViolation::Redact(text.clone())),
        [Arg::Word(word), Arg::Int(times)] if word == "repair" => {
            u8::try_from(*times).ok().filter(|times| (1..=5).contains(times)).map(OnViolation::Repair)
        }
        _ => None,
    };
    if reaction.is_none() || !option.blocks.is_empty() {
        wrong(option, TAKES_REACTION, &REACTIONS, report);
        return None;
    }
    reaction
}

fn wrong(option: &Entry, takes: &str, candidates: &[&str], report: &mut Report<'_>) {
    let span = option.args.first().map_or(option.span, |first| {
        let last = option.args.last().unwrap_or(first);
        first.span.to(last.span)
    });
    let name = &option.keyword.value;
    let first: Option<(&str, Span)> = option.args.first().and_then(|arg| match &arg.value {
        Arg::Word(word) if !candidates.contains(&word.as_str()) => Some((word.as_str(), arg.span)),
        _ => None,
    });
    report.add(codes::WRONG_OPTION, span, format!("`{name}` does not take this"), |finding| {
        let finding = finding.with_help(format!("`{name}` takes {takes}"));
        match first {
            Some((word, place)) => finding.did_you_mean(word, place, candidates.iter().copied()),
            None => finding,
        }
    });
}
