//! The entries of `constraints` and of `rules` sets: rules, `when` blocks and `use`.
//!
//! What is read is a list of *drafts*, which have no ids yet: a rule of a set is numbered where the
//! set is used ([`settle`](super::settle)).

use super::checker::Checker;
use super::options::{self, Options};
use super::words::is_joined;
use super::{Report, guards};
use crate::ast::{Arg, Body, Entry};
use crate::constraint;
use crate::contract::{Guard, OnFailure, OnViolation, Rule};
use crate::diagnostic::{Severity, codes};
use crate::source::Source;
use crate::span::{Span, Spanned};

const WHEN: &str = "when";
const USE: &str = "use";

/// Rules of one role; checking a text costs time for each.
pub(super) const MAX_RULES: usize = 256;

/// A rule before it has its id.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) label: Option<String>,
    pub(super) keyword: String,
    /// The label, or the keyword.
    pub(super) place: Span,
    /// The file it is written in.
    pub(super) source: Source,
    /// Nothing when it could not be read; its id is known all the same.
    pub(super) rule: Option<Rule>,
    /// The option that needs the role to have a fallback, and its name.
    pub(super) fallback: Option<(Span, &'static str)>,
    /// The `use`, in the block being read, through which it came.
    pub(super) via: Option<Span>,
}

/// What a block of rules gives.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pub(super) list: Vec<Draft>,
    /// Whether there are more than are checked.
    pub(super) too_many: bool,
    /// Whether a set that is used has errors.
    pub(super) broken: bool,
}

/// Reads a block of rules that is written in a file of the book.
pub(super) fn read(entries: &[Entry], module: usize, checker: &mut Checker<'_>, report: &mut Report<'_>) -> Drafts {
    let mut reader =
        Reader { kinds: constraint::keywords(), module, checker, used: Vec::new(), drafts: Drafts::default() };
    reader.block(entries, None, report);
    reader.drafts
}

struct Reader<'r, 'c> {
    kinds: Vec<&'static str>,
    module: usize,
    checker: &'r mut Checker<'c>,
    used: Vec<Spanned<String>>,
    drafts: Drafts,
}

impl Reader<'_, '_> {
    fn block(&mut self, entries: &[Entry], guard: Option<&Guard>, report: &mut Report<'_>) {
        let kinds = self.kinds.clone();
        for written in entries.iter().flat_map(|entry| apart(entry, &kinds)) {
            if self.drafts.list.len() >= MAX_RULES {
                if !std::mem::replace(&mut self.drafts.too_many, true) {
                    report.too_many(written.span, &format!("more than {MAX_RULES} rules"));
                }
                return;
            }
            match written.keyword.value.as_str() {
                word @ (WHEN | USE) if written.label.is_some() => {
                    let span = written.label.as_ref().map_or(written.span, |label| label.span);
                    report.add(codes::UNREADABLE, span, "only rules have labels", |finding| {
                        finding.with_help(format!("write `{word}` without a label"))
                    });
                }
                WHEN => self.when(&written, guard, report),
                USE => self.take(&written, guard, report),
                _ => self.drafts.list.push(draft(written, guard, &kinds, report)),
            }
        }
    }

    /// A `when` block. Rules whose condition cannot hold or be read are known by name alone.
    fn when(&mut self, entry: &Entry, outer: Option<&Guard>, report: &mut Report<'_>) {
        let place = guards::condition(entry);
        let inner = guards::read(entry, report);
        let guard = match (outer, inner) {
            (Some(outer), Some(inner)) => Some(outer.and(&inner)),
            (None, inner) => inner,
            (Some(_), None) => None,
        };
        let [body] = entry.blocks.as_slice() else {
            let span = entry.blocks.get(1).map_or(place, |second| second.span);
            report.add(codes::MALFORMED_GUARD, span, "`when` has one block of rules", |finding| {
                finding.with_help("write `when intent refund { max_sentences 6 }`")
            });
            return;
        };
        if body.entries.is_empty() && !self.is_torn(body) {
            report.add(codes::EMPTY_BLOCK, entry.keyword.span.to(place), "this `when` holds no rule", |finding| {
                finding.with_help("write rules between its braces, or remove it")
            });
        }
        let impossible = guard.as_ref().is_some_and(Guard::is_impossible);
        if impossible {
            report.add(codes::GUARD_NEVER_HOLDS, place, "this condition can never hold", |finding| {
                let finding = finding.with_help("a turn has one intent, one language and one place in the dialogue");
                match outer {
                    Some(outer) => finding.with_related(outer.span, "inside of this one"),
                    None => finding,
                }
            });
        }
        let before = self.drafts.list.len();
        self.block(&body.entries, guard.as_ref(), report);
        if impossible || guard.is_none() {
            self.drafts.list.iter_mut().skip(before).for_each(|draft| draft.rule = None);
        }
    }

    /// Whether something in the block could not be read.
    fn is_torn(&self, body: &Body) -> bool {
        let inside = |span: Span| body.span.start <= span.start && span.end <= body.span.end;
        self.checker.module(self.module).is_some_and(|module| module.file.broken.iter().any(|it| inside(it.span)))
    }

