//! `dedup guarded 0.3 levenshtein + 0.7 embedding >= 0.82`.

use super::Report;
use crate::ast::{Arg, Entry, Op};
use crate::contract::{Dedup, DedupBy, Measure};
use crate::diagnostic::codes;
use crate::span::{Span, Spanned};

const TAKES: &str = "`similarity`, `difference` or `guarded`, weighted measures and a bound: \
                     `guarded 0.3 levenshtein + 0.7 embedding >= 0.82`";

pub(super) fn check(field: &Entry, report: &mut Report<'_>) -> Option<Dedup> {
    if let Some(block) = field.blocks.first() {
        report.wrong(field, block.span, TAKES);
        return None;
    }
    let Some((first, rest)) = field.args.split_first() else {
        report.wrong(field, field.keyword.span, TAKES);
        return None;
    };
    let by = by(first, report)?;
    let bound = rest.iter().position(|arg| matches!(arg.value, Arg::Op(_))).unwrap_or(rest.len());
    let (sum, bound) = rest.split_at_checked(bound).unwrap_or_default();
    let at_least = at_least(field, bound, report);
    let weights = weights(field, sum, report);
    Some(Dedup { by, weights: weights?, at_least: at_least? })
}

fn by(arg: &Spanned<Arg>, report: &mut Report<'_>) -> Option<DedupBy> {
    const KNOWN: [(&str, DedupBy); 3] =
        [("similarity", DedupBy::Similarity), ("difference", DedupBy::Difference), ("guarded", DedupBy::Guarded)];
    let word = report.source.slice(arg.span).to_owned();
    let found = KNOWN.iter().find(|(known, _)| *known == word).map(|(_, by)| *by);
    if found.is_none() {
        report.add(codes::WRONG_VALUE, arg.span, format!("`dedup` takes {TAKES}"), |finding| {
            finding.did_you_mean(&word, arg.span, KNOWN.iter().map(|(known, _)| *known))
        });
    }
    found
}

/// `0.3 levenshtein + 0.7 embedding`; the weights sum to 1.
fn weights(field: &Entry, sum: &[Spanned<Arg>], report: &mut Report<'_>) -> Option<Vec<(Measure, f64)>> {
    let mut weights: Vec<(Measure, f64)> = Vec::new();
    for term in sum.split(|arg| arg.value == Arg::Plus) {
        let place = term.first().zip(term.last()).map_or(field.keyword.span, |(a, b)| a.span.to(b.span));
        let [weight, Spanned { value: Arg::Word(name), span }] = term else {
            report.wrong(field, place, TAKES);
            return None;
        };
        let measure = match name.as_str() {
            "levenshtein" => Measure::Levenshtein,
            "embedding" => Measure::Embedding,
            _ => {
                report.add(codes::WRONG_VALUE, *span, format!("`{name}` is no measure"), |finding| {
                    finding.with_help("the measures are `levenshtein` and `embedding`").did_you_mean(
                        name,
                        *span,
                        ["levenshtein", "embedding"],
                    )
                });
                return None;
            }
        };
        let weight = share(field, weight, report)?;
        if weights.iter().any(|(known, _)| *known == measure) {
            report.duplicate(name, *span, field.keyword.span);
            return None;
        }
        weights.push((measure, weight));
    }
    let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
    if (total - 1.0).abs() > 1e-6 {
        let place = sum.first().zip(sum.last()).map_or(field.keyword.span, |(a, b)| a.span.to(b.span));
        report.add(codes::DOES_NOT_FIT, place, format!("the weights sum to {total}"), |finding| {
            finding.with_help("let them sum to 1, such as 0.3 and 0.7")
        });
        return None;
    }
    Some(weights)
}

/// `>= 0.82`.
fn at_least(field: &Entry, bound: &[Spanned<Arg>], report: &mut Report<'_>) -> Option<f64> {
    match bound {
        [Spanned { value: Arg::Op(Op::Ge), .. }, value] => share(field, value, report),
        _ => {
            let span = bound.first().map_or(field.keyword.span, |first| first.span);
            let end = bound.last().map_or(span, |last| last.span);
            report.wrong(field, Span::to(span, end), TAKES);
            None
        }
    }
}

/// A number from 0 to 1.
fn share(field: &Entry, arg: &Spanned<Arg>, report: &mut Report<'_>) -> Option<f64> {
    const TAKES_SHARE: &str = "a number from 0.0 to 1.0";
    let value = match arg.value {
        Arg::Float(value) => value,
        Arg::Int(value) => f64::from(u32::try_from(value).unwrap_or(u32::MAX)),
        Arg::Percent(points) => f64::from(points) / 10_000.0,
        _ => {
            report.wrong(field, arg.span, TAKES);
            return None;
        }
    };
    if !(0.0..=1.0).contains(&value) {
        report.out_of_range(field, arg.span, TAKES_SHARE);
        return None;
    }
    Some(value)
}
