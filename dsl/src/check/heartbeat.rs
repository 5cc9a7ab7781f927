//! `heartbeat { mode table  timeout 30s  floor 5s  base { 4g 8s  3g 15s  2g 30s  slow-2g 60s  other 10s } }`.

use std::time::Duration;

use super::Report;
use super::words::Words;
use crate::ast::Entry;
use crate::contract::{Base, BeatMode, Heartbeat};
use crate::diagnostic::codes;
use crate::span::Span;

const WORDS: Words = Words { place: "`heartbeat`", known: &["mode", "timeout", "floor", "base"], later: &[] };
const NETWORKS: Words = Words { place: "`base`", known: &["4g", "3g", "2g", "slow-2g", "other"], later: &[] };

/// What holds where a contract says nothing: the protocol's own numbers.
const TIMEOUT: Duration = Duration::from_secs(30);
const FLOOR: Duration = Duration::from_secs(5);

/// How many times the timeout an interval may be: silence is asked about two thirds into the timeout,
/// so an interval above it is kept, and one far above it is a slip.
const MOST_TIMEOUTS: u32 = 10;

pub(super) fn check(entry: &Entry, report: &mut Report<'_>) -> Heartbeat {
    let mut heartbeat = Heartbeat::default();
    let mut intervals: Vec<(Duration, Span)> = Vec::new();
    let mut base_at = None;
    for field in WORDS.sort(report.section(entry), report) {
        match field.keyword.value.as_str() {
            "mode" => heartbeat.mode = mode(&field, report),
            "timeout" => heartbeat.timeout = time(&field, 5, 600, "a time from `5s` to `10m`", report),
            "floor" => heartbeat.floor = time(&field, 1, 60, "a time from `1s` to `60s`", report),
            _ => {
                base_at = Some(field.keyword.span);
                base(&field, &mut heartbeat.base, &mut intervals, report);
            }
        }
    }
    match (heartbeat.mode.unwrap_or_default(), base_at) {
        (BeatMode::Table, _) => table(&heartbeat, &intervals, entry.keyword.span, report),
        (BeatMode::Adaptive, base_at) => adaptive(&heartbeat, base_at, entry.keyword.span, report),
    }
    heartbeat
}

/// `table` or `adaptive`.
fn mode(field: &Entry, report: &mut Report<'_>) -> Option<BeatMode> {
    const TAKES: &str = "`table` or `adaptive`";
    const KNOWN: [(&str, BeatMode); 2] = [("table", BeatMode::Table), ("adaptive", BeatMode::Adaptive)];
    let arg = report.single(field, TAKES)?;
    let word = report.source.slice(arg.span).to_owned();
    let found = KNOWN.iter().find(|(known, _)| *known == word).map(|(_, mode)| *mode);
    if found.is_none() {
        report.add(codes::WRONG_VALUE, arg.span, format!("`mode` takes {TAKES}"), |finding| {
            finding.did_you_mean(&word, arg.span, KNOWN.iter().map(|(known, _)| *known))
        });
    }
    found
}

/// What must fit together where the interval comes from the table.
fn table(heartbeat: &Heartbeat, intervals: &[(Duration, Span)], at: Span, report: &mut Report<'_>) {
    let timeout = heartbeat.timeout.unwrap_or(TIMEOUT);
    let floor = heartbeat.floor.unwrap_or(FLOOR);
    if floor >= timeout {
        report.add(codes::DOES_NOT_FIT, at, "the floor is not below the timeout", |finding| {
            finding
                .with_help("a connection that beats no more often than this expires: lower `floor` or raise `timeout`")
        });
    }
    for (interval, span) in intervals {
        if *interval < floor {
            report.add(
                codes::DOES_NOT_FIT,
                *span,
                format!("this interval is below the floor of {floor:?}"),
                |finding| finding.with_help("raise the interval, or lower `floor`"),
            );
        } else if *interval > timeout * MOST_TIMEOUTS {
            let message = format!("this interval is more than {MOST_TIMEOUTS} times the timeout of {timeout:?}");
            report.add(codes::DOES_NOT_FIT, *span, message, |finding| {
                finding.with_help("lower the interval, or raise `timeout`")
            });
        }
    }
}

/// What must fit together where the interval is learned: half of the timeout is for the answer. A
/// floor that is not written gives way to a short timeout by itself.
fn adaptive(heartbeat: &Heartbeat, base_at: Option<Span>, at: Span, report: &mut Report<'_>) {
    let timeout = heartbeat.timeout.unwrap_or(TIMEOUT);
    if let Some(span) = base_at {
        report.add(codes::DOES_NOT_FIT, span, "`mode adaptive` learns the intervals that `base` sets", |finding| {
            finding.with_help("remove `base`, or write `mode table`; `timeout` and `floor` hold in both modes")
        });
    }
    if let Some(floor) = heartbeat.floor.filter(|floor| *floor * 2 > timeout) {
        let message = format!("the floor of {floor:?} is more than half of the timeout of {timeout:?}");
        report.add(codes::DOES_NOT_FIT, at, message, |finding| {
            finding.with_help("in `mode adaptive` an interval and the wait for an answer share the timeout: lower `floor` or raise `timeout`")
        });
    }
}

fn base(field: &Entry, base: &mut Base, intervals: &mut Vec<(Duration, Span)>, report: &mut Report<'_>) {
    for network in NETWORKS.sort(report.section(field), report) {
        let interval = time(&network, 1, 600, "a time from `1s` to `10m`", report);
        intervals.extend(interval.map(|interval| (interval, network.span)));
        *match network.keyword.value.as_str() {
            "4g" => &mut base.four_g,
            "3g" => &mut base.three_g,
            "2g" => &mut base.two_g,
            "slow-2g" => &mut base.slow_two_g,
            _ => &mut base.other,
        } = interval;
    }
}

fn time(field: &Entry, from: u64, to: u64, takes: &str, report: &mut Report<'_>) -> Option<Duration> {
    let arg = report.single(field, takes)?;
    report.duration(field, arg, Duration::from_secs(from)..=Duration::from_secs(to), takes)
}
