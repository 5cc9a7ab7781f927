//! How an automaton is built.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::automaton::{Automaton, Entry, NONE, Node, ROOT, Right, What};
use super::heads::Heads;
use super::scout::Scout;
use super::script::{is_kana, is_word};
use super::sieve::Sieve;

/// Terms of one lane, not yet linked.
pub(super) struct Draft {
    nodes: Vec<Sprout>,
    entries: Vec<Entry>,
    /// The folded texts of exceptions, with their groups.
    exceptions: Vec<(String, u32)>,
    gaps: bool,
}

/// A node of the tree of terms.
#[derive(Default)]
struct Sprout {
    children: BTreeMap<char, usize>,
    ends: Vec<u32>,
    depth: u32,
    holds: u32,
    word_start: bool,
    excepts: Vec<u32>,
}

impl Draft {
    pub(super) fn new(gaps: bool) -> Self {
        Self { nodes: vec![Sprout::default()], entries: Vec::new(), exceptions: Vec::new(), gaps }
    }

    /// Adds a term, folded for the lane.
    pub(super) fn term(&mut self, folded: &str, index: usize, holds: bool, group: Option<u32>) {
        self.insert(folded, What::Term { index, holds }, group.unwrap_or(NONE));
    }

    /// Adds an exception for the terms of a group.
    pub(super) fn exception(&mut self, folded: &str, group: u32) {
        self.insert(folded, What::Exception, group);
        self.exceptions.push((folded.to_owned(), group));
    }

    fn insert(&mut self, folded: &str, what: What, group: u32) {
        let Some(first) = folded.chars().next() else { return };
        let right = Right::behind(folded);
        let word_start = is_word(first);
        let holds = u32::from(matches!(what, What::Term { holds: true, .. }));
        let except = (what == What::Exception).then_some(group);
        let mut at = 0;
        for (c, depth) in folded.chars().zip(1..) {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            node.mark(holds, except);
            let child = *node.children.entry(c).or_insert(fresh);
            if child == fresh {
                self.nodes.push(Sprout { depth, word_start, ..Sprout::default() });
            }
            at = child;
        }
        let Some(node) = self.nodes.get_mut(at) else { return };
        if right != Right::Anything {
            node.mark(holds, except);
        }
        node.ends.push(short(self.entries.len()));
        self.entries.push(Entry { length: folded.chars().count(), word_start, right, group, what });
    }

    /// What the terms and exceptions begin with.
    fn scout(&self) -> Scout {
        let mut scout = Scout::new(self.entries.len());
        let mut paths = vec![(0, Vec::new())];
        while let Some((at, path)) = paths.pop() {
            let Some(node) = self.nodes.get(at) else { continue };
            if !node.ends.is_empty() || path.len() == Scout::DEPTH {
                scout.add(&path);
            }
            if path.len() < Scout::DEPTH {
                let longer = |(&c, &child): (&char, &usize)| (child, [path.as_slice(), &[c]].concat());
                paths.extend(node.children.iter().map(longer));
            }
        }
        scout
    }

    /// Numbers the states breadth first, so that a failure link always points to an earlier one.
    pub(super) fn build(self) -> Automaton {
        let scout = self.scout();
        let mut automaton = Automaton {
            nodes: Vec::with_capacity(self.nodes.len()),
            labels: vec!['\0'],
            ending: Vec::with_capacity(self.entries.len()),
            entries: self.entries,
            heads: Heads::default(),
            sieve: Sieve::new(self.nodes.len()),
            scout,
            excepting: HashMap::new(),
            spared: HashMap::new(),
            gaps: self.gaps,
        };
        let mut queue = VecDeque::from([(0usize, ROOT)]);
        let mut assigned = 1u32;
        let mut parents = vec![(ROOT, '\0')];
        while let Some((sprout, id)) = queue.pop_front() {
            let Some(sprout) = self.nodes.get(sprout) else { continue };
            let first = automaton.labels.len();
            for (&c, &child) in &sprout.children {
                automaton.labels.push(c);
                parents.push((id, c));
                queue.push_back((child, assigned));
                match id {
                    ROOT => automaton.heads.set(c, assigned),
                    _ => automaton.sieve.add(id, c),
                }
                assigned += 1;
            }
            automaton.add(sprout, id, first);
        }
        automaton.link_failures(&parents);
        self.exceptions.iter().for_each(|(text, group)| automaton.spare(text, *group));
        automaton.mark_spared();
        automaton
    }
}

