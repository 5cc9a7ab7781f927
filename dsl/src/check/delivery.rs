//! `delivery { … }`.

use std::time::Duration;

use super::Report;
use super::words::Words;
use crate::ast::{Arg, Entry};
use crate::contract::{Delivery, OnFailure};
use crate::diagnostic::codes;
use crate::params;

const WORDS: Words =
    Words { place: "`delivery`", known: &["policy", "expire"], later: &["group_by", "merge", "dedup"] };

/// The longest time a message is kept: 365 days.
const MAX_EXPIRE: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) fn check(entry: &Entry, report: &mut Report<'_>) -> Delivery {
    let mut delivery = Delivery::default();
    for field in WORDS.sort(report.section(entry), report) {
        if field.keyword.value == "expire" {
            delivery.expire = expire(&field, report);
            continue;
        }
        delivery.policy = params::policy(&field, report.source, report.findings);
        if delivery.policy.as_ref().is_some_and(|policy| policy.on_failure == OnFailure::Fallback) {
            let message = "`on_failure fallback` answers a turn; a delivery has none";
            report.add(codes::WRONG_OPTION, field.span, message, |finding| {
                finding.with_help("write `on_failure allow` to deliver unmerged, or `on_failure reject`")
            });
        }
    }
    delivery
}

fn expire(field: &Entry, report: &mut Report<'_>) -> Option<Duration> {
    const TAKES: &str = "a time from `1s` to `365d`";
    let arg = report.single(field, TAKES)?;
    let Arg::Duration(milliseconds) = arg.value else {
        report.wrong(field, arg.span, TAKES);
        return None;
    };
    let expire = Duration::from_millis(milliseconds);
    if !(Duration::from_secs(1)..=MAX_EXPIRE).contains(&expire) {
        report.add(codes::OUT_OF_RANGE, arg.span, format!("`expire` is {TAKES}"), |finding| finding);
        return None;
    }
    Some(expire)
}
