//! Which sentences are rhetorical questions, and which are questions at all.
//!
//! `rhetorical(v1)` is defined by form: a sentence is rhetorical if it has a *cue* outside quoted
//! speech and outside an indirect question. The cues (Chinese in both scripts, English) are the
//! regular patterns below; the sentence may end in any terminator or none. What only looks like a
//! cue (`艰难道路`, `任何必要`, `有什么可以帮您`, `打算什么时候`) is part of no pattern.
//!
//! `rolecall eval rhetorical` says how well that agrees with people.
//!
//! A *question* ends in a question mark, perhaps among other terminators, or in `吗` with any
//! terminator or none. `呢` alone makes none: `我正忙着呢。`

mod lexicon;
mod patterns;

use regex_automata::dfa::Automaton;
use regex_automata::util::primitives::StateID;

pub(super) use lexicon::{Asks, byte, normal};
use lexicon::{LEXICON, PATTERNS, Says};
pub(crate) use lexicon::{alphabet, letter, prepare};

use super::profile::{self, Profile};

/// A form of sentences whose share a rule can bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// `rhetorical(v1)`.
    Rhetorical,
    /// Ends as a question.
    Question,
    /// Ends with an exclamation mark.
    Exclamation,
    /// Has a passage in quotation marks.
    Quotation,
    /// Begins its line with a list marker.
    ListItem,
}

impl Form {
    /// Every form, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Rhetorical, Self::Question, Self::Exclamation, Self::Quotation, Self::ListItem];

    /// The metric's name in contracts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rhetorical => "rhetorical",
            Self::Question => "question",
            Self::Exclamation => "exclamation",
            Self::Quotation => "quotation",
            Self::ListItem => "list_item",
        }
    }

    /// What its sentences are called.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Rhetorical => "rhetorical questions",
            Self::Question => "questions",
            Self::Exclamation => "exclamations",
            Self::Quotation => "quotations",
            Self::ListItem => "list items",
        }
    }

    /// The least number of characters that a sentence of this form has.
    #[must_use]
    pub fn shortest(self) -> u64 {
        match self {
            // 何必
            Self::Rhetorical => 2,
            // 吗, ！ behind a joiner, a letter between marks behind joiners, ①
            Self::Question | Self::Exclamation | Self::Quotation | Self::ListItem => 1,
        }
    }
}

/// The forms of one sentence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forms {
    /// It has the form [`Form::Rhetorical`].
    pub rhetorical: bool,
    /// It has the form [`Form::Question`].
    pub question: bool,
    /// It has the form [`Form::Exclamation`].
    pub exclamation: bool,
    /// It has the form [`Form::Quotation`].
    pub quotation: bool,
    /// It has the form [`Form::ListItem`].
    pub list_item: bool,
}

impl Forms {
    /// Whether it has a form.
    #[must_use]
    pub fn has(self, form: Form) -> bool {
        match form {
            Form::Rhetorical => self.rhetorical,
            Form::Question => self.question,
            Form::Exclamation => self.exclamation,
            Form::Quotation => self.quotation,
            Form::ListItem => self.list_item,
        }
    }
}

/// Reads one sentence: the forms that the lexicon defines. For all forms, and for where sentences end,
/// use [`Styles`](super::styles::Styles).
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    state: StateID,
    cue: bool,
    /// An indirect question began in this clause.
    indirect: bool,
    /// The `Gap`s open in this clause.
    open: u8,
    /// The last thing read was a space.
    space: bool,
    /// It would be a question if it ended here.
    asks: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self { state: LEXICON.start, cue: false, indirect: false, open: 0, space: false, asks: false }
    }
}

impl Reader {
    /// Takes the next character of the sentence; `enclosed` ones (quoted speech, titles, code) are
    /// passed over.
    pub fn push(&mut self, c: char, enclosed: bool) {
        self.read(profile::of(c), enclosed);
    }

    #[inline]
    pub(crate) fn read(&mut self, profile: &Profile, enclosed: bool) {
        let (letter, asks) = if enclosed { (b' ', Asks::AsBefore) } else { (profile.letter, profile.asks) };
        self.asks = asks == Asks::Yes || (self.asks && asks == Asks::AsBefore);
        if std::mem::replace(&mut self.space, letter == b' ') && letter == b' ' {
            return;
        }
        let dfa = &LEXICON.dfa;
        self.state = dfa.next_state(self.state, letter);
        if dfa.is_match_state(self.state) {
            self.note(self.state);
        }
        if letter == b',' {
            self.indirect = false;
            self.open = 0;
        }
    }

    /// Whether the sentence is rhetorical however it goes on.
    #[must_use]
    pub fn is_rhetorical(&self) -> bool {
        self.cue
    }

    /// Everything that the future depends on, as far as the forms asked for go.
    #[must_use]
    pub fn key(&self, rhetorical: bool, question: bool) -> u64 {
        let asks = u64::from(question && self.asks);
        if !rhetorical || self.cue {
            return asks | u64::from(rhetorical && self.cue) << 1;
        }
        let flags = u64::from(self.indirect) << 2 | u64::from(self.space) << 3 | u64::from(self.open) << 4;
        asks | flags | u64::from(self.state.as_u32()) << 16
    }

    /// The forms of the sentence if it ends here, as far as the lexicon defines them.
    #[must_use]
    pub fn forms(mut self) -> Forms {
        let end = LEXICON.dfa.next_eoi_state(self.state);
        if LEXICON.dfa.is_match_state(end) {
            self.note(end);
        }
        Forms { rhetorical: self.cue, question: self.asks, ..Forms::default() }
    }

