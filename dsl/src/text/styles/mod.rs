//! The forms of sentences, read along with the machine that splits them.
//!
//! Beside the forms that a lexicon defines ([`rhetorical`](super::rhetorical)) there are three of
//! punctuation and place. A sentence is
//!
//! - an *exclamation* (感叹句) if it ends in `!` or `！`, perhaps among other terminators, closers and
//!   emoji, and is no question. As with questions, what stands in quotation marks or parentheses does
//!   not count: `他喊“救命！”` is none;
//! - a *quotation* (引用) if it has a passage between `“”`, `「」`, `『』` or `""` that is closed and not blank;
//! - a *list item* (列表项) if it is the first of its line and a list marker stands before it or begins
//!   it: a bullet (`- `, `* `, `•`), `1.`, `1)`, `1、`, `(1)`, `一、`, `（一）`, `①`. `1.5` and `-5` are no markers.

mod listing;
mod quoting;

use listing::Listing;
use quoting::Quoting;

use super::profile::{self, Profile};
use super::rhetorical::{Form, Forms, Reader};
use super::sentence::Event;

pub(super) use listing::{Sign, sign};
pub(super) use quoting::{Mark, closes, mark};

/// Reads the forms of one sentence after the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Styles {
    reader: Reader,
    quoting: Quoting,
    listing: Listing,
    /// The sentence ends in an exclamation mark, if it ends here.
    bang: bool,
    /// The sentence has a letter or a digit.
    content: bool,
    /// The line of the sentence has ended and with it the sentence: what follows belongs to the next.
    over: bool,
}

impl Styles {
    /// Takes the next character with what the sentence machine says about it; gives the forms of the
    /// sentence before it if that one ended.
    pub fn push(&mut self, c: char, event: &Event) -> Option<Forms> {
        self.read(profile::of(c), event)
    }

    #[inline]
    pub(crate) fn read(&mut self, profile: &Profile, event: &Event) -> Option<Forms> {
        let ended = event.boundary.is_some().then(|| self.forms());
        if ended.is_some() {
            *self = Self { listing: self.listing.next_sentence(), ..Self::default() };
        }
        self.content |= event.begins;
        self.listing.push(profile.sign, event.begins);
        self.over |= self.content && !event.enclosed && profile.sign == Sign::Newline;
        if !self.over {
            self.quoting.push(profile);
            self.reader.read(profile, event.enclosed);
            if !event.enclosed {
                self.bang = profile.bang || (self.bang && !profile.goes_on);
            }
        }
        ended
    }

    /// Takes a character within a sentence, outside of pairs and code, that ends no line: as
    /// [`Styles::push`] does where the sentence machine has nothing to say.
    #[inline]
    pub(crate) fn flow(&mut self, profile: &Profile) {
        self.listing.push(profile.sign, false);
        if !self.over {
            self.quoting.push(profile);
            self.reader.read(profile, false);
            self.bang = profile.bang || (self.bang && !profile.goes_on);
        }
    }

    /// The forms of the current sentence if it ends here.
    #[must_use]
    pub fn forms(&self) -> Forms {
        let forms = self.reader.forms();
        Forms {
            exclamation: self.bang && !forms.question,
            quotation: self.quoting.is_quotation(),
            list_item: self.listing.is_item(),
            ..forms
        }
    }

    /// Whether the current sentence, which has begun, has a form however it goes on; `None` while that
    /// depends on what comes.
    #[must_use]
    pub fn settled(&self, form: Form) -> Option<bool> {
        if self.over {
            return Some(self.forms().has(form));
        }
        match form {
            Form::Rhetorical => self.reader.is_rhetorical().then_some(true),
            Form::Quotation => self.quoting.is_quotation().then_some(true),
            Form::ListItem => self.listing.settled(),
            Form::Question | Form::Exclamation => None,
        }
    }

    /// Appends everything that the future depends on, as far as the forms asked for go.
    pub fn key(&self, asked: impl Fn(Form) -> bool, out: &mut Vec<u64>) {
        let exclamation = asked(Form::Exclamation);
        out.push(self.reader.key(asked(Form::Rhetorical), asked(Form::Question) || exclamation));
        let lines = u64::from(self.content) | u64::from(self.over) << 1;
        let bang = u64::from(exclamation && self.bang) << 2;
        let quoting = if asked(Form::Quotation) { self.quoting.key() } else { 0 };
        let listing = if asked(Form::ListItem) { self.listing.key() } else { 0 };
        out.push(lines | bang | quoting << 8 | listing << 32);
    }
}

/// Past the list marker that begins a line (`1.`, `一、`, `（2）`, `- `, …), in bytes; `None` without one.
/// White space and an emphasis before it belong to it.
#[must_use]
pub fn list_marker(line: &str) -> Option<usize> {
    listing::marker(line)
}

