//! `max_repeat N`: no sentence occurs more than N times, which catches models that loop.
//!
//! Sentences are those that `max_sentences` counts. They are compared as terms are (letter case, width
//! and look-alikes do not matter), without the white space around them.
//!
//! Memory is bounded: a sentence of more than [`LONGEST`] bytes is never compared, and at most
//! [`REMEMBERED`] bytes of different sentences are remembered; those that come later count as new.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::ops::Bound;
use std::sync::Arc;

use super::args::Reader;
use super::{Class, Constraint, Demand, Fact, Hints, Recognizer, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::source::Source;
use crate::text::fold::{Folder, folded};
use crate::text::sentence::Event;

pub(super) const KEYWORD: &str = "max_repeat";

/// The longest sentence that is compared, in bytes.
const LONGEST: usize = 4 << 10;

/// What is remembered, in bytes of sentences.
const REMEMBERED: usize = 256 << 10;

#[derive(Debug)]
struct MaxRepeat {
    most: u64,
    start: Repeats,
}

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let most = Reader::new(entry, source, findings, "max_repeat 2").number(&(1..=100))?;
    Some(Arc::new(MaxRepeat { most, start: Repeats::new(most) }))
}

/// The sentences of a reply so far.
#[derive(Debug, Clone)]
struct Repeats {
    most: u64,
    /// How often each sentence occurred that may come again.
    seen: Arc<BTreeMap<String, u64>>,
    /// The sentences that may not come again.
    full: Arc<BTreeSet<String>>,
    remembered: usize,
    /// The current sentence from its first visible character on; nothing once it is too long.
    current: Option<String>,
    /// Where it begins, in bytes read.
    start: usize,
    at: usize,
    /// The current sentence, folded; marks wait in the folder.
    folded: String,
    folder: Folder,
    /// A letter or digit belongs to the current sentence.
    content: bool,
    /// The current sentence was one that may not come again, and only what may be left out of it
    /// followed.
    matched: bool,
    /// A sentence came too often; the one before `start`.
    broken: bool,
}

impl Repeats {
    fn new(most: u64) -> Self {
        Self {
            most,
            seen: Arc::default(),
            full: Arc::default(),
            remembered: 0,
            current: Some(String::new()),
            start: 0,
            at: 0,
            folded: String::new(),
            folder: Folder::default(),
            content: false,
            matched: false,
            broken: false,
        }
    }

    /// The sentence ended before byte `end`, and the next begins at byte `next`.
    fn end(&mut self, end: usize, next: usize) {
        let text = self.current.take();
        let sentence = text.as_deref().and_then(|text| text.get(..end.checked_sub(self.start)?));
        if let Some(sentence) = sentence {
            let sentence = folded(sentence).trim().to_owned();
            self.broken = self.full.contains(&sentence);
            if self.broken {
                self.current = text;
                return;
            }
            self.remember(sentence);
        }
        let rest =
            text.as_deref().and_then(|text| text.get(next.checked_sub(self.start)?..)).unwrap_or_default().to_owned();
        self.current = Some(String::new());
        self.start = next;
        self.folded.clear();
        self.folder = Folder::default();
        (self.content, self.matched) = (false, false);
        for (offset, c) in rest.char_indices() {
            self.add(c, next + offset);
        }
    }

    fn remember(&mut self, sentence: String) {
        let known = self.seen.get(&sentence).copied();
        if sentence.is_empty() || (known.is_none() && self.remembered + sentence.len() > REMEMBERED) {
            return;
        }
        if known.is_none() {
            self.remembered += sentence.len();
        }
        let count = known.unwrap_or(0) + 1;
        if count < self.most {
            Arc::make_mut(&mut self.seen).insert(sentence, count);
        } else {
            if known.is_some() {
                Arc::make_mut(&mut self.seen).remove(&sentence);
            }
            Arc::make_mut(&mut self.full).insert(sentence);
        }
    }

