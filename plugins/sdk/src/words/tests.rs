use std::ops::Range;
use std::rc::Rc;

use proptest::prelude::*;

use super::{MAX_WORD_CHARS, MAX_WORDS, Scanner, Words, fold, joins};

const LISTED: [&str; 9] = ["ab", "abcd", "b", "不", "不好", "好不好", "don't", "c d", "é"];
const FINE: [&str; 3] = ["bcd", "不好吃", "好"];

fn listed() -> Rc<Words<()>> {
    let mut words = Words::default();
    LISTED.iter().for_each(|word| words.insert(word, ()));
    FINE.iter().for_each(|word| words.allow(word));
    Rc::new(words)
}

fn in_pieces(words: &Rc<Words<()>>, pieces: &[&str]) -> Vec<(String, Range<usize>)> {
    let mut scanner = Scanner::new(Rc::clone(words));
    let mut all = Vec::new();
    for piece in pieces {
        scanner.push(piece);
        while let Some(found) = scanner.find() {
            all.push((found.word.to_owned(), found.span));
        }
    }
    scanner.end();
    while let Some(found) = scanner.find() {
        all.push((found.word.to_owned(), found.span));
    }
    all
}

fn spans(words: &Rc<Words<()>>, text: &str) -> Vec<String> {
    in_pieces(words, &[text]).into_iter().map(|(_, span)| text.get(span).unwrap().to_owned()).collect()
}

/// The definition, word by word over the whole text, without a tree and without pieces.
fn by_definition(text: &str) -> Vec<(String, Range<usize>)> {
    let chars: Vec<(usize, char)> = text.char_indices().map(|(at, c)| (at, fold(c))).collect();
    let byte = |char: usize| chars.get(char).map_or(text.len(), |(at, _)| *at);
    let apart = |at: usize| at == 0 || at == chars.len() || !(joins(chars[at - 1].1) && joins(chars[at].1));
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let stands = |word: &&&str| {
            let end = at + word.chars().count();
            end <= chars.len()
                && apart(at)
                && apart(end)
                && chars[at..end].iter().map(|(_, c)| *c).eq(word.chars().map(fold))
        };
        let Some(word) = LISTED.iter().chain(&FINE).filter(stands).max_by_key(|word| word.chars().count()) else {
            at += 1;
            continue;
        };
        let end = at + word.chars().count();
        if LISTED.contains(word) {
            found.push(((*word).to_owned(), byte(at)..byte(end)));
        }
        at = end;
    }
    found
}

/// Fails when `this` has a `hi` in it, when an accent or a digit ends a word, or when a Chinese
/// neighbour hides a Latin word.
#[test]
fn words_have_boundaries_where_the_script_has() {
    let words = listed();
    assert_eq!(spans(&words, "cab abe ab2 2ab ab\u{301} abé"), Vec::<String>::new());
    assert_eq!(spans(&words, "说ab。AB，ａｂ"), ["ab", "AB", "ａｂ"]);
}

/// Fails when a word that was printed with typographer's quotes or wrapped at its space is missed.
#[test]
fn spelling_is_folded() {
    let words = listed();
    assert_eq!(spans(&words, "DON’T don't donʼt Don＇t c\nd É"), ["DON’T", "don't", "donʼt", "Don＇t", "c\nd", "É"]);
}

/// Fails when a shorter word is preferred, or a fine word is told or hides more than it covers.
#[test]
fn the_longest_word_counts_and_fine_words_hide_theirs() {
    let words = listed();
    assert_eq!(spans(&words, "abcd ab bcd b"), ["abcd", "ab", "b"]);
    assert_eq!(spans(&words, "不好吃不好，好不好"), ["不好", "好不好"]);
}

/// Fails when a word is held back although nothing can change it any more.
#[test]
fn a_word_that_nothing_can_prolong_is_told_at_once() {
    let mut scanner = Scanner::new(listed());
    scanner.push("好不好");
    assert_eq!(scanner.find().map(|found| found.word.to_owned()).as_deref(), Some("好不好"));
}

/// Fails when an empty word is listed: it would be found everywhere, for ever.
#[test]
fn an_empty_word_is_none() {
    let mut words = Words::default();
    words.insert(" ", ());
    words.allow("");
    assert_eq!(spans(&Rc::new(words), "a b"), Vec::<String>::new());
}

/// Fails when a contract can list without bound, or when the finding names the wrong parameter.
#[test]
fn parameters_are_bounded() {
    let refused = |extra: &[String], allow: &[String]| match Words::default().adjust(extra, allow, || ()) {
        Err(bad) => bad.param,
        Ok(()) => String::new(),
    };
    let (long, many) = ("词".repeat(MAX_WORD_CHARS + 1), vec!["词".to_owned(); MAX_WORDS]);
    assert_eq!(refused(&many, &[]), "");
    assert_eq!(refused(&many, &["词".to_owned()]), "extra");
    assert_eq!(refused(&["\u{3000}".to_owned()], &[]), "extra");
    assert_eq!(refused(&[], &[long]), "allow");
}

/// Fails when a later word about the same text is ignored.
#[test]
fn the_last_word_counts() {
    let mut words = Words::default();
    words.insert("a", 1);
    words.adjust(&["A".to_owned(), "b".to_owned()], &["b".to_owned()], || 2).unwrap();
    assert_eq!(words.begins("a b").map(|found| (*found.meaning, found.span)), Some((2, 0..1)));
    assert_eq!(words.begins("b"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Fails when a decision is made before the text that could change it has arrived, or when the tree
    /// finds something else than the definition.
    #[test]
    fn any_pieces_are_read_as_the_definition_says(
        text in prop::collection::vec(prop::sample::select(vec![
            "a", "b", "B", "c", "d", "ab", "cd", " ", "\n", "不", "好", "吃", "don", "’", "'", "t", "é", "\u{301}", "ｂ", "2", "😀",
        ]), 0..24).prop_map(|parts| parts.concat()),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&str> = cuts.windows(2).filter_map(|cut| text.get(cut[0]..cut[1])).collect();
        prop_assert_eq!(in_pieces(&listed(), &pieces), by_definition(&text), "{:?}", pieces);
    }
}
