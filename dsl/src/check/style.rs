//! `style [ "…", "…" ]`: examples of a role's tone.

use super::Report;
use crate::ast::{Arg, Entry};
use crate::diagnostic::codes;
use crate::span::Spanned;

const TAKES: &str = "a list of texts: `[\"…\", \"…\"]`";

/// Samples of one role; each goes into every prompt.
const MAX_SAMPLES: usize = 32;

/// Bytes of one sample.
const MAX_SAMPLE_BYTES: usize = 2_000;

pub(super) fn check(entry: &Entry, report: &mut Report<'_>) -> Option<Vec<Spanned<String>>> {
    let arg = report.single(entry, TAKES)?;
    let Arg::List(items) = &arg.value else {
        report.wrong(entry, arg.span, TAKES);
        return None;
    };
    let mut samples: Vec<Spanned<String>> = Vec::new();
    for item in items.iter().filter(|item| item.value != Arg::Comma) {
        let Arg::Str(text) = &item.value else {
            report.wrong(entry, item.span, TAKES);
            continue;
        };
        if text.trim().is_empty() {
            report.add(codes::EMPTY_TEXT, item.span, "this sample is empty", |finding| {
                finding.with_help("say something, or remove it")
            });
        } else if text.len() > MAX_SAMPLE_BYTES {
            let message = format!("this sample has {} bytes", text.len());
            report.add(codes::OUT_OF_RANGE, item.span, message, |finding| {
                finding.with_help(format!("write at most {MAX_SAMPLE_BYTES} bytes: samples are part of every prompt"))
            });
        } else if let Some(first) = samples.iter().find(|known| known.value == *text) {
            report.duplicate(text, item.span, first.span);
        } else if samples.len() == MAX_SAMPLES {
            report.too_many(item.span, &format!("more than {MAX_SAMPLES} style samples"));
            break;
        } else {
            samples.push(Spanned::new(text.clone(), item.span));
        }
    }
    if items.is_empty() {
        report.add(codes::EMPTY_TEXT, arg.span, "`style` has no sample", |finding| {
            finding.with_help("write a sample, or remove it")
        });
    }
    Some(samples)
}