    /// `use NAME`.
    fn take(&mut self, entry: &Entry, guard: Option<&Guard>, report: &mut Report<'_>) {
        let ([Spanned { value: Arg::Word(name), span }], []) = (entry.args.as_slice(), entry.blocks.as_slice()) else {
            let span = entry.args.first().map_or(entry.keyword.span, |arg| arg.span);
            report.add(codes::UNKNOWN_SET, span, "`use` takes the name of one rule set", |finding| {
                finding.with_help("write `use some_name`, once for each set")
            });
            return;
        };
        if let Some(first) = self.used.iter().find(|known| known.value == *name) {
            report.duplicate(name, *span, first.span);
            return;
        }
        self.used.push(Spanned::new(name.clone(), *span));
        let Some(set) = self.checker.set_named(self.module, name, *span, report) else {
            self.drafts.broken = true;
            return;
        };
        self.drafts.broken |= set.bad;
        for draft in &set.drafts {
            if self.drafts.list.len() >= MAX_RULES {
                self.drafts.too_many = true;
                report.too_many(*span, &format!("more than {MAX_RULES} rules"));
                return;
            }
            self.bring(draft, *span, guard, report);
        }
    }

    /// A rule of a set that is used. One that came by another way already is the same rule.
    fn bring(&mut self, draft: &Draft, via: Span, outer: Option<&Guard>, report: &mut Report<'_>) {
        let mut draft = Draft { via: Some(via), ..draft.clone() };
        if let (Some(rule), Some(outer)) = (&mut draft.rule, outer) {
            let inner = rule.guard.as_ref();
            let guard = inner.map_or_else(|| outer.clone(), |inner| outer.and(inner));
            if guard.is_impossible() {
                report.add(codes::GUARD_NEVER_HOLDS, via, "a condition of this set can never hold here", |finding| {
                    finding
                        .with_related(outer.span, "inside of this condition")
                        .with_related_in(&guard.source, guard.span, "the condition in the set")
                        .with_help("use the set outside of the condition")
                });
            }
            rule.guard = Some(guard);
        }
        let same = |known: &&Draft| {
            known.source.name() == draft.source.name()
                && known.place == draft.place
                && condition(known) == condition(&draft)
        };
        if self.drafts.list.iter().find(same).is_none() {
            self.drafts.list.push(draft);
        }
    }
}

fn condition(draft: &Draft) -> Option<String> {
    draft.rule.as_ref().and_then(|rule| rule.guard.as_ref()).map(ToString::to_string)
}

/// Splits entries that stand on one line. What follows `when` on its line is its condition.
fn apart(entry: &Entry, kinds: &[&str]) -> Vec<Entry> {
    let is_when = |arg: &Spanned<Arg>| matches!(&arg.value, Arg::Word(word) if word == WHEN);
    let last = if entry.keyword.value == WHEN {
        None
    } else {
        Some(entry.args.iter().position(is_when).unwrap_or(usize::MAX))
    };
    entry.split(|index, arg| {
        let Arg::Word(word) = arg else { return false };
        let begins = kinds.contains(&word.as_str()) || [WHEN, USE].contains(&word.as_str());
        last.is_some_and(|last| index <= last) && begins && !is_joined(entry, index)
    })
}

fn draft(mut entry: Entry, guard: Option<&Guard>, kinds: &[&str], report: &mut Report<'_>) -> Draft {
    let keyword = entry.keyword.value.clone();
    let known = kinds.contains(&keyword.as_str());
    let span = entry.span;
    let mut draft = Draft {
        label: entry.label.as_ref().map(|label| label.value.clone()),
        place: entry.label.as_ref().unwrap_or(&entry.keyword).span,
        source: report.source.clone(),
        rule: None,
        fallback: None,
        via: None,
        keyword,
    };
    let options = options::take(&mut entry, report);
    if known && !constraint::reads_blocks(&draft.keyword) {
        options::unknown(&mut entry, report);
    }
    if let Some(reaction) = options.on_violation.as_ref().filter(|_| known) {
        options::possible(&draft.keyword, reaction, report);
    }
    let Some(constraint) = constraint::build(&entry, report.source, report.findings) else { return draft };
    draft.fallback = needs_fallback(&options, constraint.policy().map(|policy| policy.on_failure), span);
    draft.rule = Some(Rule {
        id: "".into(),
        constraint,
        on_violation: options.on_violation.map(|reaction| reaction.value).unwrap_or_default(),
        severity: options.severity.map_or(Severity::Error, |severity| severity.value),
        guard: guard.cloned(),
        source: report.source.clone(),
        span,
    });
    draft
}

fn needs_fallback(options: &Options, on_failure: Option<OnFailure>, span: Span) -> Option<(Span, &'static str)> {
    match &options.on_violation {
        Some(Spanned { value: OnViolation::Fallback, span }) => Some((*span, "on_violation")),
        _ => (on_failure == Some(OnFailure::Fallback)).then_some((span, "on_failure")),
    }
}
