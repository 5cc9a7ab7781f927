//! The fewest characters that say a text, as `max_chars` counts them.
//!
//! A text is compared folded, and one character may fold to several: `ﬁ` says two letters, `㍿` four.
//! Combining marks and white space do not count at all. So the number of folded characters is no lower
//! bound on what must still come; these are.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use unicode_normalization::char::is_combining_mark;

use super::fold::folded;

/// Where the characters are that fold to several.
const COMPATIBILITY: [RangeInclusive<u32>; 3] = [0xA0..=0x33FF, 0xA000..=0xABFF, 0xF900..=0x1_FBFF];

/// What single characters fold to, if that is more than a base with its marks.
static SEVERAL: LazyLock<Vec<Vec<char>>> = LazyLock::new(|| {
    let all = COMPATIBILITY.into_iter().flatten().filter_map(char::from_u32);
    let folds = all.map(|c| folded(c.encode_utf8(&mut [0; 4])).chars().collect::<Vec<char>>());
    let several: BTreeSet<Vec<char>> = folds.filter(|fold| price(fold) > 1).collect();
    several.into_iter().collect()
});

/// What a folded character costs if a character of its own says it.
fn cost(c: char) -> u64 {
    u64::from(!c.is_whitespace() && !is_combining_mark(c))
}

fn price(text: &[char]) -> u64 {
    text.iter().map(|c| cost(*c)).sum()
}

/// For each place in a folded text, the fewest characters that say the rest of it. The last of them may
/// say more; the first too, if the whole text is still to be said.
pub(crate) fn rest(text: &[char]) -> Vec<u64> {
    let mut least = ends(text);
    if let Some(first) = least.first().copied() {
        let whole = straddled(text, 0).into_iter().filter_map(|at| Some(1 + least.get(at)?)).min();
        least.splice(..1, [whole.map_or(first, |whole| whole.min(first))]);
    }
    least
}

/// The fewest characters that say a text behind one that ends with its first `shared` characters.
pub(crate) fn behind(text: &[char], shared: usize) -> u64 {
    let least = ends(text);
    let said = straddled(text, shared).into_iter().chain([shared]).filter_map(|at| least.get(at));
    said.min().copied().unwrap_or_default()
}

/// For each place, the fewest characters that say the rest.
fn ends(text: &[char]) -> Vec<u64> {
    let mut least = vec![0; text.len() + 1];
    for (at, c) in text.iter().enumerate().rev() {
        let tail = text.get(at..).unwrap_or_default();
        let one = cost(*c) + least.get(at + 1).copied().unwrap_or_default();
        let several = SEVERAL.iter().filter_map(|fold| match fold.len() >= tail.len() {
            true => fold.starts_with(tail).then_some(1),
            false => tail.starts_with(fold).then(|| 1 + least.get(at + fold.len()).copied().unwrap_or_default()),
        });
        let fewest = several.min().map_or(one, |several| several.min(one));
        if let Some(slot) = least.get_mut(at) {
            *slot = fewest;
        }
    }
    least
}

/// Places up to which one character may say the text that says more before it: before the whole text,
/// or in its first `shared` characters.
fn straddled(text: &[char], shared: usize) -> Vec<usize> {
    let reaches = |from: usize, to: usize| {
        let part = text.get(from..to).unwrap_or_default();
        let said = |fold: &Vec<char>| match to == text.len() {
            true => fold.windows(part.len()).any(|window| window == part),
            false => fold.ends_with(part),
        };
        SEVERAL.iter().any(|fold| fold.len() > part.len() && said(fold))
    };
    (1..=text.len()).filter(|to| (0..=shared.min(to - 1)).any(|from| reaches(from, *to))).collect()
}

/// The fewest characters that say a text to its end behind one that was said. The longest beginning of it
/// that stands at the end there is not always the best to go on from: behind `株`, `㍿` says all of `株式会社`.
pub(crate) fn after(said: &[char], text: &[char], rest: &[u64]) -> u64 {
    overlaps(said, text).filter_map(|shared| rest.get(shared)).min().copied().unwrap_or_default()
}

/// For each beginning of a folded text, the fewest characters that say the text behind it.
pub(crate) fn underway(text: &[char]) -> Vec<u64> {
    let rest = rest(text);
    (0..=text.len()).map(|read| after(text.get(..read).unwrap_or_default(), text, &rest)).collect()
}

/// How many characters at the end of one text are the beginning of the other.
pub(crate) fn overlap(left: &[char], right: &[char]) -> usize {
    overlaps(left, right).next().unwrap_or(0)
}

/// The ends of one text that are beginnings of the other, the longest first, the empty one last.
fn overlaps(left: &[char], right: &[char]) -> impl Iterator<Item = usize> {
    let most = left.len().min(right.len());
    (0..=most).rev().filter(move |length| right.get(..*length).is_some_and(|head| left.ends_with(head)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> u64 {
        rest(&text.chars().collect::<Vec<char>>())[0]
    }

    #[test]
    fn one_character_may_say_several() {
        assert_eq!([whole("好的"), whole("a b"), whole("e\u{301}t"), whole("")], [2, 2, 2, 0]);
        assert_eq!([whole("fig"), whole("ffi"), whole("株式会社"), whole("式会"), whole("x株")], [2, 1, 1, 1, 2]);
    }

    #[test]
    fn what_is_shared_is_said_once() {
        let chars = |text: &str| text.chars().collect::<Vec<char>>();
        assert_eq!(overlap(&chars("甲乙丙"), &chars("乙丙丁")), 2);
        assert_eq!(behind(&chars("乙丙丁"), 2), 1);
        assert_eq!(behind(&chars("乙丙丁"), 0), 3);
        assert_eq!(underway(&chars("株式会社")), [1, 1, 1, 1, 0]);
        assert_eq!(underway(&chars("甲乙甲")), [3, 2, 1, 0]);
        // `社` may end the character that ended the text before.
        assert_eq!(behind(&chars("社会"), 0), 1);
    }

    /// A character that is not in the table would make the bounds too high.
    #[test]
    fn the_table_holds_every_character_that_folds_to_several() {
        let outside = |c: &char| !COMPATIBILITY.iter().any(|range| range.contains(&u32::from(*c)));
        let missing = ('\0'..=char::MAX).filter(outside).find(|c| {
            let fold: Vec<char> = folded(&c.to_string()).chars().collect();
            price(&fold) > 1
        });
        assert_eq!(missing, None);
    }
}
