//! `delivery { … }`.

use std::time::Duration;

use super::Report;
use super::words::{Words, gather};
use super::{dedup, merge};
use crate::ast::{Arg, Entry};
use crate::contract::{DEFAULT_EXPIRE, Delivery, GroupBy, Merge, OnFailure};
use crate::diagnostic::codes;
use crate::params;

const WORDS: Words =
    Words { place: "`delivery`", known: &["group_by", "merge", "dedup", "policy", "expire"], later: &[] };

/// Words with which `merge` and `dedup` go on.
const GO_ON: [&str; 7] = ["window", "slide", "flush_at", "messages", "flush_on", "levenshtein", "embedding"];

/// The longest time a message is kept: 365 days.
const MAX_EXPIRE: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) fn check(entry: &Entry, report: &mut Report<'_>) -> Delivery {
    let mut delivery = Delivery::default();
    let entries = gather(report.section(entry), WORDS.known, &GO_ON);
    let mut waiting = None;
    for field in WORDS.sort(&entries, report) {
        let word = field.keyword.value.as_str();
        if matches!(word, "group_by" | "merge" | "dedup") && waiting.is_none() {
            waiting = Some(field.keyword.span);
        }
        match word {
            "expire" => delivery.expire = expire(&field, report),
            "group_by" => delivery.group_by = group_by(&field, report),
            "merge" => {
                delivery.merge = merge::check(&field, report);
                within(delivery.merge, &entries, report);
            }
            "dedup" => delivery.dedup = dedup::check(&field, report),
            _ => delivery.policy = policy(&field, report),
        }
    }
    if let Some(span) = waiting {
        let instead = "waiting messages are grouped, merged and compared by the server and the policy plugin";
        report.not_in_effect("`group_by`, `merge` and `dedup`", instead, span);
    }
    delivery
}

fn policy(field: &Entry, report: &mut Report<'_>) -> Option<crate::contract::PolicyRef> {
    let policy = params::policy(field, report.source, report.findings);
    if policy.as_ref().is_some_and(|policy| policy.on_failure == OnFailure::Fallback) {
        let message = "`on_failure fallback` answers a turn; a delivery has none";
        report.add(codes::WRONG_OPTION, field.span, message, |finding| {
            finding.with_help("write `on_failure allow` to deliver unmerged, or `on_failure reject`")
        });
    }
    policy
}

/// A message must not expire while it is gathered.
fn within(merge: Option<Merge>, entries: &[Entry], report: &mut Report<'_>) {
    let Some(merge) = merge else { return };
    let place = |word: &str| entries.iter().find(|entry| entry.keyword.value == word);
    let written = place("expire").and_then(|entry| match entry.args.as_slice() {
        [arg] => Some((arg, entry)),
        _ => None,
    });
    let expire = match written {
        Some((arg, _)) => match arg.value {
            Arg::Duration(milliseconds) => Duration::from_millis(milliseconds),
            _ => return,
        },
        None => DEFAULT_EXPIRE,
    };
    let Some(merged) = place("merge").filter(|_| merge.window >= expire) else { return };
    report.add(codes::DOES_NOT_FIT, merged.span, "messages expire while they are gathered", |finding| {
        let finding = finding.with_help("shorten `window`, or raise `expire`");
        match written {
            Some((_, expire)) => finding.with_related(expire.span, "when they expire"),
            None => finding,
        }
    });
}

fn group_by(field: &Entry, report: &mut Report<'_>) -> Vec<GroupBy> {
    const TAKES: &str = "`intent`, `turn` and `timeliness`, with commas between them";
    const KNOWN: [(&str, GroupBy); 3] =
        [("intent", GroupBy::Intent), ("turn", GroupBy::Turn), ("timeliness", GroupBy::Timeliness)];
    let mut groups = Vec::new();
    for arg in field.args.iter().filter(|arg| arg.value != Arg::Comma) {
        let word = report.source.slice(arg.span).to_owned();
        match KNOWN.iter().find(|(known, _)| *known == word) {
            Some((_, group)) if groups.contains(group) => report.duplicate(&word, arg.span, field.keyword.span),
            Some((_, group)) => groups.push(*group),
            None => report.add(codes::WRONG_VALUE, arg.span, format!("`group_by` takes {TAKES}"), |finding| {
                finding.did_you_mean(&word, arg.span, KNOWN.iter().map(|(known, _)| *known))
            }),
        }
    }
    if field.args.is_empty() {
        report.wrong(field, field.keyword.span, TAKES);
    }
    if let Some(block) = field.blocks.first() {
        report.wrong(field, block.span, TAKES);
    }
    groups
}

fn expire(field: &Entry, report: &mut Report<'_>) -> Option<Duration> {
    const TAKES: &str = "a time from `1s` to `365d`";
    let arg = report.single(field, TAKES)?;
    report.duration(field, arg, Duration::from_secs(1)..=MAX_EXPIRE, TAKES)
}
