//! Reading one value of a field.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Report;
use crate::ast::{Arg, Entry};
use crate::contract::Language;
use crate::diagnostic::codes;
use crate::span::{Span, Spanned};

impl Report<'_> {
    /// The single argument of an entry without a block.
    pub(super) fn single<'e>(&mut self, entry: &'e Entry, takes: &str) -> Option<&'e Spanned<Arg>> {
        match (entry.args.as_slice(), entry.blocks.as_slice()) {
            ([arg], []) => Some(arg),
            (_, [block, ..]) => {
                self.wrong(entry, block.span, takes);
                None
            }
            ([_, more, ..], []) => {
                self.wrong(entry, more.span, takes);
                None
            }
            ([], []) => {
                self.wrong(entry, entry.keyword.span, takes);
                None
            }
        }
    }

    /// The entries of a section, which has a block and no arguments.
    pub(super) fn section<'e>(&mut self, entry: &'e Entry) -> &'e [Entry] {
        match (entry.args.first(), entry.blocks.first()) {
            (None, Some(body)) => return &body.entries,
            (Some(arg), _) => self.wrong(entry, arg.span, "a block: `{ … }`"),
            (None, None) => self.wrong(entry, entry.keyword.span, "a block: `{ … }`"),
        }
        &[]
    }

    /// Says that an entry takes something else.
    pub(super) fn wrong(&mut self, entry: &Entry, span: Span, takes: &str) {
        let message = format!("`{}` takes {takes}", entry.keyword.value);
        self.add(codes::WRONG_VALUE, span, message, |finding| finding);
    }

    /// Says that a value is too small or too large, and which range there is.
    pub(super) fn out_of_range(&mut self, entry: &Entry, span: Span, takes: &str) {
        let message = format!("`{}` is outside of its range", entry.keyword.value);
        self.add(codes::OUT_OF_RANGE, span, message, |finding| finding.with_help(format!("write {takes}")));
    }

    /// A text that says something.
    pub(super) fn text(&mut self, entry: &Entry) -> Option<Spanned<String>> {
        let arg = self.single(entry, "one text in quotes")?;
        match &arg.value {
            Arg::Str(text) if text.trim().is_empty() => {
                let message = format!("`{}` is empty", entry.keyword.value);
                self.add(codes::EMPTY_TEXT, arg.span, message, |finding| {
                    finding.with_help("say something, or remove it")
                });
                None
            }
            Arg::Str(text) => Some(Spanned::new(text.clone(), arg.span)),
            Arg::Word(word) => {
                let message = format!("`{}` takes one text in quotes", entry.keyword.value);
                self.add(codes::WRONG_VALUE, arg.span, message, |finding| {
                    finding.with_help("put the text in quotes").with_fix(arg.span, format!("\"{word}\""))
                });
                None
            }
            _ => {
                self.wrong(entry, arg.span, "one text in quotes");
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, entry: &Entry) -> Option<bool> {
        let arg = self.single(entry, "`true` or `false`")?;
        match &arg.value {
            Arg::Word(word) if word == "true" => Some(true),
            Arg::Word(word) if word == "false" => Some(false),
            _ => {
                self.wrong(entry, arg.span, "`true` or `false`");
                None
            }
        }
    }

    /// `on` or `off`.
    pub(super) fn switch(&mut self, entry: &Entry) -> Option<bool> {
        let arg = self.single(entry, "`on` or `off`")?;
        match &arg.value {
            Arg::Word(word) if word == "on" => Some(true),
            Arg::Word(word) if word == "off" => Some(false),
            _ => {
                self.wrong(entry, arg.span, "`on` or `off`");
                None
            }
        }
    }

    /// A time within a range.
    pub(super) fn duration(
        &mut self,
        entry: &Entry,
        arg: &Spanned<Arg>,
        range: RangeInclusive<Duration>,
        takes: &str,
    ) -> Option<Duration> {
        let Arg::Duration(milliseconds) = arg.value else {
            self.wrong(entry, arg.span, takes);
            return None;
        };
        let duration = Duration::from_millis(milliseconds);
        if !range.contains(&duration) {
            self.out_of_range(entry, arg.span, takes);
            return None;
        }
        Some(duration)
    }

    /// A version of three numbers.
    pub(super) fn version(&mut self, entry: &Entry) -> Option<semver::Version> {
        const TAKES: &str = "three numbers: `1.0.0`";
        let arg = self.single(entry, TAKES)?;
        let written = self.source.slice(arg.span);
        let meant = match &arg.value {
            Arg::Semver(text) => match semver::Version::parse(text) {
                Ok(version) => return Some(version),
                Err(error) => {
                    self.add(codes::WRONG_VALUE, arg.span, format!("`{text}` is not a version: {error}"), |finding| {
                        finding
                    });
                    return None;
                }
            },
            Arg::Int(_) => format!("{written}.0.0"),
            Arg::Float(_) => format!("{written}.0"),
            Arg::Str(text) => text.trim_start_matches('v').to_owned(),
            Arg::Word(word) => word.trim_start_matches('v').to_owned(),
            _ => String::new(),
        };
        self.add(codes::WRONG_VALUE, arg.span, format!("`version` takes {TAKES}"), |finding| {
            if semver::Version::parse(&meant).is_err() {
                return finding;
            }
            finding.with_help(format!("write `{meant}`")).with_fix(arg.span, meant)
        });
        None
    }

    /// `zh`, `en`, or both.
    pub(super) fn languages(&mut self, entry: &Entry) -> Option<Vec<Language>> {
        const TAKES: &str = "`zh`, `en`, or both: `zh, en`";
        if let Some(block) = entry.blocks.first() {
            self.wrong(entry, block.span, TAKES);
        }
        let mut languages: Vec<(Language, Span)> = Vec::new();
        for arg in entry.args.iter().filter(|arg| arg.value != Arg::Comma) {
            let (Arg::Word(word) | Arg::Str(word)) = &arg.value else {
                self.wrong(entry, arg.span, TAKES);
                continue;
            };
            let language = match (word.as_str(), &arg.value) {
                ("zh", Arg::Word(_)) => Language::Zh,
                ("en", Arg::Word(_)) => Language::En,
                _ => {
                    self.add(codes::WRONG_VALUE, arg.span, format!("`language` takes {TAKES}"), |finding| {
                        finding.did_you_mean(&meant(word), arg.span, ["zh", "en"])
                    });
                    continue;
                }
            };
            match languages.iter().find(|(seen, _)| *seen == language) {
                Some((_, first)) => self.duplicate(word, arg.span, *first),
                None => languages.push((language, arg.span)),
            }
        }
        if entry.args.is_empty() {
            self.wrong(entry, entry.keyword.span, TAKES);
        }
        (!languages.is_empty()).then(|| languages.into_iter().map(|(language, _)| language).collect())
    }
}

/// The code of a language that was written as its name or with a region.
fn meant(word: &str) -> String {
    let lower = word.to_lowercase();
    let code = match lower.as_str() {
        "chinese" | "中文" | "汉语" | "cn" => "zh",
        "english" | "英文" | "英语" => "en",
        other => other.split(['-', '_']).next().unwrap_or(other),
    };
    code.to_owned()
}
