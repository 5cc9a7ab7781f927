//! Characters that fold to others: what a term is found in and a pattern is not.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use crate::text::fold::folded;

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

/// Each with what it folds to.
static DISGUISES: LazyLock<Vec<(char, String)>> = LazyLock::new(|| {
    let characters = BLOCKS.into_iter().flatten().filter_map(char::from_u32);
    let folds = characters.map(|c| (c, folded(c.encode_utf8(&mut [0; 4]))));
    folds.filter(|(c, fold)| !fold.is_empty() && fold.chars().ne(std::iter::once(*c))).collect()
});

/// Characters that fold to some of these and nothing else, capital letters among them.
pub(super) fn of(charset: &HashSet<char>) -> Vec<char> {
    let capitals = charset.iter().flat_map(|c| c.to_uppercase());
    let mut found: Vec<char> = charset.iter().copied().chain(capitals).collect();
    found.sort_unstable();
    let within = |fold: &str| fold.chars().all(|c| charset.contains(&c));
    found.extend(DISGUISES.iter().filter(|(_, fold)| within(fold)).map(|(c, _)| *c));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ligatures_radicals_and_wide_letters_are_known() {
        let of = |text: &str| of(&text.chars().collect());
        assert!(of("fi").contains(&'\u{FB01}') && of("fi").contains(&'Ｆ') && of("fi").contains(&'F'));
        assert!(of("ss").contains(&'ß') && of("一").contains(&'\u{2F00}') && of("...").contains(&'…'));
        assert!(!of("f").contains(&'\u{FB01}'));
    }
}
