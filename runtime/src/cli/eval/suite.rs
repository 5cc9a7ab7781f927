//! The sets that can be evaluated.

use clap::ValueEnum;

use super::data::{DataError, Source};
use super::score::Confusion;
use super::{references, rhetorical, sentences, terms};

/// A set of labelled cases and the machine that they ask. Another one is a module with its data and its
/// judge, and a line in each function here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Suite {
    /// Which sentences are rhetorical questions, as `response_style rhetorical` counts them. Files have
    /// tabs between the columns split, label, class, text.
    Rhetorical,
    /// Where sentences end. Files have the format of Unicode's `SentenceBreakTest.txt`.
    Sentences,
    /// Whether disguised terms are found, and ordinary text is left alone. Files have tabs between name,
    /// rule and text, or between name and text with a `.role` file that judges them.
    Terms,
    /// What a user's turn refers to. Files have dialogues (`@`, `>`, `<`) and turns with tabs between part,
    /// turn and what it refers to.
    References,
}

/// A case and what the machine says of it.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    /// The file and line it stands in.
    pub(super) place: String,
    /// The language it is counted with.
    pub(super) language: &'static str,
    /// The part of the set, such as `dev` and `test`.
    pub(super) split: String,
    /// What kind of case it is, in the words of the data.
    pub(super) class: String,
    /// The case as people read it.
    pub(super) text: String,
    /// Whether the answer is right in whole.
    pub(super) right: bool,
    /// The decisions it asks for, and how they were made.
    pub(super) confusion: Confusion,
    /// What the machine says, in words, where that is wrong.
    pub(super) found: String,
}

impl Suite {
    /// Its name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rhetorical => "rhetorical",
            Self::Sentences => "sentences",
            Self::Terms => "terms",
            Self::References => "references",
        }
    }

    /// The files that ship with the program.
    pub(super) fn bundled(self) -> Vec<Source> {
        match self {
            Self::Rhetorical => rhetorical::bundled(),
            Self::Sentences => sentences::bundled(),
            Self::Terms => terms::bundled(),
            Self::References => references::bundled(),
        }
    }

    /// Asks the machine about every case.
    pub(super) fn judge(self, sources: &[Source]) -> Result<Vec<Judged>, DataError> {
        let each = |judge: fn(&Source) -> Result<Vec<Judged>, DataError>| {
            Ok(sources.iter().map(judge).collect::<Result<Vec<_>, _>>()?.concat())
        };
        match self {
            Self::Rhetorical => each(rhetorical::judge),
            Self::Sentences => each(sentences::judge),
            Self::Terms => terms::judge(sources),
            Self::References => each(references::judge),
        }
    }
}

/// The language that a text is counted with: `ja` with a kana, else `zh` with a Han character, else `en`
/// with a Latin letter, else `other`.
pub(super) fn language(text: &str) -> &'static str {
    let has = |wanted: fn(char) -> bool| text.chars().any(wanted);
    if has(|c| matches!(c, '\u{3041}'..='\u{30FA}' | '\u{FF66}'..='\u{FF9D}')) {
        "ja"
    } else if has(|c| matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}')) {
        "zh"
    } else if has(|c| c.is_ascii_alphabetic()) {
        "en"
    } else {
        "other"
    }
}
