//! `merge window 300ms slide 100ms flush_at 50 messages flush_on high`.

use std::time::Duration;

use super::Report;
use crate::ast::{Arg, Entry};
use crate::contract::{Merge, Priority};
use crate::diagnostic::codes;
use crate::span::{Span, Spanned};

const PARTS: [&str; 4] = ["window", "slide", "flush_at", "flush_on"];
const TAKES: &str = "`window 300ms`, and perhaps `slide 100ms`, `flush_at 50 messages`, `flush_on high`";
const TAKES_TIME: &str = "a time from `1ms` to `24h`";
const TAKES_COUNT: &str = "a number from 2 to 10000: `flush_at 50 messages`";
const TAKES_PRIORITY: &str = "`low`, `normal` or `high`";
const LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) fn check(field: &Entry, report: &mut Report<'_>) -> Option<Merge> {
    if let Some(block) = field.blocks.first() {
        report.wrong(field, block.span, TAKES);
        return None;
    }
    let mut parts = Parts::default();
    let mut seen: Vec<(&str, Span)> = Vec::new();
    let mut readable = true;
    let mut rest = field.args.as_slice();
    while let Some((Spanned { value: Arg::Word(word), span }, behind)) = rest.split_first() {
        let Some(part) = PARTS.iter().find(|part| *part == word) else { break };
        if let Some((_, first)) = seen.iter().find(|(known, _)| known == part) {
            report.duplicate(part, *span, *first);
        }
        seen.push((part, *span));
        let Some((value, behind)) = behind.split_first() else { break };
        readable &= parts.read(part, field, value, report);
        rest = match behind {
            [Spanned { value: Arg::Word(unit), .. }, more @ ..] if *part == "flush_at" && unit == "messages" => more,
            more => more,
        };
    }
    if let Some(stray) = rest.first() {
        report.wrong(field, stray.span, TAKES);
        return None;
    }
    let Some(window) = parts.window.as_ref() else {
        if readable {
            report.wrong(field, field.keyword.span, TAKES);
        }
        return None;
    };
    if let Some(slide) = parts.slide.as_ref().filter(|slide| slide.value > window.value) {
        report.add(codes::DOES_NOT_FIT, slide.span, "`slide` is longer than `window`", |finding| {
            finding
                .with_related(window.span, "the window")
                .with_help("a message prolongs the gathering by `slide`, and never beyond `window`: shorten it")
        });
    }
    Some(Merge {
        window: window.value,
        slide: parts.slide.map(|slide| slide.value),
        flush_at: parts.flush_at,
        flush_on: parts.flush_on,
    })
}

#[derive(Default)]
struct Parts {
    window: Option<Spanned<Duration>>,
    slide: Option<Spanned<Duration>>,
    flush_at: Option<u32>,
    flush_on: Option<Priority>,
}

impl Parts {
    /// Whether the value is one that the part takes.
    fn read(&mut self, part: &str, field: &Entry, value: &Spanned<Arg>, report: &mut Report<'_>) -> bool {
        match part {
            "window" | "slide" => {
                let range = Duration::from_millis(1)..=LONGEST;
                let Some(time) = report.duration(field, value, range, TAKES_TIME) else { return false };
                let time = Some(Spanned::new(time, value.span));
                if part == "window" { self.window = time } else { self.slide = time }
            }
            "flush_at" => match value.value {
                Arg::Int(count @ 2..=10_000) => self.flush_at = u32::try_from(count).ok(),
                Arg::Int(_) => {
                    report.out_of_range(field, value.span, TAKES_COUNT);
                    return false;
                }
                _ => {
                    report.wrong(field, value.span, TAKES_COUNT);
                    return false;
                }
            },
            _ => {
                let word = report.source.slice(value.span).to_owned();
                self.flush_on = match word.as_str() {
                    "low" => Some(Priority::Low),
                    "normal" => Some(Priority::Normal),
                    "high" => Some(Priority::High),
                    _ => None,
                };
                if self.flush_on.is_none() {
                    let message = format!("`flush_on` takes {TAKES_PRIORITY}");
                    report.add(codes::WRONG_VALUE, value.span, message, |finding| {
                        finding.did_you_mean(&word, value.span, ["low", "normal", "high"])
                    });
                    return false;
                }
            }
        }
        true
    }
}
