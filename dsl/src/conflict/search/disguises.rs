//! Characters that fold to others: what a term is found in and a pattern is not.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use super::alphabet::Charset;
use crate::text::fold::folds;
use crate::text::variants::{self, Variants};

/// Where Unicode keeps compatibility characters: letters with marks, letter-like symbols, circled and
/// squared ones, radicals and compatibility ideographs, ligatures, small, full-width and mathematical
/// forms; and the alphabets whose letters look like Latin ones.
const BLOCKS: [RangeInclusive<u32>; 15] = [
    0xA8..=0x2AF,
    0x370..=0x556,
    0x1D00..=0x1DBF,
    0x2000..=0x206F,
    0x2100..=0x218F,
    0x2460..=0x24FF,
    0x2E80..=0x2FDF,
    0x3000..=0x303F,
    0x3200..=0x33FF,
    0xF900..=0xFAFF,
    0xFB00..=0xFB06,
    0xFE30..=0xFE6F,
    0xFF00..=0xFFEF,
    0x1D400..=0x1D7FF,
    0x1F100..=0x1F16F,
];

/// A character that is compared as others are.
struct Disguise {
    ch: char,
    /// What it folds to, variants told apart.
    fold: String,
    /// The same where they are alike.
    form: String,
}

static DISGUISES: LazyLock<Vec<Disguise>> = LazyLock::new(|| {
    let characters = BLOCKS.into_iter().flatten().filter_map(char::from_u32);
    let disguise = |ch: char| {
        let fold: String = folds(ch).iter().map(|fold| fold.ch).collect();
        let form = fold.chars().map(|c| Variants::get().fold(c)).collect();
        Disguise { ch, fold, form }
    };
    let found = characters.chain(variants::members().map(|(form, _)| form)).map(disguise);
    found.filter(|it| !it.fold.is_empty() && it.form.chars().ne(std::iter::once(it.ch))).collect()
});

/// Characters that fold to some of these and nothing else, capital letters among them.
pub(super) fn of(charset: &Charset) -> Vec<char> {
    let folded = charset.letters.iter().chain(&charset.variants).copied();
    let mut found: Vec<char> = folded.clone().chain(folded.flat_map(char::to_uppercase)).collect();
    found.sort_unstable();
    let within = |text: &str, known: &HashSet<char>| text.chars().all(|c| known.contains(&c));
    let disguises = DISGUISES.iter().filter(|it| {
        let plain = it.fold.chars().ne(std::iter::once(it.ch)) && within(&it.fold, &charset.letters);
        plain || within(&it.form, &charset.variants)
    });
    found.extend(disguises.map(|it| it.ch));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ligatures_radicals_and_wide_letters_are_known() {
        let of = |text: &str| of(&Charset { letters: text.chars().collect(), ..Charset::default() });
        assert!(of("fi").contains(&'\u{FB01}') && of("fi").contains(&'Ｆ') && of("fi").contains(&'F'));
        assert!(of("ss").contains(&'ß') && of("一").contains(&'\u{2F00}') && of("...").contains(&'…'));
        assert!(!of("f").contains(&'\u{FB01}') && !of("发").contains(&'發'));
    }

    #[test]
    fn variants_are_known_where_they_are_alike() {
        let of = |text: &str| of(&Charset { variants: text.chars().collect(), ..Charset::default() });
        assert!(of("发").contains(&'發') && of("发").contains(&'髮') && of("工").contains(&'エ'));
        assert!(of("i").contains(&'Ｉ') && !of("后").contains(&'發'));
    }
}
