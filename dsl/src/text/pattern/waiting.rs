//! Matches that wait for a thread: lists in one vector, so that a running search allocates nothing, and so
//! that joining two of them or dropping one takes the same time however long they are.

use std::ops::Range;

/// The matches of every list.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    entries: Vec<Entry>,
    /// Entries that no list has.
    free: Waiting,
}

#[derive(Debug, Clone)]
struct Entry {
    span: Range<usize>,
    next: Option<usize>,
}

/// A list in a pool. It is given back by [`Pool::take`], [`Pool::drop_all`] or [`Pool::join`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waiting {
    /// Its first and its last entry.
    ends: Option<(usize, usize)>,
}

impl Pool {
    /// Adds a match to a list.
    pub(super) fn add(&mut self, list: &mut Waiting, span: Range<usize>) {
        let entry = Entry { span, next: None };
        let at = if let Some((first, last)) = self.free.ends
            && let Some(slot) = self.entries.get_mut(first)
        {
            let next = std::mem::replace(slot, entry).next;
            self.free.ends = next.map(|next| (next, last));
            first
        } else {
            self.entries.push(entry);
            self.entries.len() - 1
        };
        self.join(list, &mut Waiting { ends: Some((at, at)) });
    }

    /// Moves all of the second list behind the first.
    pub(super) fn join(&mut self, list: &mut Waiting, more: &mut Waiting) {
        let Some((from, to)) = more.ends.take() else { return };
        let Some((first, last)) = list.ends else {
            list.ends = Some((from, to));
            return;
        };
        if let Some(entry) = self.entries.get_mut(last) {
            entry.next = Some(from);
        }
        list.ends = Some((first, to));
    }

    /// Empties a list.
    pub(super) fn drop_all(&mut self, list: &mut Waiting) {
        let mut free = self.free;
        self.join(&mut free, list);
        self.free = free;
    }

    /// Empties a list, and gives what it had.
    pub(super) fn take(&mut self, list: &mut Waiting, each: &mut impl FnMut(Range<usize>)) {
        let mut at = list.ends.map(|(first, _)| first);
        while let Some(entry) = at.and_then(|at| self.entries.get(at)) {
            each(entry.span.clone());
            at = entry.next;
        }
        self.drop_all(list);
    }
}
