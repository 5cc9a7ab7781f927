//! Finds terms while text arrives, and knows exactly how much of it could still become one.
//!
//! An Aho–Corasick automaton over [folded](super::fold) characters: the depth of its state is the
//! number of folded characters that could still be the head of a term, and so what must be held back.
//!
//! **Boundaries.** Letters, digits and marks of scripts that put spaces between words are *word
//! characters*. A match may not cut a run of them: `AI` hits `用AI做`, `AI-assisted` and `AI™`, and neither
//! `said` nor `AI2`; `2024` hits `2024年` and `２０２４`, and neither `120245` nor `v2024`. Han, kana,
//! Hangul, Thai and their kin match as substrings; only a kana sound mark may not follow a match.
//!
//! **Lanes.** Terms that read the folded text in one way, with variants told apart or not, with gaps or
//! without, share an automaton; a text runs through one for each way in use, which mostly is one.
//!
//! **Exceptions.** A match that lies inside an occurrence of an exception of its rule is none. While one
//! may still become such an occurrence the match is *pending*: it is neither told nor released.
//!
//! Every match is reported, nested and overlapping ones too.

mod automaton;
mod build;
mod heads;
mod scout;
mod script;
mod sieve;
mod walk;

use std::collections::HashMap;
use std::ops::Range;

use automaton::{Automaton, ROOT};
use build::Draft;
use scout::Scout;
pub(crate) use script::{is_gap, is_word};
use walk::Walk;

use super::fold::{Alone, Folder, is_ignorable};
use super::profile::{self, Profile};
use super::variants::Variants;

/// How the terms of one rule are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Matching {
    /// Traditional, Simplified and variant forms of a Han character are alike.
    pub variants: bool,
    /// A few spaces and symbols may stand between the characters of a term.
    pub gaps: bool,
    /// A match inside an occurrence of one of these is none. As written.
    pub exceptions: Vec<String>,
}

impl Matching {
    /// How what is forbidden is looked for where a rule says nothing: in every form of its characters.
    #[must_use]
    pub fn usual() -> &'static Self {
        const { &Self { variants: true, gaps: false, exceptions: Vec::new() } }
    }

    /// How what is required is looked for where a rule says nothing: in the form written.
    #[must_use]
    pub fn exact() -> &'static Self {
        const { &Self { variants: false, gaps: false, exceptions: Vec::new() } }
    }
}

/// A term and how it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sought<'a> {
    /// As written.
    pub text: &'a str,
    /// Shared by the terms of a rule; those that have one [`Matching`] in common have its exceptions.
    pub matching: &'a Matching,
}

/// An occurrence of a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Index of the term, in the order given to [`Terms::new`].
    pub term: usize,
    /// Its bytes in the text read.
    pub span: Range<usize>,
}

/// Terms, compiled. Immutable; share it.
#[derive(Debug)]
pub struct Terms {
    lanes: Vec<Lane>,
    count: usize,
    /// Of each term that holds nothing back: its lane, and the states on its way there.
    ways: HashMap<usize, (usize, Vec<u32>)>,
}

/// The terms that read the folded text in one way.
#[derive(Debug)]
struct Lane {
    variants: Option<&'static Variants>,
    automaton: Automaton,
}

/// The state of one search. It takes a few words for each character that has been held at once.
#[derive(Debug, Clone, Default)]
pub struct Search {
    folder: Folder,
    /// By lane.
    walks: Box<[Walk]>,
    at: usize,
    /// What tries how a walk ends, once one was tried; of no consequence between two trials.
    trial: Option<Box<Walk>>,
}

impl Terms {
    /// Compiles terms; each says whether text that may become part of it is held back. A term that
    /// [`fold_term`] refuses is never found: contracts with one do not load.
    #[must_use]
    pub fn new<'a>(terms: impl IntoIterator<Item = (Sought<'a>, bool)>) -> Self {
        let mut lanes: Vec<(Way, Draft)> = Vec::new();
        let mut groups: HashMap<(Way, *const Matching), u32> = HashMap::new();
        let mut count = 0;
        let mut loose: Vec<(usize, usize, String)> = Vec::new();
        for (sought, holds) in terms {
            let index = count;
            count += 1;
            let Ok(folded) = fold_term(sought.text) else { continue };
            let way = Way::of(sought.matching, &folded);
            let lane = lanes.iter().position(|lane| lane.0 == way).unwrap_or_else(|| {
                lanes.push((way, Draft::new(way.gaps)));
                lanes.len() - 1
            });
            let Some((_, draft)) = lanes.get_mut(lane) else { continue };
            let known = u32::try_from(groups.len()).unwrap_or(u32::MAX);
            let group = (!sought.matching.exceptions.is_empty()).then(|| {
                *groups.entry((way, std::ptr::from_ref(sought.matching))).or_insert_with(|| {
                    let exceptions = sought.matching.exceptions.iter().filter_map(|text| fold_term(text).ok());
                    exceptions.for_each(|text| draft.exception(&way.fold(&text), known));
                    known
                })
            });
            let folded = way.fold(&folded);
            draft.term(&folded, index, holds, group);
            if !holds {
                loose.push((index, lane, folded));
            }
        }
        let lane =
            |(way, draft): (Way, Draft)| Lane { variants: way.variants.then(Variants::get), automaton: draft.build() };
        let lanes: Vec<Lane> = lanes.into_iter().map(lane).collect();
        let way = |(index, at, folded): (usize, usize, String)| {
            let automaton = &lanes.get(at)?.automaton;
            Some((index, (at, automaton.path(folded.chars()))))
        };
        let ways = loose.into_iter().filter_map(way).collect();
        Self { lanes, count, ways }
    }

    /// Whether there is nothing to search for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many terms there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// A search at the empty text.
    #[must_use]
    pub fn search(&self) -> Search {
        let walks = vec![Walk::default(); self.lanes.len()].into();
        Search { folder: Folder::default(), walks, at: 0, trial: None }
    }

    /// Every occurrence in a whole text, in the order in which they become certain.
    #[must_use]
    pub fn find_all(&self, text: &str) -> Vec<Hit> {
        let mut search = self.search();
        let mut hits = Vec::new();
        for c in text.chars() {
            search.push(self, c, &mut |hit| hits.push(hit));
        }
        search.finish(self, &mut |hit| hits.push(hit));
        hits
    }
}

