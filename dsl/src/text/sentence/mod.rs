//! Where sentences end: one incremental machine, characters in, boundaries out.
//!
//! The rules, numbered, are a chapter of the language reference (`spec/13-sentences.md`); its
//! conformance file is this machine's test. In short, Unicode's rules (UAX #29) are the base; on top
//! of them
//!
//! - (a) no sentence ends inside `《》〈〉「」『』“”""（）()【】[]`. So that an unclosed pair cannot swallow a
//!   reply, a pair counts as open for at most [`PAIR_LIMIT`] characters and never over a newline;
//! - (b) closers, emoji and most symbols attach to the left. A terminator right before the mark that
//!   closes a pair ends the sentence only if a new one visibly begins. So `“这是对的。”他说。` is one;
//! - (c) `…` and a newline end a sentence; `；`, `：`, `~` and dashes do not, and a comma, colon,
//!   semicolon or dash behind a terminator takes it back;
//! - (d) the number or letter of a list item, abbreviations and initials do not end a sentence;
//! - (e) nor does the point of a decimal number, full width included, or one inside a word;
//! - (f) a run of terminators counts once;
//! - (g) URLs and Markdown code are opaque; fenced code, newlines included, for at most
//!   [`FENCE_LIMIT`] characters.
//!
//! Only a stretch with a letter or a digit counts as a sentence; a text without any (`……`) counts as
//! one if it is not blank. A boundary is known when the character that begins the next sentence
//! arrives.

mod class;
mod code;
pub mod conformance;
mod enclosed;
mod key;
mod line;
mod pairs;
mod pending;
mod terminators;
mod word;

pub(in crate::text) use class::{Class, class};
use class::{Pair, is_digit};
use code::{Code, Url};
use line::Line;
use pairs::Pairs;
use pending::{Kind, Pending};
use word::{Before, Word};

use super::profile::{self, Profile};
pub(crate) use class::is_spaced_script;
pub use code::FENCE_LIMIT;
pub use key::character_key;
pub use pairs::PAIR_LIMIT;

/// Where one sentence ends and the next begins, in bytes read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// Past the last character of the sentence, closers included and white space behind a terminator
    /// excluded; the newline, if only that ended it.
    pub end: usize,
    /// The first character of the next sentence.
    pub next: usize,
}

/// What one character decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Event {
    /// The sentence before this character is known to have ended.
    pub boundary: Option<Boundary>,
    /// This character gave the current sentence its first letter or digit: it counts from now on.
    pub begins: bool,
    /// This character lies inside a pair or in code.
    pub enclosed: bool,
}

/// The machine. Small and without heap memory, so that it can be cloned for "what if".
#[derive(Debug, Clone, Default)]
pub struct Sentences {
    /// Bytes read.
    at: usize,
    /// Past the last character that is not white space.
    solid: usize,
    begun: u64,
    /// The current sentence has a letter or a digit.
    content: bool,
    pending: Option<Pending>,
    pairs: Pairs,
    code: Code,
    url: Url,
    line: Line,
    word: Word,
    previous: Option<char>,
    /// An odd number of Markdown emphasis runs was read.
    emphasis: bool,
    /// See [`Sentences::is_flowing`].
    flows: bool,
}

/// Whether a character may stand within a sentence without a word about where that ends: letters and
/// digits, spaces and commas. A colon may begin a URL or a list.
pub(super) fn flows(c: char) -> bool {
    match class(c) {
        Class::Word | Class::Space => true,
        Class::Continue => !matches!(c, ':' | '：'),
        _ => false,
    }
}

/// Whether a pair right behind a terminator refers to what was said.
fn refers(pair: Pair, previous: Option<char>) -> bool {
    pair == Pair::Square || (pair == Pair::Parenthesis && previous == Some(']'))
}

/// Counts the sentences of a whole text.
#[must_use]
pub fn count(text: &str) -> usize {
    let mut machine = Sentences::default();
    for c in text.chars() {
        machine.push(c);
    }
    usize::try_from(machine.total()).unwrap_or(usize::MAX)
}

