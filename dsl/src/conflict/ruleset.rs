//! Sets of rules, by their index.

/// A set of rules: indices below [`RuleSet::MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) struct RuleSet([u64; WORDS]);

const WORDS: usize = 8;

impl RuleSet {
    /// How many rules a set can tell apart: twice what a role may have, so that two contracts can be
    /// compared. Further ones are not analysed.
    pub(super) const MOST: usize = WORDS * 64;

    /// The first `count` rules.
    pub(super) fn first(count: usize) -> Self {
        (0..count.min(Self::MOST)).collect()
    }

    pub(super) fn contains(self, rule: usize) -> bool {
        self.0.get(rule / 64).is_some_and(|word| word >> (rule % 64) & 1 == 1)
    }

    pub(super) fn insert(&mut self, rule: usize) {
        if let Some(word) = self.0.get_mut(rule / 64) {
            *word |= 1 << (rule % 64);
        }
    }

    pub(super) fn with(mut self, rule: usize) -> Self {
        self.insert(rule);
        self
    }

    pub(super) fn without(mut self, rule: usize) -> Self {
        if let Some(word) = self.0.get_mut(rule / 64) {
            *word &= !(1 << (rule % 64));
        }
        self
    }

    pub(super) fn intersects(self, other: Self) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| a & b != 0)
    }

    pub(super) fn is_subset(self, other: Self) -> bool {
        self.0.iter().zip(other.0).all(|(a, b)| a & !b == 0)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == [0; WORDS]
    }

    pub(super) fn len(self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::MOST).filter(move |rule| self.contains(*rule))
    }
}

impl FromIterator<usize> for RuleSet {
    fn from_iter<I: IntoIterator<Item = usize>>(rules: I) -> Self {
        rules.into_iter().fold(Self::default(), Self::with)
    }
}
