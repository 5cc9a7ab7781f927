//! The automaton and its construction.

use std::collections::{BTreeMap, VecDeque};

use super::fold_term;
use super::script::{is_kana, is_word};

/// The state before any character.
pub(super) const ROOT: u32 = 0;

/// No output.
const NONE: u32 = u32::MAX;

/// What must not follow a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Anything,
    NoWord,
    NoSoundMark,
}

/// A term as the automaton knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// In folded characters.
    pub(super) length: usize,
    /// It begins with a word character.
    pub(super) word_start: bool,
    pub(super) right: Right,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Its transitions in `edges`, sorted by character.
    first: u32,
    last: u32,
    pub(super) fail: u32,
    pub(super) depth: u32,
    /// The terms that end here, in `ending`.
    ends_first: u32,
    ends_last: u32,
    /// The next state along `fail` where terms end.
    also: u32,
    /// A holding term goes on from here or waits for its right boundary.
    pub(super) holds: bool,
    pub(super) word_start: bool,
}

/// Terms, compiled. Immutable; share it.
#[derive(Debug)]
pub struct Terms {
    nodes: Vec<Node>,
    edges: Vec<(char, u32)>,
    ending: Vec<u32>,
    entries: Vec<Entry>,
    longest: usize,
    /// Which characters leave the root, by their low bits: most text does not.
    heads: [u64; 4],
}

#[derive(Default)]
struct Draft {
    children: BTreeMap<char, usize>,
    ends: Vec<u32>,
    depth: u32,
    holds: bool,
    word_start: bool,
}

impl Terms {
    /// Compiles terms; each says whether text that may become part of it is held back. A term that
    /// [`fold_term`] refuses is never found: contracts with one do not load.
    #[must_use]
    pub fn new<'a>(terms: impl IntoIterator<Item = (&'a str, bool)>) -> Self {
        let mut drafts = vec![Draft::default()];
        let mut entries = Vec::new();
        for (index, (term, holds)) in terms.into_iter().enumerate() {
            let folded = fold_term(term).unwrap_or_default();
            let entry = Entry::new(&folded);
            if !folded.is_empty() {
                insert(&mut drafts, &folded, holds, entry.right, u32::try_from(index).unwrap_or(NONE));
            }
            entries.push(entry);
        }
        Self::link(&drafts, entries)
    }

    /// Whether there is nothing to search for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many terms there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    pub(super) fn node(&self, id: u32) -> &Node {
        #[allow(clippy::indexing_slicing, reason = "ids are only made in `link`, one per node")]
        &self.nodes[id as usize]
    }

    /// The state after one more character.
    pub(super) fn next(&self, mut id: u32, c: char) -> u32 {
        loop {
            if id == ROOT && !self.is_head(c) {
                return ROOT;
            }
            let node = self.node(id);
            let edges = self.edges.get(node.first as usize..node.last as usize).unwrap_or_default();
            match edges.binary_search_by_key(&c, |edge| edge.0) {
                Ok(found) => return edges.get(found).map_or(ROOT, |edge| edge.1),
                Err(_) if id == ROOT => return ROOT,
                Err(_) => id = node.fail,
            }
        }
    }

    /// The terms that end at a state, longest first.
    pub(super) fn outputs(&self, id: u32) -> impl Iterator<Item = (usize, &Entry)> {
        let mut at = Some(self.node(id)).filter(|_| id != ROOT);
        std::iter::from_fn(move || {
            let node = at?;
            at = (node.also != NONE).then(|| self.node(node.also));
            Some(node)
        })
        .flat_map(|node| self.ending.get(node.ends_first as usize..node.ends_last as usize).unwrap_or_default())
        .filter_map(|term| Some((*term as usize, self.entries.get(*term as usize)?)))
    }

    fn is_head(&self, c: char) -> bool {
        let (word, bit) = head_bit(c);
        self.heads.get(word).is_some_and(|heads| heads & bit != 0)
    }

    /// Numbers the states breadth first, so that a failure link always points to an earlier one.
    fn link(drafts: &[Draft], entries: Vec<Entry>) -> Self {
        let mut terms =
            Self { nodes: Vec::new(), edges: Vec::new(), ending: Vec::new(), entries, longest: 1, heads: [0; 4] };
        let mut queue = VecDeque::from([(0usize, ROOT)]);
        let mut assigned = 1u32;
        let mut parents = vec![(ROOT, '\0')];
        while let Some((draft, id)) = queue.pop_front() {
            let Some(draft) = drafts.get(draft) else { continue };
            let first = terms.edges.len();
            for (&c, &child) in &draft.children {
                terms.edges.push((c, assigned));
                parents.push((id, c));
                queue.push_back((child, assigned));
                assigned += 1;
                if id == ROOT {
                    let (word, bit) = head_bit(c);
                    if let Some(heads) = terms.heads.get_mut(word) {
                        *heads |= bit;
                    }
                }
            }
            let ends_first = terms.ending.len();
            terms.ending.extend(&draft.ends);
            terms.longest = terms.longest.max(draft.depth as usize);
            terms.nodes.push(Node {
                first: short(first),
                last: short(terms.edges.len()),
                fail: ROOT,
                depth: draft.depth,
                ends_first: short(ends_first),
                ends_last: short(terms.ending.len()),
                also: NONE,
                holds: draft.holds,
                word_start: draft.word_start,
            });
        }
        terms.link_failures(&parents);
        terms
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
}

impl Entry {
    fn new(folded: &str) -> Self {
        let right = match folded.chars().next_back() {
            Some(c) if is_word(c) => Right::NoWord,
            Some(c) if is_kana(c) => Right::NoSoundMark,
            _ => Right::Anything,
        };
        Self { length: folded.chars().count(), word_start: folded.chars().next().is_some_and(is_word), right }
    }
}

fn insert(drafts: &mut Vec<Draft>, folded: &str, holds: bool, right: Right, term: u32) {
    let word_start = folded.chars().next().is_some_and(is_word);
    let mut at = 0;
    for (c, depth) in folded.chars().zip(1..) {
        let fresh = drafts.len();
        let Some(draft) = drafts.get_mut(at) else { return };
        draft.holds |= holds;
        let child = *draft.children.entry(c).or_insert(fresh);
        if child == fresh {
            drafts.push(Draft { depth, word_start, ..Draft::default() });
        }
        at = child;
    }
    if let Some(draft) = drafts.get_mut(at) {
        draft.holds |= holds && right != Right::Anything;
        draft.ends.push(term);
    }
}

fn head_bit(c: char) -> (usize, u64) {
    let low = c as u32 & 0xFF;
    ((low >> 6) as usize, 1 << (low & 63))
}

/// Positions fit: a contract is at most 1 MiB long.
fn short(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
