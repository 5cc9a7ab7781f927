//! `model { … }`.

use super::Report;
use super::words::Words;
use crate::ast::{Arg, Entry};
use crate::contract::ModelOptions;
use crate::diagnostic::codes;

const WORDS: Words = Words { place: "`model`", known: &["temperature", "max_tokens"], later: &["route"] };

pub(super) fn check(entry: &Entry, report: &mut Report<'_>) -> ModelOptions {
    let mut options = ModelOptions::default();
    for field in WORDS.sort(report.section(entry), report) {
        if field.keyword.value == "temperature" {
            options.temperature = temperature(&field, report);
        } else {
            options.max_tokens = max_tokens(&field, report);
        }
    }
    options
}

fn temperature(field: &Entry, report: &mut Report<'_>) -> Option<f64> {
    const TAKES: &str = "a number from 0.0 to 2.0";
    let arg = report.single(field, TAKES)?;
    let value = match arg.value {
        Arg::Float(value) => value,
        Arg::Int(value) => f64::from(u32::try_from(value).unwrap_or(u32::MAX)),
        _ => {
            report.wrong(field, arg.span, TAKES);
            return None;
        }
    };
    if !(0.0..=2.0).contains(&value) {
        report.add(codes::OUT_OF_RANGE, arg.span, format!("`temperature` is {TAKES}"), |finding| finding);
        return None;
    }
    Some(value)
}

fn max_tokens(field: &Entry, report: &mut Report<'_>) -> Option<u32> {
    const TAKES: &str = "a whole number from 1 to 100000";
    let arg = report.single(field, TAKES)?;
    let Arg::Int(value) = arg.value else {
        report.wrong(field, arg.span, TAKES);
        return None;
    };
    let value = u32::try_from(value).ok().filter(|value| (1..=100_000).contains(value));
    if value.is_none() {
        report.add(codes::OUT_OF_RANGE, arg.span, format!("`max_tokens` is {TAKES}"), |finding| finding);
    }
    value
}