    /// Notes what the matches of a state say.
    fn note(&mut self, state: StateID) {
        let (mut weak, mut indirect, mut opened) = (false, false, 0);
        for index in 0..LEXICON.dfa.match_len(state) {
            match PATTERNS.get(LEXICON.dfa.match_pattern(state, index).as_usize()).map(|pattern| pattern.0) {
                Some(Says::Cue) => self.cue = true,
                Some(Says::WeakCue) => weak = true,
                Some(Says::Opens(gap)) => opened |= gap as u8,
                Some(Says::Closes(gaps)) => self.cue |= gaps.iter().any(|gap| self.open & *gap as u8 != 0),
                Some(Says::Indirect) => indirect = true,
                None => {}
            }
        }
        if !self.indirect {
            self.cue |= weak;
            self.open |= opened;
        }
        self.indirect |= indirect;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::sentence::Sentences;

    /// The forms of a text's sentences.
    fn forms(text: &str) -> Vec<Forms> {
        let (mut machine, mut reader, mut found) = (Sentences::default(), Reader::default(), Vec::new());
        for c in text.chars() {
            let event = machine.push(c);
            if event.boundary.is_some() {
                found.push(std::mem::take(&mut reader).forms());
            }
            reader.push(c, event.enclosed);
        }
        found.push(reader.forms());
        found
    }

    fn wrong<'t>(texts: &[&'t str], holds: impl Fn(Forms) -> bool) -> Vec<&'t str> {
        texts.iter().copied().filter(|text| forms(text).len() != 1 || !holds(forms(text)[0])).collect()
    }

    /// A cue that is lost, in either script or with any ending, shows here.
    #[test]
    fn cues_make_a_sentence_rhetorical() {
        let texts = [
            "难道这不是天意吗？",
            "難道不是嗎",
            "难道说我错了不成。",
            "岂能坐以待毙！",
            "豈有此理？",
            "何必如此？",
            "又何尝不是呢？",
            "你怎么能这样？",
            "他怎会不知？",
            "我哪里敢呢？",
            "哪轮得到我？",
            "谁不想赢？",
            "谁说不行？",
            "谁能不爱？",
            "这不是很好吗？",
            "你不就是想走么？",
            "这还用说？",
            "那还得了！",
            "还不快走吗？",
            "有什么用？",
            "有啥好怕的？",
            "有什么了不起？",
            "凭什么要我去？",
            "至于这么生气吗？",
            "这点困难算什么？",
            "焉能不败？",
            "我不走，难道你走？",
            "It is late, isn't it?",
            "You don't smoke, do you?",
            "Who doesn't love a good book?",
            "But who cares?",
            "What's the point of waiting?",
            "What is the use?",
            "Why bother?",
            "Why on earth would I?",
            "How could you?",
            "Since when is that a crime?",
            "What good is a promise?",
            "Well, who knew?",
            "Who doesn’t?",
        ];
        assert_eq!(wrong(&texts, |forms| forms.rhetorical), [""; 0]);
    }

    /// A cue that is found where there is none shows here.
    #[test]
    fn what_only_looks_like_a_cue_does_not() {
        let texts = [
            "怎么办？",
            "怎么做才好？",
            "何时出发？",
            "何妨一试。",
            "谁知道呢？",
            "莫非他来了？",
            "艰难道路上，我们前行。",
            "任何必要的帮助都可以。",
            "为何必须走？",
            "有什么可以帮您的吗？",
            "有什么好吃的？",
            "有什么用途？",
            "你打算什么时候来？",
            "我想知道他怎么会来。",
            "请问哪里有厕所？",
            "不知道谁没来。",
            "无论谁不来都行。",
            "是不是要走吗？",
            "甚至于他也来了吗？",
            "他说“难道不是吗？”然后走了。",
            "《谁说女子不如男》好看。",
            "这不是什么好事。",
            "谁说的？",
            "How are you?",
            "The man who knew too much left.",
            "What good movies are there?",
            "He asked \"who cares?\" and left.",
            "Is it late?",
            "I have it, you know.",
        ];
        assert_eq!(wrong(&texts, |forms| !forms.rhetorical), [""; 0]);
    }

    #[test]
    fn questions_end_as_questions() {
        let texts = ["你好吗？", "真的？！", "你来吗。", "你来吗", "Really?", "是吗？😀", "Are you sure?)"];
        assert_eq!(wrong(&texts, |forms| forms.question), [""; 0]);
        let texts = ["你好。", "我正忙着呢。", "什么？，他说。", "他问“来吗？”", "See https://a.b/c?d now."];
        assert_eq!(wrong(&texts, |forms| !forms.question), [""; 0]);
    }

    #[test]
    fn sentences_are_judged_one_by_one() {
        let rhetorical: Vec<bool> =
            forms("天下大势。岂能逆之？然也。谁不知道？").iter().map(|forms| forms.rhetorical).collect();
        assert_eq!(rhetorical, [false, true, false, true]);
    }

    /// Letters beyond the free bytes would all be read as one.
    #[test]
    fn every_letter_has_a_byte_of_its_own() {
        let alphabet = alphabet();
        let plain = alphabet.iter().filter(|c| c.is_alphanumeric() && !c.is_ascii());
        let bytes: std::collections::HashSet<u8> = plain.map(|c| letter(*c)).collect();
        assert!(!bytes.contains(&0xFF), "a letter of the patterns has no byte");
    }

    /// Larger tables would cost start-up time and cache: a pattern with a gap is two patterns.
    #[test]
    fn the_automaton_is_small() {
        assert!(LEXICON.dfa.memory_usage() < 6 << 20, "{}", LEXICON.dfa.memory_usage());
    }
}
