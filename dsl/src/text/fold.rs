//! The folded copy on which terms are matched.
//!
//! Compatibility decomposition (the NFKC equivalence, kept decomposed so that a character is never
//! rewritten by a mark that arrives later), full case folding, white space as single spaces, control,
//! Default_Ignorable and other unseen code points dropped, and look-alikes of Latin letters replaced. `ＡＩ`,
//! `A\u{200B}I`, Cyrillic `АІ` and `𝐀𝐈` all fold to `ai`. Hangul syllables stay composed.
//!
//! Every folded character carries the bytes of the original it came from. Combining marks wait for
//! the next base, so that their order does not matter. Lines, circles and other marks that no writing system
//! puts on a letter are decoration and dropped, and so is a heap of more than two marks; an accent is
//! not, because `ài` is not `AI`.

use caseless::Caseless;
use unicode_normalization::char::{canonical_combining_class, decompose_compatible, is_combining_mark};

use super::profile::Profile;
use super::terms::is_word;
use super::{digits, lookalike};

/// Combining marks behind one base that are still accents, as in `ế`; more of them are decoration.
const MARKS: usize = 2;

/// The Braille pattern without dots: no white space to Unicode, but it looks like some.
const BLANK: char = '\u{2800}';

/// A folded character and the bytes it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folded {
    /// The folded character.
    pub ch: char,
    /// Where its original starts.
    pub start: usize,
    /// One past its original.
    pub end: usize,
    /// The original is no letter, digit or mark but a symbol that shows some, as `①` and `™` do: next
    /// to it a word is not cut.
    pub symbol: bool,
}

/// Folds one character at a time.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    marks: [Mark; MARKS],
    waiting: usize,
    /// There were too many.
    heaped: bool,
    start: usize,
    end: usize,
    /// The last character given out was white space. Marks that wait have not changed it: a heap of them is
    /// dropped.
    space: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    ch: char,
    class: u8,
}

/// What a character folds to that folds to a single one, neither white space nor a mark, wherever it
/// stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alone {
    pub(super) ch: char,
    /// See [`Folded::symbol`].
    symbol: bool,
    /// It is a word character.
    pub(super) word: bool,
}

impl Alone {
    pub(super) fn of(c: char) -> Option<Self> {
        let (mut folder, mut out) = (Folder::default(), Vec::new());
        folder.push(c, 0, &mut |folded| out.push(folded));
        match out.as_slice() {
            [Folded { ch, symbol, .. }] if *ch != ' ' && !is_combining_mark(*ch) && !folder.is_waiting() => {
                Some(Self { ch: *ch, symbol: *symbol, word: !symbol && is_word(*ch) })
            }
            _ => None,
        }
    }
}

/// What one character folds to by itself.
pub(crate) fn folds(c: char) -> Vec<Folded> {
    let (mut folder, mut out) = (Folder::default(), Vec::new());
    folder.push(c, 0, &mut |folded| out.push(folded));
    folder.finish(&mut |folded| out.push(folded));
    out
}

/// Folds a whole text.
#[must_use]
pub fn folded(text: &str) -> String {
    let mut folder = Folder::default();
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        folder.push(c, at, &mut |folded| out.push(folded.ch));
    }
    folder.finish(&mut |folded| out.push(folded.ch));
    out
}

