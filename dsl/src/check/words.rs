//! The words that sections know, and how their entries are told apart.

use super::Report;
use crate::ast::{Arg, Entry};
use crate::diagnostic::codes;
use crate::span::{Span, Spanned};

/// The words that one kind of block knows.
pub(super) struct Words {
    /// How messages call the block: `a role`, `` `delivery` ``.
    pub(super) place: &'static str,
    /// What is carried out.
    pub(super) known: &'static [&'static str],
    /// What the language reserves and this version does not carry out.
    pub(super) later: &'static [&'static str],
}

impl Words {
    /// The entries with a known word each and no label; a finding for every other one, and for
    /// every word that comes twice.
    pub(super) fn sort(&self, entries: &[Entry], report: &mut Report<'_>) -> Vec<Entry> {
        let mut kept: Vec<Entry> = Vec::new();
        let mut skipped_line = None;
        for entry in entries.iter().flat_map(|entry| split(entry, self.known)) {
            let line = |offset: u32| report.source.line_start(offset);
            let word = entry.keyword.value.as_str();
            if skipped_line == Some(line(entry.span.start)) {
                // The parser cannot tell where an entry ends whose words it does not know.
                continue;
            }
            if let Some(label) = &entry.label {
                report.add(codes::UNREADABLE, label.span, "only rules have labels", |finding| {
                    finding.with_help(format!("write `{}` and its value without a colon", label.value))
                });
            } else if self.later.contains(&word) {
                skipped_line = Some(line(entry.span.end));
                report.not_implemented(word, entry.keyword.span);
            } else if !self.known.contains(&word) {
                self.unknown(word, entry.keyword.span, report);
            } else if let Some(first) = kept.iter().find(|other| other.keyword == entry.keyword) {
                report.duplicate(word, entry.keyword.span, first.keyword.span);
            } else {
                kept.push(entry);
            }
        }
        kept
    }

    fn unknown(&self, word: &str, span: Span, report: &mut Report<'_>) {
        report.add(codes::UNKNOWN_WORD, span, format!("{} has no `{word}`", self.place), |finding| {
            let all: Vec<String> = self.known.iter().map(|known| format!("`{known}`")).collect();
            finding.with_help(format!("it has {}", all.join(", "))).did_you_mean(
                word,
                span,
                self.known.iter().chain(self.later).copied(),
            )
        });
    }
}

/// Splits entries that stand on one line at the words that begin an entry in this place.
pub(super) fn split(entry: &Entry, known: &[&str]) -> Vec<Entry> {
    entry.split(|index, arg| {
        matches!(arg, Arg::Word(word) if known.contains(&word.as_str())) && !is_joined(entry, index)
    })
}

/// Whether a joint stands in front of an argument, so that it begins nothing.
pub(super) fn is_joined(entry: &Entry, index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| entry.args.get(before));
    before.is_some_and(|arg| matches!(arg.value, Arg::Op(_) | Arg::Bar | Arg::Comma | Arg::Arrow | Arg::Plus))
}

/// Puts statements together that the parser took apart behind a literal: `merge window 300ms slide
/// 100ms` is one statement with the head `merge`, and `slide` one of the words that go on.
pub(super) fn gather(entries: &[Entry], heads: &[&str], tails: &[&str]) -> Vec<Entry> {
    let all: Vec<&str> = heads.iter().chain(tails).copied().collect();
    let mut gathered: Vec<Entry> = Vec::new();
    for entry in entries.iter().flat_map(|entry| split(entry, &all)) {
        let goes_on = entry.label.is_none() && tails.contains(&entry.keyword.value.as_str());
        match gathered.last_mut().filter(|last| goes_on && heads.contains(&last.keyword.value.as_str())) {
            Some(last) => {
                last.args.push(Spanned::new(Arg::Word(entry.keyword.value), entry.keyword.span));
                last.args.extend(entry.args);
                last.blocks.extend(entry.blocks);
                last.span = last.span.to(entry.span);
            }
            None => gathered.push(entry),
        }
    }
    gathered
}
