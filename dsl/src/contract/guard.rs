//! When a rule is in force: the condition of a `when` block.

use std::fmt;

use super::Language;
use crate::source::Source;
use crate::span::{Span, Spanned};

/// Which turn of a dialogue it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Turn {
    /// Nothing was answered before.
    First,
    /// Something was.
    Later,
}

/// A condition: every part that is given must hold, and a part holds when one of its values does.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The user's turn has one of these intents.
    pub intents: Option<Vec<Spanned<String>>>,
    /// The user speaks one of these languages.
    pub languages: Option<Vec<Language>>,
    /// It is one of these turns.
    pub turns: Option<Vec<Turn>>,
    /// The file that the innermost condition is written in.
    pub source: Source,
    /// The innermost condition, as written.
    pub span: Span,
}

/// What guards tell apart about a turn; a part that is `None` is one that they do not ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moment {
    /// The intent of the user's turn; `None` also where it has none that a guard names.
    pub intent: Option<String>,
    /// The language the user speaks.
    pub language: Option<Language>,
    /// Which turn it is.
    pub turn: Option<Turn>,
}

impl Guard {
    /// Both conditions, as where one `when` stands inside another. The place is the inner one's.
    #[must_use]
    pub fn and(&self, inner: &Self) -> Self {
        Self {
            intents: both(self.intents.as_deref(), inner.intents.as_deref()),
            languages: both(self.languages.as_deref(), inner.languages.as_deref()),
            turns: both(self.turns.as_deref(), inner.turns.as_deref()),
            source: inner.source.clone(),
            span: inner.span,
        }
    }

    /// Whether a part of it has no value left, so that no turn satisfies it.
    #[must_use]
    pub fn is_impossible(&self) -> bool {
        self.intents.as_ref().is_some_and(Vec::is_empty)
            || self.languages.as_ref().is_some_and(Vec::is_empty)
            || self.turns.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether it holds at this moment.
    #[must_use]
    pub fn holds(&self, moment: &Moment) -> bool {
        let intent = moment.intent.as_deref();
        self.intents.as_ref().is_none_or(|all| all.iter().any(|one| Some(one.value.as_str()) == intent))
            && among(self.languages.as_deref(), moment.language)
            && among(self.turns.as_deref(), moment.turn)
    }
}

fn both<T: Clone + PartialEq>(outer: Option<&[T]>, inner: Option<&[T]>) -> Option<Vec<T>> {
    match (outer, inner) {
        (Some(outer), Some(inner)) => Some(inner.iter().filter(|value| outer.contains(value)).cloned().collect()),
        (Some(only), None) | (None, Some(only)) => Some(only.to_vec()),
        (None, None) => None,
    }
}

fn among<T: PartialEq>(allowed: Option<&[T]>, value: Option<T>) -> bool {
    allowed.is_none_or(|allowed| value.is_some_and(|value| allowed.contains(&value)))
}

/// `intent refund | complaint, language zh, first turn`.
impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let intents = self.intents.as_ref().map(|all| all.iter().map(|one| one.value.clone()).collect());
        f.write_str(&describe(intents, self.languages.as_deref(), self.turns.as_deref()))
    }
}

/// The parts of a condition in words; empty when there is none.
pub(super) fn describe(intents: Option<Vec<String>>, languages: Option<&[Language]>, turns: Option<&[Turn]>) -> String {
    let mut parts = Vec::new();
    if let Some(intents) = intents {
        parts.push(format!("intent {}", intents.join(" | ")));
    }
    if let Some(languages) = languages {
        let words: Vec<&str> = languages.iter().map(|language| language.word()).collect();
        parts.push(format!("language {}", words.join(" | ")));
    }
    if let Some(turns) = turns {
        let words: Vec<&str> = turns.iter().map(|turn| turn.word()).collect();
        parts.push(format!("{} turn", words.join(" or ")));
    }
    parts.join(", ")
}

impl Turn {
    /// `first` or `later`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Later => "later",
        }
    }
}
