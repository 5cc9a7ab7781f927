//! `intents { refund "I want my money back" | "refund please" -> action issue_refund }`.

use super::Report;
use super::words::is_joined;
use crate::ast::{Arg, Entry};
use crate::contract::{Intent, is_readable, same_sample};
use crate::diagnostic::codes;
use crate::span::{Span, Spanned};

const HELP: &str = "write `refund \"I want my money back\" | \"refund please\" -> action issue_refund`";

/// Intents of one role, and samples of one intent.
const MAX_INTENTS: usize = 64;
const MAX_SAMPLES: usize = 64;

pub(super) fn check(entry: &Entry, report: &mut Report<'_>) -> Vec<Intent> {
    let mut intents: Vec<Intent> = Vec::new();
    for written in report.section(entry).iter().flat_map(apart) {
        if intents.len() == MAX_INTENTS {
            report.too_many(written.span, &format!("more than {MAX_INTENTS} intents"));
            break;
        }
        let Some(intent) = intent(&written, report) else { continue };
        if let Some(first) = intents.iter().find(|known| known.name == intent.name) {
            report.duplicate(&intent.name.value, intent.name.span, first.name.span);
            continue;
        }
        told_apart(&intent, &intents, report);
        intents.push(intent);
    }
    if let Some(intent) = intents.iter().find(|intent| intent.action.is_some()) {
        let span = intent.action.as_ref().map_or(intent.name.span, |action| action.span);
        report.not_in_effect("`-> action`", "an intent chooses rules and starts nothing", span);
    }
    intents
}

/// Splits intents that stand on one line: behind `-> action name` a word begins the next one.
fn apart(entry: &Entry) -> Vec<Entry> {
    let arrow = entry.args.iter().position(|arg| arg.value == Arg::Arrow);
    entry.split(|index, arg| {
        matches!(arg, Arg::Word(_)) && arrow.is_some_and(|arrow| index == arrow + 3) && !is_joined(entry, index)
    })
}

fn intent(entry: &Entry, report: &mut Report<'_>) -> Option<Intent> {
    let name = &entry.keyword;
    if let Some(label) = &entry.label {
        malformed(label.span, "only rules have labels", report);
        return None;
    }
    if let Some(block) = entry.blocks.first() {
        malformed(block.span, "an intent has no block", report);
        return None;
    }
    let arrow = entry.args.iter().position(|arg| arg.value == Arg::Arrow).unwrap_or(entry.args.len());
    let (written, action) = entry.args.split_at_checked(arrow).unwrap_or_default();
    let samples = samples(name, written, report)?;
    let action = match action {
        [] => None,
        [_, Spanned { value: Arg::Word(word), .. }, Spanned { value: Arg::Word(action), span }] if word == "action" => {
            Some(Spanned::new(action.clone(), *span))
        }
        [arrow, ..] => {
            malformed(arrow.span, "behind `->` stands `action` and its name", report);
            None
        }
    };
    Some(Intent::new(name.clone(), samples, action))
}

fn samples(name: &Spanned<String>, written: &[Spanned<Arg>], report: &mut Report<'_>) -> Option<Vec<Spanned<String>>> {
    let mut samples: Vec<Spanned<String>> = Vec::new();
    let mut expects_sample = true;
    for arg in written {
        match &arg.value {
            Arg::Bar if !expects_sample => {
                expects_sample = true;
                continue;
            }
            Arg::Str(text) if expects_sample => sample(text, arg.span, &mut samples, report),
            Arg::Str(_) => {
                malformed(arg.span, "two samples without `|` between them", report);
                return None;
            }
            _ => {
                malformed(arg.span, "a sample is a text in quotes", report);
                return None;
            }
        }
        expects_sample = false;
    }
    if expects_sample {
        let span = written.last().map_or(name.span, |last| last.span);
        let message = format!("the intent `{}` lacks a sample", name.value);
        report.add(codes::EMPTY_INTENT, span, message, |finding| finding.with_help(HELP));
        return None;
    }
    if samples.len() > MAX_SAMPLES {
        report.too_many(name.span, &format!("more than {MAX_SAMPLES} samples of one intent"));
        samples.truncate(MAX_SAMPLES);
    }
    Some(samples)
}

fn sample(text: &str, span: Span, samples: &mut Vec<Spanned<String>>, report: &mut Report<'_>) {
    if !is_readable(text) {
        report.add(codes::EMPTY_TEXT, span, "this sample has no word", |finding| {
            finding.with_help("write what a person would say")
        });
    } else if let Some(first) = samples.iter().find(|known| same_sample(&known.value, text)) {
        report.duplicate(text, span, first.span);
    } else {
        samples.push(Spanned::new(text.to_owned(), span));
    }
}

/// Samples that an earlier intent has as well: no message could tell the two apart.
fn told_apart(intent: &Intent, others: &[Intent], report: &mut Report<'_>) {
    for sample in &intent.samples {
        let twin = others.iter().find_map(|other| {
            let twin = other.samples.iter().find(|known| same_sample(&known.value, &sample.value));
            twin.map(|twin| (other, twin))
        });
        if let Some((other, twin)) = twin {
            let message = format!("`{}` is a sample of `{}` as well", sample.value, other.name.value);
            report.add(codes::DUPLICATE_SAMPLE, sample.span, message, |finding| {
                finding.with_related(twin.span, "the same words").with_help("keep it in one of the two intents")
            });
        }
    }
}

fn malformed(span: Span, message: &str, report: &mut Report<'_>) {
    report.add(codes::WRONG_VALUE, span, message, |finding| finding.with_help(HELP));
}