/// What the forms see of a character: those alike in this, in [`letter`](super::rhetorical) and to the
/// sentence machine are the same to them.
pub(crate) fn letter(c: char) -> u32 {
    let marks = u32::from(is_bang(c)) | u32::from(goes_on(c)) << 1 | u32::from(sign(c) == Sign::Newline) << 2;
    marks | quoting::letter(c) << 4 | listing::letter(c) << 12
}

/// A character of each kind that the forms tell apart.
pub(crate) const ALPHABET: &str = "！!“”「」『』\"-•1.)、(一）（①";

pub(super) fn is_bang(c: char) -> bool {
    matches!(c, '!' | '！' | '﹗' | '‼')
}

/// Whether a sentence that has it behind an exclamation mark does not end in that mark.
pub(super) fn goes_on(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, ',' | '，' | '、' | ':' | '：' | ';' | '；' | '–' | '—')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::sentence::Sentences;

    /// The forms of a text's sentences.
    fn forms(text: &str) -> Vec<Forms> {
        let (mut machine, mut styles, mut found) = (Sentences::default(), Styles::default(), Vec::new());
        for c in text.chars() {
            let event = machine.push(c);
            found.extend(styles.push(c, &event));
        }
        found.push(styles.forms());
        found
    }

    fn wrong<'t>(texts: &[&'t str], holds: impl Fn(Forms) -> bool) -> Vec<&'t str> {
        texts.iter().copied().filter(|text| forms(text).len() != 1 || !holds(forms(text)[0])).collect()
    }

    #[test]
    fn exclamations_end_in_their_mark() {
        let texts = ["太好了！", "Great!", "好！！！", "好！……", "好！😀", "**好！**", "Wow!)", "好！~"];
        assert_eq!(wrong(&texts, |forms| forms.exclamation), [""; 0]);
        let texts = ["好。", "真的！？", "What?!", "他喊“救命！”", "什么！，他说。", "好"];
        assert_eq!(wrong(&texts, |forms| !forms.exclamation), [""; 0]);
    }

    #[test]
    fn quotations_are_closed_and_not_blank() {
        let texts =
            ["他说“好”。", "「好」", "古人云『行』。", "He said \"fine\".", "“……”", "他说“书名『好』吗”", "\"Ok\"."];
        assert_eq!(wrong(&texts, |forms| forms.quotation), [""; 0]);
        let texts = ["他说“好。", "“”好", "《春秋》", "5\" is it", "“ ”", "it's 'so'", "好”", "「好”"];
        assert_eq!(wrong(&texts, |forms| !forms.quotation), [""; 0]);
    }

    #[test]
    fn list_items_begin_their_line_with_a_marker() {
        let texts = [
            "- 好",
            "* so",
            "• 好",
            "1. 先做",
            "1.先做",
            "12) so",
            "1、好",
            "(1) so",
            "（一）好",
            "一、好",
            "十二、好",
            "①好",
            "  - 好",
            "**1. 好**",
            "– so",
        ];
        assert_eq!(wrong(&texts, |forms| forms.list_item), [""; 0]);
        let texts = ["好 - 好", "1.5 公斤", "-5 度", "一个、两个", "(so) it is", "1 好", "*好*", "1.", "第一，好"];
        assert_eq!(wrong(&texts, |forms| !forms.list_item), [""; 0]);
    }

    /// Fails when the marker of a line is told otherwise than a list item is.
    #[test]
    fn the_marker_of_a_line_ends_before_its_text() {
        let rest = |line: &str| list_marker(line).map(|at| line.split_at(at).1.to_owned());
        let texts = ["- 好", "1. 好", "1.好", "12) 好", "（一）好", "十二、好", "①好", "  • 好", "**1. 好**"];
        for line in texts {
            assert_eq!(rest(line).as_deref().map(|rest| rest.trim_matches([' ', '*'])), Some("好"), "{line}");
            assert!(forms(line)[0].list_item, "{line}");
        }
        for line in ["1.5 公斤", "-5 度", "一个", "好 - 好", "1.", "", "第一，好", "-\n好"] {
            assert_eq!(rest(line), None, "{line}");
        }
    }

    /// The marker of a line is read before it is known that the line above was a sentence.
    #[test]
    fn forms_belong_to_their_own_sentence() {
        let all = |text: &str| forms(text).iter().map(|f| (f.list_item, f.exclamation, f.question)).collect::<Vec<_>>();
        let (item, bang) = ((true, false, false), (false, true, false));
        assert_eq!(all("好：\n- 甲\n- 乙。丙"), [(false, false, false), item, item, (false, false, false)]);
        assert_eq!(all("好！\n1. 甲\n\n好"), [bang, item, (false, false, false)]);
        // A question at the end of its line is one.
        assert_eq!(all("你来吗？\n好。"), [(false, false, true), (false, false, false)]);
        assert_eq!(all("你来吗\n- 好！"), [(false, false, true), (true, true, false)]);
    }
}
