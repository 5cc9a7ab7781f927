use rolecall_plugin::words::fold;

use super::lexicon::{Lexicon, currency};

/// A number in digits with what belongs to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Figure {
    /// `-5`, `1.50`, `10:30`, `2024-05-01`: the sign, the digits and what joins them.
    text: String,
    /// The currency in front and the unit behind; `$5` and `5 dollars` have the same.
    units: Vec<&'static str>,
}

/// The figures of a text, in its order. Digits that are neither ASCII nor full-width are left to the
/// host's features, which know every script.
pub(crate) fn figures(text: &str, lexicon: &Lexicon) -> Vec<Figure> {
    let bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let chars: Vec<char> = text.chars().map(plain).collect();
    let mut figures = Vec::new();
    let mut at = 0;
    while let Some((before, rest)) = chars.split_at_checked(at) {
        if !rest.first().is_some_and(char::is_ascii_digit) {
            at += 1;
            continue;
        }
        let length = length(rest);
        let (sign, currency) = in_front(before);
        let behind = bytes.get(at + length).copied().unwrap_or(text.len());
        let mut units: Vec<_> = currency.into_iter().chain(lexicon.unit_behind(text, behind)).collect();
        units.dedup();
        figures.push(Figure { text: sign.iter().chain(rest.iter().take(length)).collect(), units });
        at += length;
    }
    figures
}

/// A character as it is compared: all dashes are one.
fn plain(c: char) -> char {
    match fold(c) {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        c => c,
    }
}

/// Characters of the figure that begins here: digits, and single marks between digits. A comma is none
/// of them, because it also stands between two figures; the digits beside it are compared all the same.
fn length(chars: &[char]) -> usize {
    let mut length = 0;
    loop {
        let mut rest = chars.iter().skip(length);
        match (rest.next(), rest.next()) {
            (Some('0'..='9'), _) => length += 1,
            (Some('.' | ':' | '/' | '-' | '~'), Some('0'..='9')) => length += 2,
            _ => return length,
        }
    }
}

/// The sign and the currency in front of a figure: `-5`, `-$5`, `$-5`, `$ 5`. A dash behind a letter, as
/// in `A-5`, is no sign.
fn in_front(before: &[char]) -> (Option<char>, Option<&'static str>) {
    let (near, apart) = match before {
        [near @ .., ' '] => (near, true),
        near => (near, false),
    };
    let lead = near.iter().rev().take(2).take_while(|c| matches!(c, '-' | '+') || currency(**c).is_some()).count();
    let (outside, lead) = near.split_at_checked(near.len() - lead).unwrap_or_default();
    let inside_word = outside.last().is_some_and(|c| c.is_alphanumeric());
    let sign = lead.iter().copied().find(|c| matches!(c, '-' | '+'));
    (sign.filter(|_| !apart && !inside_word), lead.iter().find_map(|c| currency(*c)))
}