impl Folder {
    /// Takes the character at byte `at`.
    pub fn push(&mut self, c: char, at: usize, emit: &mut impl FnMut(Folded)) {
        let end = at + c.len_utf8();
        if c.is_whitespace() || c == BLANK {
            self.flush(emit);
            if !std::mem::replace(&mut self.space, true) {
                emit(Folded { ch: ' ', start: at, end, symbol: false });
            }
            return;
        }
        let original = Folded { ch: c, start: at, end, symbol: false };
        if c.is_ascii() {
            if !c.is_ascii_control() {
                self.base(Folded { ch: c.to_ascii_lowercase(), ..original }, emit);
            }
        } else if matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | '。' | '、') {
            self.base(original, emit);
        } else if let Some(plain) = digits::ascii(c).or_else(|| lookalike::framed(c)) {
            self.base(Folded { ch: plain, ..original }, emit);
        } else if !is_unseen(c) {
            let symbol = !c.is_alphabetic() && !is_combining_mark(c);
            decompose_compatible(c, |part| self.part(Folded { ch: part, symbol, ..original }, emit));
        }
    }

    /// Takes the character at byte `at`, of which the profile may know what it folds to.
    #[inline]
    pub(crate) fn read(&mut self, profile: &Profile, at: usize, emit: &mut impl FnMut(Folded)) {
        match profile.fold {
            Some(Alone { ch, symbol, .. }) => {
                self.base(Folded { ch, start: at, end: at + profile.c.len_utf8(), symbol }, emit);
            }
            None => self.push(profile.c, at, emit),
        }
    }

    /// Everything that the future depends on but offsets.
    #[must_use]
    pub fn key(&self) -> u64 {
        let marks = self.marks.iter().take(self.waiting);
        let marks = marks
            .fold(0u64, |key, mark| key.wrapping_mul(0x0001_0000_0001).wrapping_add(u64::from(u32::from(mark.ch))));
        marks << 2 | u64::from(self.heaped) << 1 | u64::from(self.space)
    }

    /// Characters have come that fold alone, one after the other. Nothing waits.
    pub(super) fn pass(&mut self) {
        self.space = false;
        self.heaped = false;
    }

    /// Whether something waits for a next base.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Gives out what waits for a next base.
    pub fn finish(&mut self, emit: &mut impl FnMut(Folded)) {
        self.flush(emit);
    }

    /// One character of a compatibility decomposition.
    fn part(&mut self, part: Folded, emit: &mut impl FnMut(Folded)) {
        let c = part.ch;
        if c.is_whitespace() || c.is_ascii() || is_ignorable(c) {
            // U+00A8 and others decompose to a space and a mark.
            if !is_ignorable(c) {
                self.base(Folded { ch: c.to_ascii_lowercase(), ..part }, emit);
            }
            return;
        }
        if let Some(latin) = lookalike::latin(c) {
            return self.base(Folded { ch: latin, ..part }, emit);
        }
        for lower in std::iter::once(c).default_case_fold() {
            let lower = lookalike::latin(lower).unwrap_or(lower);
            match canonical_combining_class(lower) {
                _ if is_decoration(lower) => {}
                0 => self.base(Folded { ch: lower, ..part }, emit),
                class => self.mark(Mark { ch: lower, class }, part.start, part.end),
            }
        }
    }

    fn base(&mut self, folded: Folded, emit: &mut impl FnMut(Folded)) {
        self.flush(emit);
        self.space = false;
        emit(folded);
    }

    fn mark(&mut self, mark: Mark, start: usize, end: usize) {
        if self.heaped {
            return;
        }
        if self.waiting == MARKS {
            self.waiting = 0;
            self.heaped = true;
            return;
        }
        if self.waiting == 0 {
            self.start = start;
        }
        self.end = end;
        let before = self.marks.iter().take(self.waiting).take_while(|m| m.class <= mark.class).count();
        self.waiting += 1;
        if let Some(slots) = self.marks.get_mut(before..self.waiting) {
            slots.rotate_right(1);
            if let Some(slot) = slots.first_mut() {
                *slot = mark;
            }
        }
    }

    fn flush(&mut self, emit: &mut impl FnMut(Folded)) {
        for mark in self.marks.iter().take(self.waiting) {
            self.space = false;
            emit(Folded { ch: mark.ch, start: self.start, end: self.end, symbol: false });
        }
        self.waiting = 0;
        self.heaped = false;
    }
}

