//! `when CONDITION and CONDITION … { rules }`: the condition.

use super::Report;
use crate::ast::{Arg, Entry};
use crate::contract::{Guard, Language, Turn};
use crate::diagnostic::codes;
use crate::span::{Span, Spanned};

const DIMENSIONS: [&str; 3] = ["intent", "language", "turn"];
const HELP: &str =
    "write `when intent refund { … }`, `when language zh { … }` or `when turn first { … }`, several joined by `and`";

/// Reads the condition between `when` and its block. Every part that is wrong gets its finding.
pub(super) fn read(entry: &Entry, report: &mut Report<'_>) -> Option<Guard> {
    let span = condition(entry);
    let mut guard: Option<Guard> = None;
    let mut readable = true;
    for part in entry.args.split(|arg| matches!(&arg.value, Arg::Word(word) if word == "and")) {
        let place = part.first().zip(part.last()).map_or(span, |(first, last)| first.span.to(last.span));
        match condition_of(part, place, report) {
            Some(more) => guard = Some(guard.map_or_else(|| more.clone(), |known| known.and(&more))),
            None => readable = false,
        }
    }
    guard.map(|guard| Guard { span, ..guard }).filter(|_| readable)
}

/// The condition as written, or the word `when` where there is none.
pub(super) fn condition(entry: &Entry) -> Span {
    let ends = entry.args.first().zip(entry.args.last());
    ends.map_or(entry.keyword.span, |(first, last)| first.span.to(last.span))
}

/// One `dimension value | value`.
fn condition_of(part: &[Spanned<Arg>], place: Span, report: &mut Report<'_>) -> Option<Guard> {
    let Some((Spanned { value: Arg::Word(dimension), span }, values)) = part.split_first() else {
        malformed(place, "a condition is `intent`, `language` or `turn` and its value", report);
        return None;
    };
    if !DIMENSIONS.contains(&dimension.as_str()) {
        let message = format!("`when` does not know `{dimension}`");
        report.add(codes::MALFORMED_GUARD, *span, message, |finding| {
            finding.with_help(HELP).did_you_mean(dimension, *span, DIMENSIONS)
        });
        return None;
    }
    let values = alternatives(dimension, values, place, report)?;
    let mut guard = Guard { intents: None, languages: None, turns: None, source: report.source.clone(), span: place };
    match dimension.as_str() {
        "intent" => guard.intents = Some(values),
        "language" => {
            guard.languages = Some(chosen(&values, &[("zh", Language::Zh), ("en", Language::En)], report)?);
        }
        _ => guard.turns = Some(chosen(&values, &[("first", Turn::First), ("later", Turn::Later)], report)?),
    }
    Some(guard)
}

/// Words with bars between them.
fn alternatives(
    dimension: &str,
    args: &[Spanned<Arg>],
    place: Span,
    report: &mut Report<'_>,
) -> Option<Vec<Spanned<String>>> {
    let mut values: Vec<Spanned<String>> = Vec::new();
    let mut expects_value = true;
    for arg in args {
        match &arg.value {
            Arg::Bar if !expects_value => expects_value = true,
            Arg::Word(word) if expects_value => {
                if !values.iter().any(|known| known.value == *word) {
                    values.push(Spanned::new(word.clone(), arg.span));
                }
                expects_value = false;
            }
            Arg::Word(_) => {
                malformed(arg.span, "two values without `|` between them", report);
                return None;
            }
            _ => {
                malformed(arg.span, "the value of a condition is a word", report);
                return None;
            }
        }
    }
    if expects_value {
        malformed(place, &format!("`{dimension}` lacks a value"), report);
        return None;
    }
    Some(values)
}

fn chosen<T: Copy>(values: &[Spanned<String>], choices: &[(&str, T)], report: &mut Report<'_>) -> Option<Vec<T>> {
    let mut chosen = Vec::new();
    for value in values {
        let Some((_, choice)) = choices.iter().find(|(word, _)| *word == value.value) else {
            let known: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let message = format!("`{}` is none of {}", value.value, known.join(", "));
            report.add(codes::MALFORMED_GUARD, value.span, message, |finding| {
                finding.with_help(HELP).did_you_mean(&value.value, value.span, known)
            });
            return None;
        };
        chosen.push(*choice);
    }
    Some(chosen)
}

fn malformed(span: Span, message: &str, report: &mut Report<'_>) {
    report.add(codes::MALFORMED_GUARD, span, message, |finding| finding.with_help(HELP));
}
