//! What a phrase asks for, before it is looked up.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::pattern::pattern;

/// A phrase that asks for something said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    /// Where it stands.
    pub(super) phrase: Range<usize>,
    pub(super) what: What,
    /// Of which reply.
    pub(super) which: Which,
    pub(super) unit: Unit,
    /// The words around it say that the role said it: `你说的`, `your`.
    pub(super) anchored: bool,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Points by their numbers.
    Numbers(Vec<u32>),
    /// The first of them.
    First(u32),
    /// The last of them.
    Last(u32),
    /// One, counted from the end.
    FromEnd(u32),
    /// All of them, said to be so many.
    All(Option<u32>),
    /// The one behind the one last spoken of.
    Next,
    /// The one before it.
    Previous,
    /// The first of two things.
    Former,
    /// The second of two things.
    Latter,
    /// The one there is.
    Only,
    /// A reply as a whole.
    Whole,
    /// What was said of something that is named at the beginning of this text.
    About { text: String, certain: bool },
    /// The one thing spoken of.
    It,
}

/// Which reply is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// The latest that has such points.
    Latest,
    /// An earlier one.
    Earlier,
    /// The one before the latest that has such points.
    Before,
    /// The last reply, or one so many before it.
    Back(u64),
    /// By its number from the beginning.
    Number(u32),
}

/// How surely the word for what is asked says that it is a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// `点`, `point`: without a list, a sentence.
    Point,
    /// `句`, `sentence`.
    Sentence,
    /// `理由`, `tip`: of a list only.
    Named,
    /// `个`, `one`: of a list only, and no reference where there is none.
    Loose,
}

/// Numbers in a row: `2、4`, `一到三`, `1 to 3`, `1 and 3`.
pub(super) fn row(numbers: &str, parse: impl Fn(&str) -> Option<u32>) -> Vec<u32> {
    static WORD: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"[零〇一二两三四五六七八九十百]+|[0-9０-９]+(?:st|nd|rd|th)?|[a-z]+|[-~—–－～]|到|至")
    });
    let (mut found, mut ranged): (Vec<u32>, bool) = (Vec::new(), false);
    for word in WORD.find_iter(numbers) {
        match word.as_str() {
            "-" | "~" | "—" | "–" | "－" | "～" | "到" | "至" | "to" | "through" | "thru" => ranged = true,
            "and" | "or" | "the" => {}
            word => {
                // What cannot be read is asked for all the same, and will not be found.
                let number = parse(word).unwrap_or(u32::MAX);
                match found.last() {
                    Some(from) if ranged && *from < number && number - from <= 32 => found.extend(from + 1..=number),
                    _ => found.push(number),
                }
                ranged = false;
            }
        }
    }
    found
}
