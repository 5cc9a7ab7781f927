//! `language zh`, `language en >= 80%`: the reply is in that language.
//!
//! At least half of its words are, or the share given. Words are counted as
//! [`Tongue`](crate::text::tongue::Tongue) does: a Han character is a word of `zh`, a word of Latin letters one
//! of `en`; other scripts count as neither, and words without letters not at all. A reply without any
//! word keeps the rule.

use std::sync::Arc;

use super::args::Reader;
use super::share::shown;
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::{Arg, Entry, Op};
use crate::contract::Language;
use crate::diagnostic::{Finding, codes};
use crate::monitor::Residual;
use crate::source::Source;
use crate::span::Spanned;
use crate::text::counted::counted;

pub(super) const KEYWORD: &str = "language";

const USAGE: &str = "language zh >= 80%";

/// 100 %.
const WHOLE: u32 = 10_000;

#[derive(Debug)]
struct Speaks {
    language: Language,
    basis_points: u32,
}

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let mut reader = Reader::new(entry, source, findings, USAGE);
    let Some((language, rest)) = reader.args().split_first() else { return reader.nothing() };
    let language = named(language, &mut reader)?;
    let basis_points = match rest {
        [] => WHOLE / 2,
        [op, share] => {
            if op.value != Arg::Op(Op::Ge) {
                return reader.wrong(codes::WRONG_ARGUMENTS, op.span, "a share of words is compared by `>=`");
            }
            let share = super::share::percent(share, &mut reader)?;
            if share.value == 0 || share.value > WHOLE {
                return reader.wrong(
                    codes::ARGUMENT_OUT_OF_RANGE,
                    share.span,
                    "the share is above 0% and at most 100%",
                );
            }
            share.value
        }
        [more, ..] => {
            let message = "`language` takes one language and perhaps a share";
            return reader.wrong(codes::WRONG_ARGUMENTS, more.span, message);
        }
    };
    Some(Arc::new(Speaks { language, basis_points }))
}

fn named(arg: &Spanned<Arg>, reader: &mut Reader<'_>) -> Option<Language> {
    match &arg.value {
        Arg::Word(word) if word == "zh" => Some(Language::Zh),
        Arg::Word(word) if word == "en" => Some(Language::En),
        Arg::Word(word) => {
            let message = format!("`{word}` is neither `zh` nor `en`");
            let finding = Finding::new(codes::WRONG_ARGUMENTS, reader.source(), arg.span, message)
                .with_help("the languages are `zh` (Chinese) and `en` (English)")
                .did_you_mean(word, arg.span, ["zh", "en"]);
            reader.add(finding)
        }
        _ => reader.wrong(codes::WRONG_ARGUMENTS, arg.span, "a language is expected here, `zh` or `en`"),
    }
}

impl Speaks {
    fn is_met(&self, view: &View<'_>) -> bool {
        view.tongue.speaks(self.language, self.basis_points)
    }

    /// At most this many further words can count.
    fn words_left(view: &View<'_>) -> Option<u64> {
        let by_chars = view.chars_left();
        let open = u64::from(view.tongue.is_open());
        let by_words = view.bounds.words.map(|most| most.saturating_sub(view.words) + open);
        by_chars.into_iter().chain(by_words).min()
    }
}

impl Constraint for Speaks {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Ratio
    }

    fn prompt(&self, language: Language) -> String {
        let percent = shown(self.basis_points);
        match (language, self.language) {
            (Language::Zh, Language::Zh) => format!("用中文回答：至少{percent}的词是汉字（每个汉字算一个词）。"),
            (Language::Zh, Language::En) => format!("用英文回答：至少{percent}的词是英文单词。"),
            (Language::En, Language::Zh) => {
                format!("Answer in Chinese: at least {percent} of the words must be Chinese characters.")
            }
            (Language::En, Language::En) => {
                format!("Answer in English: at least {percent} of the words must be English.")
            }
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Speaks { language: self.language, basis_points: self.basis_points }
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Tongue
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        let left = Self::words_left(view);
        let within =
            |good: u64, more: u64| view.tongue.with(self.language, good, more).speaks(self.language, self.basis_points);
        let beyond_repair = || match left {
            Some(left) => !within(left, left),
            // Without a bound only the whole is.
            None => self.basis_points == WHOLE,
        };
        if !self.is_met(view) && beyond_repair() {
            Residual::Dead
        } else if left.is_some_and(|left| within(0, left)) {
            Residual::Holds
        } else {
            Residual::Open
        }
    }

    fn broken(&self, view: &View<'_>) -> Option<String> {
        let name = match self.language {
            Language::Zh => "Chinese",
            Language::En => "English",
        };
        let (have, all, percent) = (view.tongue.of(self.language), view.tongue.total(), shown(self.basis_points));
        (!self.is_met(view)).then(|| {
            let (of, are) = (counted(all, "word"), if have == 1 && all == 1 { "is" } else { "are" });
            format!("{have} of {of} {are} {name}; at least {percent} are required")
        })
    }

    fn missing(&self, view: &View<'_>, language: Language) -> Option<String> {
        self.broken(view)?;
        let within =
            |more: &u64| view.tongue.with(self.language, *more, *more).speaks(self.language, self.basis_points);
        let more = (1..=10_000).find(within);
        Some(match (more, language, self.language) {
            (None, ..) => self.prompt(language),
            (Some(more), Language::Zh, Language::Zh) => format!("还需要至少{more}个汉字。"),
            (Some(more), Language::Zh, Language::En) => format!("还需要至少{more}个英文单词。"),
            (Some(more), Language::En, Language::Zh) => {
                format!("At least {} must come.", counted(more, "more Chinese character"))
            }
            (Some(more), Language::En, Language::En) => {
                format!("At least {} must come.", counted(more, "more English word"))
            }
        })
    }
}
