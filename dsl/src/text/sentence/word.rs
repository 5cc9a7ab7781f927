//! The word before a full stop: an abbreviation, initials, or an ordinary word.

/// What a full stop behind a word may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// An ordinary word, or none: the sentence ends.
    Plain,
    /// A title or a Latin abbreviation that something always follows (`Dr.`, `e.g.`).
    Leading,
    /// An abbreviation that may end a sentence (`etc.`, `U.S.`): it does if white space and neither a
    /// lower-case letter nor a digit follow.
    Abbreviation,
    /// An abbreviation before a number (`No. 5`): the sentence goes on if a digit follows.
    Numbering,
    /// One capital letter or several, as in `J. Smith` and `J.R.R. Tolkien`; never `I`.
    Initial,
    /// A digit.
    Digit,
}

const LEADING: [&str; 8] = ["al", "cf", "e.g", "eg", "i.e", "ie", "viz", "vs"];

/// Only with a capital letter: "one more rep. Then" ends a sentence.
const TITLES: [&str; 24] = [
    "adm", "brig", "capt", "cmdr", "col", "cpl", "dr", "gen", "gov", "hon", "lt", "messrs", "mr", "mrs", "ms", "mt",
    "prof", "rep", "rev", "sen", "sgt", "st", "fr", "maj",
];

const ABBREVIATIONS: [&str; 39] = [
    "a.m", "approx", "apr", "assn", "aug", "ave", "blvd", "co", "corp", "dec", "dept", "est", "etc", "feb", "inc",
    "jan", "jr", "ltd", "nov", "oct", "p.m", "ph.d", "resp", "sep", "sept", "sr", "univ", "b.c", "a.d", "u.s", "u.s.a",
    "u.k", "u.n", "e.u", "d.c", "n.y", "l.a", "f.b.i", "c.i.a",
];

const NUMBERING: [&str; 13] = ["ch", "chap", "eq", "fig", "no", "nos", "nr", "p", "para", "pp", "sec", "v", "vol"];

/// The longest word that matters, in letters and inner full stops.
const LONGEST: usize = 6;

/// The last word read, as far as it can be an abbreviation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Word {
    bytes: [u8; LONGEST],
    /// Letters and inner full stops; past `LONGEST` the word is no abbreviation.
    length: u8,
    /// Letters since the last inner full stop.
    run: u8,
    /// Whether every run so far had one letter.
    singles: bool,
    dotted: bool,
    capital: bool,
}

impl Word {
    /// Forgets the word.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the next character of the text: ASCII letters extend the word, anything else ends it,
    /// except a full stop, which goes through [`Word::dot`].
    #[inline]
    pub(super) fn push_unless_dot(&mut self, c: char) {
        if c == '.' {
            return;
        }
        if !c.is_ascii_alphabetic() {
            if self.length > 0 {
                self.clear();
            }
            return;
        }
        if self.length == 0 {
            self.singles = true;
            self.capital = c.is_ascii_uppercase();
        }
        self.run = self.run.saturating_add(1);
        self.singles &= self.run == 1;
        self.append(c);
    }

    /// Takes a full stop.
    pub(super) fn dot(&mut self) {
        if self.length > 0 {
            self.dotted = true;
            self.run = 0;
            self.append('.');
        }
    }

    fn append(&mut self, c: char) {
        let byte = u8::try_from(c.to_ascii_lowercase()).unwrap_or(b'?');
        if let Some(slot) = self.bytes.get_mut(usize::from(self.length)) {
            *slot = byte;
        }
        self.length = self.length.saturating_add(1);
    }

    /// Everything that the future depends on: a word that can become no abbreviation is like any other.
    pub(super) fn key(&self) -> u64 {
        if self.length == 0 {
            return 0;
        }
        let Some(text) = self.text() else {
            let letters = u64::from(self.singles) | u64::from(self.singles && self.run == 0) << 1;
            return 1 | letters << 2;
        };
        let tables = [&LEADING[..], &TITLES, &ABBREVIATIONS, &NUMBERING, &["www", "i"]];
        let heads = tables.into_iter().flatten().any(|known| known.starts_with(text));
        if !heads && !self.singles {
            return 1;
        }
        let flags = u64::from(self.singles) | u64::from(self.dotted) << 1 | u64::from(self.capital) << 2;
        let bytes = if heads { text.bytes().fold(0u64, |key, byte| key << 8 | u64::from(byte)) } else { 0 };
        2 | flags << 2 | u64::from(self.length) << 8 | u64::from(text.ends_with('.')) << 5 | bytes << 16
    }

    /// Whether the word is `www`, which starts a URL before a full stop.
    pub(super) fn is_www(&self) -> bool {
        self.text() == Some("www")
    }

    /// What a full stop right behind it may mean.
    pub(super) fn before(&self) -> Before {
        if self.run == 0 {
            return Before::Plain;
        }
        let letters = self.dotted && self.singles;
        let Some(text) = self.text() else {
            return if letters { Before::Abbreviation } else { Before::Plain };
        };
        if LEADING.contains(&text) || (self.capital && TITLES.contains(&text)) {
            return Before::Leading;
        }
        if ABBREVIATIONS.contains(&text) || (letters && !self.capital) {
            return Before::Abbreviation;
        }
        if letters || (self.capital && text.len() == 1 && text != "i") {
            return Before::Initial;
        }
        if NUMBERING.contains(&text) {
            return Before::Numbering;
        }
        Before::Plain
    }

    fn text(&self) -> Option<&str> {
        self.bytes.get(..usize::from(self.length)).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}