    /// One more character of the current sentence, at byte `at`.
    fn add(&mut self, c: char, at: usize) {
        let Some(current) = &mut self.current else { return };
        if current.is_empty() && c.is_whitespace() {
            return;
        }
        if current.is_empty() {
            self.start = at;
        }
        if current.len() + c.len_utf8() > LONGEST {
            self.current = None;
            self.matched = false;
            return;
        }
        current.push(c);
        self.content |= c.is_alphanumeric();
        let folded = &mut self.folded;
        self.folder.push(c, 0, &mut |part| folded.push(part.ch));
        let full = self.content && !self.full.is_empty() && self.full.contains(&self.sentence());
        self.matched = full || (self.matched && !c.is_alphanumeric());
    }

    /// The current sentence as it is compared if it ends here.
    fn sentence(&self) -> String {
        let mut sentence = self.folded.clone();
        self.folder.clone().finish(&mut |part| sentence.push(part.ch));
        let kept = sentence.trim_end().len();
        sentence.truncate(kept);
        sentence
    }

    /// Whether the current sentence may become one that may not come again.
    fn may_repeat(&self) -> bool {
        let from = (Bound::Included(self.folded.as_str()), Bound::Unbounded);
        let first = self.full.range::<str, _>(from).next();
        !self.folded.is_empty() && first.is_some_and(|text| text.starts_with(&self.folded))
    }
}

impl Recognizer for Repeats {
    fn push(&mut self, c: char, event: &Event) {
        let at = self.at;
        self.at += c.len_utf8();
        if self.broken {
            return;
        }
        if let Some(boundary) = event.boundary {
            self.end(boundary.end, boundary.next);
        }
        if !self.broken {
            self.add(c, at);
        }
    }

    fn accepts(&self) -> bool {
        !(self.broken || (self.matched && self.full.contains(&self.sentence())))
    }

    fn settled(&self) -> Option<bool> {
        self.broken.then_some(false)
    }

    fn held(&self) -> Option<usize> {
        (self.broken || self.matched || (self.current.is_some() && self.may_repeat())).then_some(self.start)
    }

    fn key(&self) -> Vec<u64> {
        if self.broken {
            return vec![0];
        }
        let mut key = vec![1, u64::from(self.matched), hash(&self.current), self.full.len() as u64];
        key.extend(self.full.iter().map(hash));
        key.extend(self.seen.iter().flat_map(|(text, count)| [hash(text), *count]));
        key
    }

    fn alphabet(&self) -> Vec<char> {
        "甲乙丙丁".chars().collect()
    }

    fn tells_all_apart(&self) -> bool {
        true
    }

    fn boxed(&self) -> Box<dyn Recognizer> {
        Box::new(self.clone())
    }

    fn hints(&self) -> Hints {
        let times = usize::try_from(self.most).unwrap_or(0) + 1;
        let breakers = ["好的。", "Yes. "].map(|sentence| sentence.repeat(times).trim_end().to_owned());
        Hints { breakers: breakers.to_vec(), ..Hints::default() }
    }
}

/// The same in every run of one build, which is all that keys are compared over.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Constraint for MaxRepeat {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Safety
    }

    fn prompt(&self, language: Language) -> String {
        match (language, self.most) {
            (Language::Zh, 1) => "同一句话不要说两遍。".to_owned(),
            (Language::Zh, n) => format!("同一句话最多说{n}遍。"),
            (Language::En, 1) => "Do not say any sentence twice.".to_owned(),
            (Language::En, n) => format!("Do not say any sentence more than {n} times."),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Recognized(&self.start)
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Recognize(&self.start)
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        view.recognized()
    }

    fn is_kept_by_a_cut(&self) -> bool {
        true
    }

    fn broken(&self, view: &View<'_>) -> Option<String> {
        (!view.is_found()).then(|| match self.most {
            1 => "a sentence occurs twice".to_owned(),
            most => format!("a sentence occurs more than {most} times"),
        })
    }
}