/// The byte ranges of a text's sentences, without the white space between them.
#[must_use]
pub fn split(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut machine = Sentences::default();
    let mut start = text.len() - text.trim_start().len();
    let mut ranges = Vec::new();
    for c in text.chars() {
        if let Some(boundary) = machine.push(c).boundary {
            let sentence = text.get(start..boundary.end).unwrap_or_default();
            ranges.push(start..start + sentence.trim_end().len());
            start = boundary.next;
        }
    }
    if let Some(end) = machine.finish() {
        ranges.push(start..end);
    }
    ranges
}

impl Sentences {
    /// Takes the next character.
    pub fn push(&mut self, c: char) -> Event {
        self.read(profile::of(c))
    }

    #[inline]
    pub(crate) fn read(&mut self, profile: &Profile) -> Event {
        let (c, class) = (profile.c, profile.class);
        let at = self.at;
        self.at += c.len_utf8();
        let mut event = Event::default();
        if !(self.flows && profile.flows) {
            self.take(c, class, at, &mut event);
            self.line = self.line.then(c, class);
            self.flows = self.is_flowing();
        }
        self.word.push_unless_dot(c);
        self.previous = Some(c);
        if class != Class::Space && class != Class::Newline {
            self.solid = self.at;
        }
        event
    }

    /// Takes as many of the next characters as surely decide nothing, tells each, and gives their bytes.
    /// What it leaves is for [`Sentences::push`]; the outcome is the same as if that had taken all.
    #[inline]
    pub(crate) fn skim(&mut self, text: &str, most: u64, mut each: impl FnMut(&Profile)) -> usize {
        let start = self.at;
        if !self.flows {
            return 0;
        }
        for (c, _) in text.chars().zip(0..most) {
            let profile = profile::of(c);
            if !profile.flows {
                break;
            }
            each(profile);
            self.word.push_unless_dot(c);
            self.previous = Some(c);
            self.at += c.len_utf8();
            if profile.class != Class::Space {
                self.solid = self.at;
            }
        }
        self.at - start
    }

    /// Whether a character that [flows] would change nothing here but the word before a full stop:
    /// most characters of a text are one within a sentence that has begun and may not have ended.
    fn is_flowing(&self) -> bool {
        self.content
            && self.pending.is_none()
            && self.pairs.is_empty()
            && self.code.is_absent()
            && self.url == Url::Outside
            && self.line == Line::Body
    }

    /// Ends the text: where its last sentence ends, if one is open.
    #[must_use]
    pub fn finish(&self) -> Option<usize> {
        (self.content || (self.begun == 0 && self.solid > 0)).then_some(self.solid)
    }

