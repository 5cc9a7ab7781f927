//! `heartbeat { timeout 30s  floor 5s  base { 4g 8s  3g 15s  2g 30s  slow-2g 60s  other 10s } }`.

use std::time::Duration;

use super::Report;
use super::words::Words;
use crate::ast::Entry;
use crate::contract::{Base, Heartbeat};
use crate::diagnostic::codes;
use crate::span::Span;

const WORDS: Words = Words { place: "`heartbeat`", known: &["timeout", "floor", "base"], later: &[] };
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
    for field in WORDS.sort(report.section(entry), report) {
        match field.keyword.value.as_str() {
            "timeout" => heartbeat.timeout = time(&field, 5, 600, "a time from `5s` to `10m`", report),
            "floor" => heartbeat.floor = time(&field, 1, 60, "a time from `1s` to `60s`", report),
            _ => base(&field, &mut heartbeat.base, &mut intervals, report),
        }
    }
    let timeout = heartbeat.timeout.unwrap_or(TIMEOUT);
    let floor = heartbeat.floor.unwrap_or(FLOOR);
    if floor >= timeout {
        report.add(codes::DOES_NOT_FIT, entry.keyword.span, "the floor is not below the timeout", |finding| {
            finding
                .with_help("a connection that beats no more often than this expires: lower `floor` or raise `timeout`")
        });
    }
    for (interval, span) in intervals {
        if interval < floor {
            report.add(
                codes::DOES_NOT_FIT,
                span,
                format!("this interval is below the floor of {floor:?}"),
                |finding| finding.with_help("raise the interval, or lower `floor`"),
            );
        } else if interval > timeout * MOST_TIMEOUTS {
            let message = format!("this interval is more than {MOST_TIMEOUTS} times the timeout of {timeout:?}");
            report.add(codes::DOES_NOT_FIT, span, message, |finding| {
                finding.with_help("lower the interval, or raise `timeout`")
            });
        }
    }
    heartbeat
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