/// Combining marks that strike a character out, underline or frame it, or are otherwise no accent of it:
/// those that no composed character has, apart from the few that some orthography writes all the same.
fn is_decoration(c: char) -> bool {
    matches!(c,
        '\u{305}' | '\u{30E}' | '\u{312}' | '\u{315}'..='\u{31A}' | '\u{31C}'..='\u{322}' | '\u{32A}'..='\u{32C}'
        | '\u{332}'..='\u{33F}' | '\u{346}'..='\u{34E}' | '\u{350}'..='\u{357}' | '\u{359}'..='\u{35B}'
        | '\u{35D}'..='\u{360}' | '\u{362}'..='\u{36F}' | '\u{488}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Characters that are dropped: those that show nothing, and two kinds that count as characters but show
/// nothing where nothing is set in their place, the object replacement character and the controls of
/// Egyptian hieroglyphs.
fn is_unseen(c: char) -> bool {
    is_ignorable(c) || matches!(c, '\u{FFFC}' | '\u{13430}'..='\u{1343F}')
}

/// Characters that show nothing: control characters and Unicode's Default_Ignorable_Code_Point.
#[must_use]
pub fn is_ignorable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use unicode_normalization::char::is_combining_mark;

    use super::folded;

    #[test]
    fn disguises_fold_to_what_they_look_like() {
        for disguise in ["AI", "ai", "ＡＩ", "A\u{200B}I", "АІ", "аі", "ΑΙ", "𝐀𝐈", "ⒶⒾ", "\u{202E}A\u{AD}I", "A\u{0}I"]
        {
            assert_eq!(folded(disguise), "ai", "{disguise:?}");
        }
        assert_eq!(folded("２０２４…"), "2024...");
        assert_eq!(folded("ﬁn\tde\n\n mot"), "fin de mot");
        assert_eq!(folded("Straße"), "strasse");
        // UTS #39 alone would equate these.
        assert_ne!(folded("Al"), folded("AI"));
        assert_ne!(folded("O1"), folded("0l"));
    }

    #[test]
    fn what_is_not_seen_is_dropped_and_a_blank_is_a_space() {
        assert_eq!(folded("A\u{FFFC}I 算\u{13430}\u{1343F}法"), "ai 算法");
        assert_eq!(folded("red\u{2800} \u{2800}car"), "red car");
    }

    #[test]
    fn canonically_equal_texts_fold_alike() {
        assert_eq!(folded("é"), folded("e\u{301}"));
        assert_eq!(folded("q\u{307}\u{323}"), folded("q\u{323}\u{307}"));
        assert_eq!(folded("İ"), folded("i\u{307}"));
        assert_eq!(folded("が"), folded("か\u{3099}"));
        assert_eq!(folded("한"), "한");
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for text in ["АІ", "ＡＩ…", "Straße é", "工業 A\u{200B}I", "ΝΥ νυ", "Владимир"] {
            assert_eq!(folded(&folded(text)), folded(text));
        }
    }

    #[test]
    fn decoration_falls_off_and_accents_stay() {
        for dressed in
            ["A\u{332}I\u{332}", "A\u{336}\u{200D}I", "A\u{20E3}\u{489}I", "A\u{301}\u{302}\u{303}I", "🅰🅸", "🅐🅘"]
        {
            assert_eq!(folded(dressed), "ai", "{dressed:?}");
        }
        assert_eq!(folded("2\u{FE0F}\u{20E3}算\u{338}法\u{20DD}"), "2算法");
        assert_eq!(folded(&format!("a{}b\u{301}", "\u{301}".repeat(100))), "ab\u{301}");
        assert_eq!(folded("a red \u{301}\u{301}\u{301} car"), "a red car");
        assert_eq!(folded("red \u{301} \u{301}\u{302} car"), "red \u{301} \u{301}\u{302} car");
        for accented in ["ế", "ǖ", "ạ\u{301}", "ài", "ｶﾞ", "q\u{307}\u{323}"] {
            assert!(folded(accented).chars().any(is_combining_mark), "{accented:?}");
        }
    }
}