impl Lane {
    /// Whether a term may begin with the first of these folded characters; [`None`] may be anything.
    #[inline]
    fn expects(&self, ahead: [Option<char>; Scout::DEPTH]) -> bool {
        let fold = |c: char| self.variants.map_or(c, |variants| variants.fold(c));
        let within = |c: char| Some(fold(c)).filter(|c| !(self.automaton.gaps && is_gap(*c)));
        let [first, second, third] = ahead;
        first.map(fold).is_none_or(|first| {
            self.automaton.heads.get(first) != ROOT
                && self.automaton.scout.expects(first, second.and_then(within), || third.and_then(within))
        })
    }

    #[inline]
    fn step(&self, walk: &mut Walk, mut folded: super::fold::Folded, hit: &mut impl FnMut(Hit)) {
        if let Some(variants) = self.variants {
            folded.ch = variants.fold(folded.ch);
        }
        walk.step(&self.automaton, folded, hit);
    }
}

impl Search {
    /// Takes the next character.
    pub fn push(&mut self, terms: &Terms, c: char, hit: &mut impl FnMut(Hit)) {
        self.read(terms, profile::of(c), hit);
    }

    #[inline]
    pub(crate) fn read(&mut self, terms: &Terms, profile: &Profile, hit: &mut impl FnMut(Hit)) {
        let walks = &mut self.walks;
        self.folder.read(profile, self.at, &mut |folded| {
            for (lane, walk) in terms.lanes.iter().zip(walks.iter_mut()) {
                lane.step(walk, folded, hit);
            }
        });
        self.at += profile.c.len_utf8();
    }

    /// Takes as many of the next characters as surely begin no term, and gives their bytes. What it leaves
    /// is for [`Search::push`]; the outcome is the same as if that had taken all.
    pub(crate) fn skim(&mut self, terms: &Terms, text: &str) -> usize {
        if self.folder.is_waiting() || !self.walks.iter().all(Walk::is_at_rest) {
            return 0;
        }
        let mut profiles = alone(text);
        let mut next = || profiles.next();
        let mut ahead = [next(), next(), next()];
        let (mut bytes, mut count, mut word) = (0, 0, false);
        while let [Some((length, alone)), second, third] = ahead {
            let seen = ahead.map(|it| it.map(|(_, alone)| alone.ch));
            if terms.lanes.iter().any(|lane| lane.expects(seen)) {
                break;
            }
            (bytes, count, word) = (bytes + length, count + 1, alone.word);
            ahead = [second, third, third.and_then(|_| next())];
        }
        if count > 0 {
            self.folder.pass();
            self.at += bytes;
            self.walks.iter_mut().for_each(|walk| walk.pass(count, word, self.at));
        }
        bytes
    }

    /// Behind a character, with the text that comes next: when nothing but that character is being read and
    /// no term begins with it, it is let go at once and [`Search::skim`] may go on. Where nearly every
    /// character begins a term, a search would not come to rest otherwise.
    pub(crate) fn let_go(&mut self, terms: &Terms, profile: &Profile, rest: &str) {
        // Nothing is known ahead, or nothing is held.
        if rest.is_empty() || self.walks.iter().all(Walk::is_at_rest) {
            return;
        }
        let Some(first) = profile.fold.filter(|_| !self.folder.is_waiting()) else { return };
        let mut walks = terms.lanes.iter().zip(&self.walks);
        if !walks.all(|(lane, walk)| walk.is_at_rest() || walk.has_just_begun(&lane.automaton)) {
            return;
        }
        let mut rest = alone(rest).map(|(_, alone)| alone.ch);
        let second = rest.next();
        let ahead = [Some(first.ch), second, second.and_then(|_| rest.next())];
        if !terms.lanes.iter().any(|lane| lane.expects(ahead)) {
            self.walks.iter_mut().for_each(Walk::let_go);
        }
    }

