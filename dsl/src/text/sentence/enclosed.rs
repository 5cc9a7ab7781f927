//! Stretches inside which no sentence ends: pairs and URLs.

use super::class::{Class, Pair};
use super::pending::{Kind, Pending};
use super::word::Before;
use super::{Event, Sentences};

impl Sentences {
    /// Inside a pair nothing ends; a terminator right before the closing mark is remembered.
    pub(super) fn take_enclosed(&mut self, c: char, class: Class, at: usize, event: &mut Event) {
        if self.cites() {
            return self.cite(class);
        }
        let closed = match class {
            Class::Close(pair) => self.pairs.close(pair).then_some(pair),
            Class::Quote => self.pairs.close(Pair::Straight).then_some(Pair::Straight),
            _ => None,
        };
        if let Some(pair) = closed {
            if self.pairs.is_empty() && self.pairs.take_terminated() && self.content {
                self.pending = Some(Pending::new(Kind::Closed(pair), self.at, self.previous));
            }
            return;
        }
        match class {
            Class::Terminator | Class::Ellipsis | Class::Period => self.pairs.terminated(true),
            Class::Open(pair) => self.open(pair, c, at, event),
            Class::Quote => self.open(Pair::Straight, c, at, event),
            Class::Word => {
                self.pairs.terminated(false);
                self.begin(event);
            }
            Class::Continue => self.pairs.terminated(false),
            _ => {}
        }
    }

    /// Whether the pair that is open belongs to the sentence before it, which may have ended.
    pub(super) fn cites(&self) -> bool {
        self.pending.is_some() && !self.pairs.is_empty()
    }

    pub(super) fn cite(&mut self, class: Class) {
        match class {
            Class::Open(pair) => self.pairs.open(pair),
            Class::Close(pair) => _ = self.pairs.close(pair),
            _ => {}
        }
        if let Some(pending) = &mut self.pending {
            pending.end = self.at;
        }
    }

    pub(super) fn take_url(&mut self, class: Class, event: &mut Event) {
        match class {
            Class::Terminator | Class::Period if self.pairs.is_empty() => {
                let kind = if class == Class::Period { Kind::Period(Before::Plain) } else { Kind::Terminator };
                self.pending = Some(Pending::new(kind, self.at, self.previous));
            }
            Class::Word => {
                self.pending = None;
                self.begin(event);
            }
            _ => self.pending = None,
        }
    }
}
