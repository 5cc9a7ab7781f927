//! The automaton that searches for terms and their exceptions.

use std::collections::HashMap;

use super::heads::Heads;
use super::scout::Scout;
use super::sieve::Sieve;

/// The state before any character.
pub(super) const ROOT: u32 = 0;

/// No state, no group.
pub(super) const NONE: u32 = u32::MAX;

/// What must not follow a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Anything,
    NoWord,
    NoSoundMark,
}

/// A term or an exception as the automaton knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// In folded characters.
    pub(super) length: usize,
    /// It begins with a word character.
    pub(super) word_start: bool,
    pub(super) right: Right,
    /// Terms are excused by the exceptions of their group; [`NONE`] has none.
    pub(super) group: u32,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Term { index: usize, holds: bool },
    Exception,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Its children, numbered one after the other in the order of their labels.
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) fail: u32,
    pub(super) depth: u32,
    /// The entries that end here, in `ending`.
    pub(super) ends_first: u32,
    pub(super) ends_last: u32,
    /// The next state along `fail` where entries end.
    pub(super) also: u32,
    /// How many holding terms go on from here or wait for their right boundary.
    pub(super) holds: u32,
    pub(super) word_start: bool,
    /// Exceptions go on from here or wait for their right boundary.
    pub(super) excepts: bool,
    /// The terms that hold here may all be excused whatever comes.
    pub(super) may_be_spared: bool,
}

/// Terms of one lane.
#[derive(Debug)]
pub(super) struct Automaton {
    pub(super) nodes: Vec<Node>,
    /// By state, the character that leads to it.
    pub(super) labels: Vec<char>,
    pub(super) ending: Vec<u32>,
    pub(super) entries: Vec<Entry>,
    pub(super) heads: Heads,
    pub(super) sieve: Sieve,
    pub(super) scout: Scout,
    /// By state: the groups whose exceptions go on from there.
    pub(super) excepting: HashMap<u32, Vec<u32>>,
    /// By state, of the terms that go on from there: with which other states each is sure to be excused.
    pub(super) spared: HashMap<u32, HashMap<u32, Vec<u32>>>,
    pub(super) gaps: bool,
}

impl Automaton {
    pub(super) fn node(&self, id: u32) -> &Node {
        #[allow(clippy::indexing_slicing, reason = "ids are only made in `build`, one per node")]
        &self.nodes[id as usize]
    }

    /// The state after one more character.
    pub(super) fn next(&self, mut id: u32, c: char) -> u32 {
        loop {
            if id == ROOT {
                return self.heads.get(c);
            }
            if self.sieve.may_hold(id, c)
                && let Some(next) = self.child(id, c)
            {
                return next;
            }
            id = self.node(id).fail;
        }
    }

    /// The state that an edge leads to.
    pub(super) fn child(&self, id: u32, c: char) -> Option<u32> {
        let node = self.node(id);
        let labels = self.labels.get(node.first as usize..node.last as usize)?;
        let found = labels.binary_search(&c).ok()?;
        u32::try_from(found).ok().map(|found| node.first + found)
    }

    /// Whether no term and no exception ends at a state.
    pub(super) fn is_silent(&self, id: u32) -> bool {
        let node = self.node(id);
        node.ends_first == node.ends_last && node.also == NONE
    }

    /// The state and every one along its failure links: all that is being read, longest first.
    pub(super) fn chain(&self, id: u32) -> impl Iterator<Item = (u32, &Node)> {
        let mut at = id;
        std::iter::from_fn(move || {
            if at == ROOT {
                return None;
            }
            let node = (at, self.node(at));
            at = node.1.fail;
            Some(node)
        })
    }

    /// The terms and exceptions that end at a state, longest first.
    pub(super) fn outputs(&self, id: u32) -> impl Iterator<Item = (u32, &Entry)> {
        let mut at = Some(self.node(id)).filter(|_| id != ROOT);
        std::iter::from_fn(move || {
            let node = at?;
            at = (node.also != NONE).then(|| self.node(node.also));
            Some(node)
        })
        .flat_map(|node| self.ending.get(node.ends_first as usize..node.ends_last as usize).unwrap_or_default())
        .filter_map(|entry| Some((*entry, self.entries.get(*entry as usize)?)))
    }

    /// Whether exceptions of a group go on from a state.
    pub(super) fn excepts(&self, id: u32, node: &Node, group: u32) -> bool {
        node.excepts && self.excepting.get(&id).is_some_and(|groups| groups.contains(&group))
    }
}
