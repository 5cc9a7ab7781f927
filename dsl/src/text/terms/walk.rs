//! One search's way through an automaton.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

use super::Hit;
use super::automaton::{Automaton, Entry, NONE, Node, ROOT, Right, What};
use super::script::{is_gap, is_sound_mark, is_word};
use crate::text::fold::Folded;

/// Spaces and symbols between two characters of a term, at most; beyond them the term is not the same one.
const LONGEST_GAP: u8 = 3;

/// Characters that are kept at least, once any is.
const FEW: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Walk {
    node: u32,
    /// Folded characters read, gaps apart.
    read: usize,
    /// The last folded characters, as many as the deepest state so far has read, by their number modulo
    /// the length, which is a power of two.
    recent: Vec<Recent>,
    /// The last folded character was a word character.
    word: bool,
    /// Past the last folded character that is part of a term.
    end: usize,
    /// Folded characters in the gap being read.
    gap: u8,
    /// Matches that an exception may still excuse.
    pending: Vec<Pending>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Recent {
    start: usize,
    /// The folded character before it was a word character.
    after_word: bool,
}

#[derive(Debug, Clone)]
struct Pending {
    group: u32,
    term: usize,
    holds: bool,
    /// The number of its first folded character.
    first: usize,
    span: Range<usize>,
}

impl Clone for Walk {
    fn clone(&self) -> Self {
        Self { recent: self.recent.clone(), pending: self.pending.clone(), ..*self }
    }

    /// Keeps what was allocated.
    fn clone_from(&mut self, other: &Self) {
        self.recent.clone_from(&other.recent);
        self.pending.clone_from(&other.pending);
        let Self { node, read, word, end, gap, .. } = *other;
        (self.node, self.read, self.word, self.end, self.gap) = (node, read, word, end, gap);
    }
}

impl Walk {
    /// Whether nothing that was read is part of a term.
    pub(super) fn is_at_rest(&self) -> bool {
        self.node == ROOT && self.gap == 0 && self.pending.is_empty()
    }

    /// Whether the last character is all that is being read.
    pub(super) fn has_just_begun(&self, automaton: &Automaton) -> bool {
        self.gap == 0 && self.pending.is_empty() && automaton.node(self.node).depth == 1
    }

    /// Forgets what is being read.
    pub(super) fn let_go(&mut self) {
        self.node = ROOT;
    }

    /// Takes characters at rest that begin no term; the last one ends at a byte.
    pub(super) fn pass(&mut self, count: usize, word: bool, end: usize) {
        self.read += count;
        self.word = word;
        self.end = end;
    }

    /// Takes a folded character.
    #[inline]
    pub(super) fn step(&mut self, automaton: &Automaton, folded: Folded, hit: &mut impl FnMut(Hit)) {
        if automaton.gaps && is_gap(folded.ch) {
            return self.skip(automaton, hit);
        }
        let word = !folded.symbol && is_word(folded.ch);
        if self.node != ROOT && self.gap == 0 {
            let sound_mark = is_sound_mark(folded.ch);
            self.report(
                automaton,
                |right| match right {
                    Right::Anything => false,
                    Right::NoWord => !word,
                    Right::NoSoundMark => !sound_mark,
                },
                hit,
            );
        }
        self.gap = 0;
        self.node = automaton.next(self.node, folded.ch);
        if self.node != ROOT {
            let recent = Recent { start: folded.start, after_word: self.word };
            self.keep(recent, automaton.node(self.node).depth as usize);
        }
        self.read += 1;
        // A mark is part of a word only on what is one: in `用\u{301}AI` a word begins at the `A`.
        self.word = word && (self.word || folded.ch.is_ascii() || !is_combining_mark(folded.ch));
        self.end = folded.end;
        if self.node != ROOT {
            self.report(automaton, |right| right == Right::Anything, hit);
        }
        self.settle(automaton, hit);
    }

    /// Keeps the character being read: one of the last `depth`, all of which are asked for. One that
    /// leads back to the root is not, nor is any before it.
    fn keep(&mut self, recent: Recent, depth: usize) {
        if depth > self.recent.len() {
            self.widen(depth);
        }
        let slot = self.read & (self.recent.len() - 1);
        if let Some(slot) = self.recent.get_mut(slot) {
            *slot = recent;
        }
    }

    #[cold]
    fn widen(&mut self, depth: usize) {
        let mut wider = vec![Recent::default(); depth.next_power_of_two().max(FEW)];
        let mask = wider.len() - 1;
        for back in 1..depth {
            if let Some(slot) = wider.get_mut(self.read.wrapping_sub(back) & mask) {
                *slot = self.recent(back);
            }
        }
        self.recent = wider;
    }

    /// Ends the text, which is a boundary and completes no exception.
    pub(super) fn finish(&mut self, automaton: &Automaton, hit: &mut impl FnMut(Hit)) {
        if self.gap == 0 {
            self.report(automaton, |right| right != Right::Anything, hit);
        }
        self.node = ROOT;
        self.settle(automaton, hit);
    }

    /// The first byte that could still become part of a match of a holding term.
    #[inline]
    pub(super) fn hold(&self, automaton: &Automaton) -> Option<usize> {
        if self.is_at_rest() {
            return None;
        }
        let needs = |(id, node): &(u32, &Node)| {
            node.holds > 0 && self.begins(node) && !(node.may_be_spared && self.is_spared(automaton, *id))
        };
        let live = automaton.chain(self.node).find(needs).map(|(_, node)| self.recent(node.depth as usize).start);
        if self.pending.is_empty() {
            return live;
        }
        let pending = self.pending.iter().filter(|pending| pending.holds).map(|pending| pending.span.start);
        pending.chain(live).min()
    }

    /// Whether a match may be one if the text ends here, and marks come before that or not.
    #[inline]
    pub(super) fn may_end(&self, automaton: &Automaton, marks: bool) -> bool {
        let ends = || self.node != ROOT && (marks || !automaton.is_silent(self.node));
        ends() || !self.pending.is_empty()
    }

    /// Adds everything that the future depends on.
    pub(super) fn key(&self, automaton: &Automaton, key: &mut Vec<u64>) {
        key.push(u64::from(self.node) << 9 | u64::from(self.gap) << 1 | u64::from(self.word));
        // What may not stand behind a word character depends on which of its beginnings do.
        let (mut bits, mut count) = (0, 0);
        for (_, node) in automaton.chain(self.node).filter(|(_, node)| node.word_start) {
            bits = bits << 1 | u64::from(self.begins(node));
            count += 1;
            if count == u64::BITS {
                key.push(std::mem::take(&mut bits));
                count = 0;
            }
        }
        key.push(bits);
        key.push(self.pending.len() as u64);
        key.extend(self.pending.iter().flat_map(|it| [it.term as u64, (self.read - it.first) as u64]));
    }

    /// How much was read of what these states lead to, if it may be underway.
    pub(super) fn underway(&self, automaton: &Automaton, way: &[u32]) -> usize {
        let live = |(id, node): &(u32, &Node)| way.contains(id) && self.begins(node);
        automaton.chain(self.node).find(live).map_or(0, |(_, node)| node.depth as usize)
    }

    /// Takes a character that terms with gaps pass over. It is a boundary like any other.
    fn skip(&mut self, automaton: &Automaton, hit: &mut impl FnMut(Hit)) {
        self.word = false;
        if self.node == ROOT {
            return;
        }
        if self.gap == 0 {
            self.report(automaton, |right| right != Right::Anything, hit);
        }
        self.gap += 1;
        if self.gap > LONGEST_GAP {
            self.gap = 0;
            self.node = ROOT;
        }
        self.settle(automaton, hit);
    }

    /// Tells the matches that end at the last character and are decided now, or keeps them pending.
    fn report(&mut self, automaton: &Automaton, decided: impl Fn(Right) -> bool, hit: &mut impl FnMut(Hit)) {
        if automaton.is_silent(self.node) {
            return;
        }
        for (_, entry) in automaton.outputs(self.node) {
            let from = self.recent(entry.length);
            if !decided(entry.right) || (entry.word_start && from.after_word) {
                continue;
            }
            let first = self.read.saturating_sub(entry.length);
            let span = from.start..self.end;
            match entry.what {
                What::Exception => self.pending.retain(|it| it.group != entry.group || it.first < first),
                What::Term { index, .. } if entry.group == NONE => hit(Hit { term: index, span }),
                What::Term { index, holds } => {
                    let mut others = automaton.outputs(self.node).map(|(_, other)| other);
                    let excuses = |other: &Entry| {
                        other.what == What::Exception
                            && other.group == entry.group
                            && other.length >= entry.length
                            && decided(other.right)
                            && !(other.word_start && self.recent(other.length).after_word)
                    };
                    if !others.any(excuses) {
                        self.pending.push(Pending { group: entry.group, term: index, holds, first, span });
                    }
                }
            }
        }
    }

    /// Tells the pending matches that no exception can excuse any more.
    fn settle(&mut self, automaton: &Automaton, hit: &mut impl FnMut(Hit)) {
        if !self.pending.is_empty() {
            self.settle_pending(automaton, hit);
        }
    }

    #[cold]
    fn settle_pending(&mut self, automaton: &Automaton, hit: &mut impl FnMut(Hit)) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain_mut(|it| {
            let goes_on = |(id, node): (u32, &Node)| automaton.excepts(id, node, it.group) && self.begins(node);
            let covers = |(_, node): &(u32, &Node)| self.read.saturating_sub(node.depth as usize) <= it.first;
            let open = automaton.chain(self.node).take_while(covers).any(goes_on);
            if !open {
                hit(Hit { term: it.term, span: it.span.clone() });
            }
            open
        });
        self.pending = pending;
    }

    /// Whether what leads to a state stands where a term may begin.
    fn begins(&self, node: &Node) -> bool {
        !(node.word_start && self.recent(node.depth as usize).after_word)
    }

    /// Whether every holding term that goes on from a state is excused if it is completed.
    fn is_spared(&self, automaton: &Automaton, id: u32) -> bool {
        let Some(terms) = automaton.spared.get(&id) else { return false };
        let excused =
            |with: &Vec<u32>| automaton.chain(self.node).any(|(id, node)| with.contains(&id) && self.begins(node));
        terms.values().all(excused)
    }

    /// The folded character `back` places from the end.
    fn recent(&self, back: usize) -> Recent {
        let slot = self.read.saturating_sub(back) & self.recent.len().saturating_sub(1);
        self.recent.get(slot).copied().unwrap_or_default()
    }
}