impl Right {
    /// What must not follow a folded text.
    fn behind(folded: &str) -> Self {
        match folded.chars().next_back() {
            Some(c) if is_word(c) => Self::NoWord,
            Some(c) if is_kana(c) => Self::NoSoundMark,
            _ => Self::Anything,
        }
    }
}

impl Sprout {
    /// What goes on from here or waits here for its right boundary.
    fn mark(&mut self, holds: u32, except: Option<u32>) {
        self.holds += holds;
        self.excepts.extend(except.filter(|group| !self.excepts.contains(group)));
    }
}

impl Automaton {
    fn add(&mut self, sprout: &Sprout, id: u32, first: usize) {
        let ends_first = self.ending.len();
        self.ending.extend(&sprout.ends);
        let excepts = id != ROOT && !sprout.excepts.is_empty();
        if excepts {
            self.excepting.insert(id, sprout.excepts.clone());
        }
        self.nodes.push(Node {
            first: short(first),
            last: short(self.labels.len()),
            fail: ROOT,
            depth: sprout.depth,
            ends_first: short(ends_first),
            ends_last: short(self.ending.len()),
            also: NONE,
            holds: sprout.holds,
            word_start: sprout.word_start,
            excepts,
            may_be_spared: false,
        });
    }

    fn link_failures(&mut self, parents: &[(u32, char)]) {
        for (id, &(parent, c)) in parents.iter().enumerate().skip(1) {
            let fail = if parent == ROOT { ROOT } else { self.next(self.node(parent).fail, c) };
            let target = self.node(fail);
            let also = if fail != ROOT && target.ends_first != target.ends_last { fail } else { target.also };
            if let Some(node) = self.nodes.get_mut(id) {
                node.fail = fail;
                node.also = also;
            }
        }
    }

    /// Notes where a term is sure to be excused while it is still being read: when it ends as an exception
    /// does, and the beginning of the exception stands before it.
    fn spare(&mut self, exception: &str, group: u32) {
        let path = self.path(exception.chars());
        let Some(&end) = path.last() else { return };
        // At its end a term holds nothing any more, unless it waits for what stands behind it.
        let right = Right::behind(exception);
        let waits = |length: usize| if right == Right::Anything { length.saturating_sub(1) } else { length };
        let held = |entry: &Entry| entry.group == group && matches!(entry.what, What::Term { holds: true, .. });
        let terms: Vec<(u32, usize)> =
            self.outputs(end).filter(|(_, entry)| held(entry)).map(|(id, entry)| (id, entry.length)).collect();
        for (term, length) in terms {
            let before = path.len().saturating_sub(length);
            let own = self.path(exception.chars().skip(before));
            for (&state, &with) in own.iter().zip(path.iter().skip(before)).take(waits(length)) {
                self.spared.entry(state).or_default().entry(term).or_default().push(with);
            }
        }
    }

    fn mark_spared(&mut self) {
        for (id, terms) in &self.spared {
            if let Some(node) = self.nodes.get_mut(*id as usize) {
                node.may_be_spared = terms.len() >= node.holds as usize;
            }
        }
    }

    /// The states along a text that the tree of terms holds, without the root.
    pub(super) fn path(&self, text: impl Iterator<Item = char>) -> Vec<u32> {
        let mut at = ROOT;
        text.map_while(|c| {
            at = self.child(at, c)?;
            Some(at)
        })
        .collect()
    }
}

/// Positions fit: a contract is at most 1 MiB long.
fn short(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
