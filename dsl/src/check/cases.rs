//! `cases { … }`: the author's own examples.

use std::collections::HashMap;

use super::Report;
use super::words::Words;
use crate::ast::{Arg, Broken, Entry};
use crate::contract::{Case, Expect};
use crate::diagnostic::codes;
use crate::span::{Span, Spanned};

const WORDS: Words = Words { place: "a case", known: &["user", "reply", "expect"], later: &[] };

/// Cases of one role; each is judged whenever the contract is read.
const MAX_CASES: usize = 1000;

/// What a case may refer to.
pub(super) struct Ids<'a> {
    /// The rule ids that `violates` may name.
    pub(super) known: &'a [String],
    /// Whether some rule could not be read, so that an id may be one of those.
    pub(super) open: bool,
    /// What of the file could not be read.
    pub(super) broken: &'a [Broken],
}

pub(super) fn check(entry: &Entry, ids: &Ids<'_>, report: &mut Report<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut titles: HashMap<String, Span> = HashMap::new();
    for (index, written) in report.section(entry).iter().enumerate() {
        if index == MAX_CASES {
            report.too_many(written.span, &format!("more than {MAX_CASES} cases"));
            break;
        }
        let Some(case) = case(written, ids, report) else { continue };
        if let Some(first) = titles.get(&case.title.value) {
            report.duplicate(&case.title.value, case.title.span, *first);
        } else {
            titles.insert(case.title.value.clone(), case.title.span);
        }
        cases.push(case);
    }
    cases
}

fn case(entry: &Entry, ids: &Ids<'_>, report: &mut Report<'_>) -> Option<Case> {
    if entry.keyword.value != "case" || entry.label.is_some() {
        let span = entry.label.as_ref().unwrap_or(&entry.keyword).span;
        let message = format!("`cases` has no `{}`", report.source.slice(span));
        report.add(codes::UNKNOWN_WORD, span, message, |finding| {
            finding.with_help("write `case \"title\" { user \"…\"  reply \"…\"  expect pass }`").did_you_mean(
                &entry.keyword.value,
                span,
                ["case"],
            )
        });
        return None;
    }
    let title = match entry.args.as_slice() {
        [Spanned { value: Arg::Str(title), span }] if !title.trim().is_empty() => Spanned::new(title.clone(), *span),
        _ => {
            malformed(entry.span, "a case has one title in quotes", "write `case \"what it shows\" { … }`", report);
            return None;
        }
    };
    let [body] = entry.blocks.as_slice() else {
        malformed(title.span, "a case has one block", "write `{ user \"…\"  reply \"…\"  expect pass }`", report);
        return None;
    };
    let mut case = Case { title, user: None, reply: None, expect: Expect::Pass, span: entry.span };
    let mut expected = None;
    let fields = WORDS.sort(&body.entries, report);
    for field in &fields {
        match field.keyword.value.as_str() {
            "user" => case.user = report.text(field),
            // An empty reply is a reply: a case may show that it is refused.
            "reply" => case.reply = reply(field, report),
            _ => expected = Some((expect(field, ids, report), field.span)),
        }
    }
    let inside = |broken: &Broken| body.span.start <= broken.span.start && broken.span.end <= body.span.end;
    if !ids.broken.iter().any(inside) {
        complete(&case, &fields, expected.as_ref(), report);
    }
    if let Some((Some(expect), _)) = expected {
        case.expect = expect;
    }
    Some(case)
}

fn reply(field: &Entry, report: &mut Report<'_>) -> Option<Spanned<String>> {
    match field.args.as_slice() {
        [Spanned { value: Arg::Str(text), span }] if field.blocks.is_empty() => Some(Spanned::new(text.clone(), *span)),
        _ => report.text(field),
    }
}

/// Which parts belong together: a reply and what to expect of it, or a user turn alone.
fn complete(case: &Case, fields: &[Entry], expected: Option<&(Option<Expect>, Span)>, report: &mut Report<'_>) {
    let has = |word: &str| fields.iter().any(|field| field.keyword.value == word);
    match expected {
        Some((Some(Expect::Violates(_)), span)) if !has("reply") => {
            malformed(*span, "`expect violates` without a reply to judge", "add `reply \"…\"`", report);
        }
        None if has("reply") => {
            let help = "add `expect pass` or `expect violates rule_id`";
            malformed(case.title.span, "a case with a reply says what to expect of it", help, report);
        }
        _ if !has("user") && !has("reply") => {
            let help = "write `user \"…\"`, or `reply \"…\"` and `expect pass`";
            malformed(case.title.span, "a case with neither a user turn nor a reply", help, report);
        }
        _ => {}
    }
}

fn expect(field: &Entry, ids: &Ids<'_>, report: &mut Report<'_>) -> Option<Expect> {
    const HELP: &str = "write `expect pass` or `expect violates rule_id, rule_id`";
    let verdict = field.args.first();
    let word = match verdict.map(|arg| &arg.value) {
        Some(Arg::Word(word)) => word.as_str(),
        _ => "",
    };
    let rest = field.args.get(1..).unwrap_or_default();
    if word == "pass" && rest.is_empty() && field.blocks.is_empty() {
        return Some(Expect::Pass);
    }
    if word != "violates" || rest.is_empty() || !field.blocks.is_empty() {
        let span = verdict.map_or(field.span, |arg| arg.span);
        report.add(codes::MALFORMED_CASE, span, "`expect` does not take this", |finding| {
            let finding = finding.with_help(HELP);
            if ["pass", "violates", ""].contains(&word) {
                return finding;
            }
            finding.did_you_mean(word, span, ["pass", "violates"])
        });
        return None;
    }
    let mut violates = Vec::new();
    for arg in rest.iter().filter(|arg| arg.value != Arg::Comma) {
        let Arg::Word(id) = &arg.value else {
            malformed(arg.span, "`violates` names rules by their id", HELP, report);
            continue;
        };
        if ids.known.contains(id) {
            violates.push(Spanned::new(id.clone(), arg.span));
        } else if !ids.open {
            report.add(codes::UNKNOWN_RULE, arg.span, format!("no rule is named `{id}`"), |finding| {
                let all: Vec<String> = ids.known.iter().map(|id| format!("`{id}`")).collect();
                let finding = if all.is_empty() {
                    finding.with_help("the role has no rules")
                } else {
                    finding.with_help(format!("the rules are {}", all.join(", ")))
                };
                finding.did_you_mean(id, arg.span, ids.known.iter().map(String::as_str))
            });
        }
    }
    Some(Expect::Violates(violates))
}

fn malformed(span: Span, message: &str, help: &str, report: &mut Report<'_>) {
    report.add(codes::MALFORMED_CASE, span, message, |finding| finding.with_help(help));
}