    /// Sentences that have begun, the current one included.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// Sentences that are known to have ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.begun - u64::from(self.content)
    }

    /// How many sentences the text has if it ends here.
    #[must_use]
    pub fn total(&self) -> u64 {
        if self.begun == 0 { u64::from(self.solid > 0) } else { self.begun }
    }

    /// Where the current sentence would end if the next one began now: everything from there on may
    /// belong to the next sentence. `None` while the current sentence surely goes on.
    #[must_use]
    pub fn possible_end(&self) -> Option<usize> {
        self.pending.map(|pending| pending.end)
    }

    /// Where the next sentence would begin, while only symbols stand there (`- `, `**`).
    #[must_use]
    pub fn waiting_start(&self) -> Option<usize> {
        self.pending.and_then(|pending| pending.next)
    }

    fn take(&mut self, c: char, class: Class, at: usize, event: &mut Event) {
        if self.code.take(c, self.line == Line::Start) {
            event.enclosed = true;
            if class == Class::Backtick {
                self.start(c, at, event);
            } else if class == Class::Word {
                self.begin(event);
            }
            return;
        }
        if self.url.take(c, &self.word, self.previous) {
            event.enclosed = !self.pairs.is_empty();
            return if self.cites() { self.cite(class) } else { self.take_url(class, event) };
        }
        if class == Class::Newline {
            return self.end_line(at);
        }
        self.pairs.step();
        if !self.pairs.is_empty() {
            event.enclosed = true;
            return self.take_enclosed(c, class, at, event);
        }
        match class {
            Class::Terminator => self.end(Kind::Terminator, at),
            Class::Ellipsis => self.end(Kind::Ellipsis, at),
            Class::Period => self.take_period(at),
            Class::Word => {
                self.start(c, at, event);
                self.begin(event);
            }
            Class::Continue => self.go_on(at),
            Class::Space => {
                if let Some(pending) = &mut self.pending {
                    pending.spaced = true;
                }
            }
            Class::Open(pair) => self.open(pair, c, at, event),
            Class::Quote if self.quote_opens() => self.open(Pair::Straight, c, at, event),
            Class::Emphasis => {
                if self.previous != Some(c) {
                    self.emphasis = !self.emphasis;
                }
                self.attach(at, !self.emphasis);
            }
            Class::Lead => self.attach(at, false),
            Class::Apostrophe => self.attach(at, !self.pending.is_some_and(|pending| pending.spaced)),
            Class::Newline | Class::Backtick | Class::Close(_) | Class::Quote | Class::Symbol => self.attach(at, true),
        }
    }

    fn take_period(&mut self, at: usize) {
        if matches!(self.line, Line::Digits(_)) {
            return;
        }
        let kind = if self.line == Line::Letter {
            Kind::Period(Before::Initial)
        } else if self.previous.is_some_and(is_digit) {
            Kind::Period(Before::Digit)
        } else {
            Kind::Period(self.word.before())
        };
        self.word.dot();
        self.end(kind, at);
    }

    /// A terminator: the sentence may have ended.
    fn end(&mut self, kind: Kind, at: usize) {
        match &mut self.pending {
            Some(pending) if pending.newline || pending.next.is_some() => {
                pending.next.get_or_insert(at);
            }
            Some(pending) => {
                pending.kind = pending.kind.then(kind);
                pending.end = self.at;
                pending.spaced = false;
            }
            None if self.content => self.pending = Some(Pending::new(kind, self.at, self.previous)),
            None => {}
        }
    }

    fn end_line(&mut self, at: usize) {
        self.pairs.clear();
        self.emphasis = false;
        match &mut self.pending {
            Some(pending) => {
                pending.newline = true;
                pending.spaced = true;
            }
            None if self.content => {
                let mut pending = Pending::new(Kind::Newline, at, self.previous);
                pending.newline = true;
                pending.spaced = true;
                self.pending = Some(pending);
            }
            None => {}
        }
    }

    /// A character that begins nothing by itself belongs to the sentence on its left, or after a
    /// newline or an opening emphasis to the one on its right.
    fn attach(&mut self, at: usize, left: bool) {
        if let Some(pending) = &mut self.pending {
            if !left || pending.newline || pending.next.is_some() {
                pending.next.get_or_insert(at);
            } else {
                pending.end = self.at;
            }
        }
    }

    fn go_on(&mut self, at: usize) {
        if let Some(pending) = &mut self.pending {
            if pending.newline || pending.next.is_some() {
                pending.next.get_or_insert(at);
            } else {
                self.pending = None;
            }
        }
    }

    fn open(&mut self, pair: Pair, c: char, at: usize, event: &mut Event) {
        // `:(` and its kin are faces, not parentheses.
        if pair == Pair::Parenthesis && matches!(self.previous, Some(':' | ';' | '-' | '=' | '\'')) {
            return self.attach(at, true);
        }
        event.enclosed = true;
        self.pairs.open(pair);
        match &mut self.pending {
            // The `!` of an image ends nothing.
            Some(pending) if pair == Pair::Square && pending.is_image() => self.pending = None,
            // `[1]` and `[1](https://…)` behind a terminator say where the sentence is from.
            Some(pending) if pending.is_adjacent() && refers(pair, self.previous) => pending.end = self.at,
            _ => self.start(c, at, event),
        }
    }

    /// Whether a straight quotation mark outside all quotations opens one.
    fn quote_opens(&self) -> bool {
        match self.previous {
            // `5"` and a closing mark whose opening one was dropped.
            Some(c) if c.is_ascii_alphanumeric() => false,
            Some('.' | '!' | '?') => false,
            _ => true,
        }
    }

    /// A character that would begin a sentence decides whether the pending one ended.
    fn start(&mut self, c: char, at: usize, event: &mut Event) {
        let Some(pending) = self.pending.take() else { return };
        if self.content && pending.breaks_before(c) {
            event.boundary = Some(Boundary { end: pending.end, next: pending.next.unwrap_or(at) });
            self.content = false;
            self.line = Line::Start;
        }
    }

    fn begin(&mut self, event: &mut Event) {
        if !self.content {
            self.content = true;
            self.begun += 1;
            event.begins = true;
        }
    }
}

#[cfg(test)]
mod tests;
