//! The folded copy on which terms are matched.
//!
//! Compatibility decomposition (the NFKC equivalence, kept decomposed so that a character is never
//! rewritten by a mark that arrives later), full case folding, white space as single spaces, control
//! and Default_Ignorable code points dropped, and look-alikes of Latin letters replaced. `ＡＩ`,
//! `A\u{200B}I`, Cyrillic `АІ` and `𝐀𝐈` all fold to `ai`. Hangul syllables stay composed.
//!
//! Every folded character carries the bytes of the original it came from. Combining marks wait for
//! the next base, so that their order does not matter.

use caseless::Caseless;
use unicode_normalization::char::{canonical_combining_class, decompose_compatible, is_combining_mark};

use super::{digits, lookalike};

/// Combining marks kept in order behind one base; further ones pass as they come.
const MARKS: usize = 12;

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
    start: usize,
    end: usize,
    space: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    ch: char,
    class: u8,
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
        if c.is_whitespace() {
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
        } else if let Some(digit) = digits::ascii(c) {
            self.base(Folded { ch: digit, ..original }, emit);
        } else if !is_ignorable(c) {
            let symbol = !c.is_alphabetic() && !is_combining_mark(c);
            decompose_compatible(c, |part| self.part(Folded { ch: part, symbol, ..original }, emit));
        }
    }

    /// Everything that the future depends on but offsets.
    #[must_use]
    pub fn key(&self) -> u64 {
        let marks = self.marks.iter().take(self.waiting);
        let marks = marks
            .fold(0u64, |key, mark| key.wrapping_mul(0x0001_0000_0001).wrapping_add(u64::from(u32::from(mark.ch))));
        marks << 1 | u64::from(self.space)
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
                0 => self.base(Folded { ch: lower, ..part }, emit),
                class => self.mark(Mark { ch: lower, class }, part.start, part.end, emit),
            }
        }
    }

    fn base(&mut self, folded: Folded, emit: &mut impl FnMut(Folded)) {
        self.flush(emit);
        self.space = false;
        emit(folded);
    }

    fn mark(&mut self, mark: Mark, start: usize, end: usize, emit: &mut impl FnMut(Folded)) {
        self.space = false;
        if self.waiting == MARKS {
            self.flush(emit);
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
            emit(Folded { ch: mark.ch, start: self.start, end: self.end, symbol: false });
        }
        self.waiting = 0;
    }
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

    /// More marks than are kept in order must neither be lost nor stop the machine.
    #[test]
    fn many_marks_pass() {
        let text = format!("a{}b", "\u{301}".repeat(100));
        assert_eq!(folded(&text), text);
    }
}