    /// Ends the text, which is a boundary.
    pub fn finish(&mut self, terms: &Terms, hit: &mut impl FnMut(Hit)) {
        let walks = &mut self.walks;
        self.folder.finish(&mut |folded| {
            for (lane, walk) in terms.lanes.iter().zip(walks.iter_mut()) {
                lane.step(walk, folded, hit);
            }
        });
        for (lane, walk) in terms.lanes.iter().zip(self.walks.iter_mut()) {
            walk.finish(&lane.automaton, hit);
        }
    }

    /// The first byte that could still become part of a match of a holding term.
    #[must_use]
    pub fn hold(&self, terms: &Terms) -> Option<usize> {
        let lanes = terms.lanes.iter().zip(self.walks.iter());
        lanes.filter_map(|(lane, walk)| walk.hold(&lane.automaton)).min()
    }

    /// Whether there may be such a match as [`Search::ending`] looks for: it is asked often and seldom true.
    #[inline]
    pub(crate) fn may_end(&self, terms: &Terms) -> bool {
        let marks = self.folder.is_waiting();
        terms.lanes.iter().zip(&self.walks).any(|(lane, walk)| walk.may_end(&lane.automaton, marks))
    }

    /// Where the first match of a holding term begins that is one if the text ends here. What comes next may undo
    /// it: the end of a text is a boundary between words, and completes no exception.
    pub(crate) fn ending(&mut self, terms: &Terms) -> Option<usize> {
        let Self { folder, walks, trial, .. } = self;
        let trial = trial.get_or_insert_default().as_mut();
        let mut first: Option<usize> = None;
        for (lane, walk) in terms.lanes.iter().zip(walks.iter()) {
            let mut hit = |hit: Hit| {
                if !terms.ways.contains_key(&hit.term) {
                    first = Some(first.map_or(hit.span.start, |other| other.min(hit.span.start)));
                }
            };
            trial.clone_from(walk);
            folder.clone().finish(&mut |folded| lane.step(trial, folded, &mut hit));
            trial.finish(&lane.automaton, &mut hit);
        }
        first
    }

    /// Adds everything that the future depends on to a key: equal keys have equal futures.
    pub fn key(&self, terms: &Terms, key: &mut Vec<u64>) {
        key.push(self.folder.key());
        terms.lanes.iter().zip(self.walks.iter()).for_each(|(lane, walk)| walk.key(&lane.automaton, key));
    }

    /// How many folded characters of a term were read, if it may be underway; known of those that hold
    /// nothing back.
    #[must_use]
    pub fn underway(&self, terms: &Terms, term: usize) -> usize {
        let Some((lane, way)) = terms.ways.get(&term) else { return 0 };
        let (walk, lane) = (self.walks.get(*lane), terms.lanes.get(*lane));
        walk.zip(lane).map_or(0, |(walk, lane)| walk.underway(&lane.automaton, way))
    }
}

/// The next characters that fold to one each, with their bytes. What folds to several or to none ends what is
/// known.
fn alone(text: &str) -> impl Iterator<Item = (usize, Alone)> {
    text.chars().map_while(|c| profile::of(c).fold.map(|alone| (c.len_utf8(), alone))).fuse()
}

/// What the terms of one lane have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Way {
    variants: bool,
    gaps: bool,
}

impl Way {
    /// A term that begins or ends with a symbol, or is one letter, has no gaps: `C++` would be `C`.
    fn of(matching: &Matching, folded: &str) -> Self {
        let solid = |c: Option<char>| c.is_some_and(|c| !is_gap(c));
        let mut characters = folded.chars();
        let gaps = solid(characters.next()) && solid(characters.next_back());
        Self { variants: matching.variants, gaps: matching.gaps && gaps }
    }

    /// A folded text as the lane reads it.
    fn fold(self, folded: &str) -> String {
        let kept = folded.chars().filter(|c| !(self.gaps && is_gap(*c)));
        kept.map(|c| if self.variants { Variants::get().fold(c) } else { c }).collect()
    }
}

/// Why a term cannot be searched for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    /// Nothing is left after folding.
    #[error("it is empty or shows nothing")]
    Empty,
    /// It begins with a combining mark.
    #[error("it begins with a combining mark")]
    Mark,
    /// It is longer than [`LONGEST_TERM`] folded characters.
    #[error("it is longer than {LONGEST_TERM} characters")]
    Long,
}

/// The longest term, in folded characters: a match is held back whole.
pub const LONGEST_TERM: usize = 256;

/// A term as it is matched, variants told apart.
///
/// # Errors
/// Says why it cannot be matched.
pub fn fold_term(term: &str) -> Result<String, TermError> {
    let folded = super::fold::folded(term);
    let folded = folded.trim();
    match folded.chars().next() {
        None => Err(TermError::Empty),
        Some(c) if is_ignorable(c) => Err(TermError::Empty),
        Some(c) if unicode_normalization::char::is_combining_mark(c) => Err(TermError::Mark),
        Some(_) if folded.chars().count() > LONGEST_TERM => Err(TermError::Long),
        Some(_) => Ok(folded.to_owned()),
    }
}

#[cfg(test)]
mod tests;
