//! What the counts alone allow: how many sentences, and how many of each form.
//!
//! Every reply has counts that satisfy these inequalities, so that none left means that no reply
//! exists, however long it may be. The counts left are what candidates are built to.

use super::clause::{Bound, Clause, Count, WHOLE};
use crate::text::rhetorical::Form;

/// Numbers of sentences tried beyond the least. Shares are in basis points, so that whatever shares
/// can be met together are met by some multiple of 10,000 sentences.
const SPAN: u64 = 2 * WHOLE;

/// Counts that a reply may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) sentences: u64,
    /// For each of [`Form::ALL`], the fewest and the most sentences that have it.
    pub(super) forms: [(u64, u64); Form::ALL.len()],
    pub(super) chars: (u64, Option<u64>),
    pub(super) words: (u64, Option<u64>),
}

/// The bounds that a conjunction of clauses sets.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    sentences: (u64, Option<u64>),
    chars: (u64, Option<u64>),
    words: (u64, Option<u64>),
    shares: Vec<(Form, Bound)>,
}

impl Bounds {
    /// `nothing`: an empty reply is a reply.
    pub(super) fn new(clauses: &[Clause<'_>], nothing: bool) -> Self {
        let mut bounds = Self { sentences: (u64::from(!nothing), None), ..Self::default() };
        for clause in clauses {
            match clause {
                Clause::Count { count, least, most } => {
                    let range = match count {
                        Count::Sentences => &mut bounds.sentences,
                        Count::Characters => &mut bounds.chars,
                        Count::Words => &mut bounds.words,
                    };
                    range.0 = range.0.max(*least);
                    range.1 = [range.1, *most].into_iter().flatten().min();
                }
                Clause::Share { form, bound } => bounds.share(*form, *bound),
                _ => {}
            }
        }
        bounds
    }

    /// Of bounds on one share in one direction the tightest is enough.
    fn share(&mut self, form: Form, bound: Bound) {
        let known = self.shares.iter_mut().find(|(of, other)| *of == form && other.above == bound.above);
        let Some((_, known)) = known else { return self.shares.push((form, bound)) };
        let tighter = if bound.above { bound.points > known.points } else { bound.points < known.points };
        if tighter || (bound.points == known.points && bound.strict) {
            *known = bound;
        }
    }

    /// The first `limit` profiles, by number of sentences; none if the counts contradict each other.
    pub(super) fn profiles(&self, limit: usize) -> Vec<Profile> {
        let above = |(least, most): (u64, Option<u64>)| most.is_some_and(|most| least > most);
        if above(self.chars) || above(self.words) || above(self.sentences) {
            return Vec::new();
        }
        let last = self.sentences.1.unwrap_or(u64::MAX).min(self.sentences.0.saturating_add(SPAN));
        (self.sentences.0..=last).filter_map(|sentences| self.profile(sentences)).take(limit).collect()
    }

    /// The counts of a reply of so many sentences.
    fn profile(&self, sentences: u64) -> Option<Profile> {
        let mut forms = [(0, sentences); Form::ALL.len()];
        for (form, bound) in &self.shares {
            let (fewest, most) = within(*bound, sentences)?;
            let range = forms.get_mut(*form as usize)?;
            *range = (range.0.max(fewest), range.1.min(most));
        }
        if forms.iter().any(|(fewest, most)| fewest > most) {
            return None;
        }
        let fewest = |form: Form| forms.get(form as usize).map_or(0, |range| range.0);
        // No sentence ends both ways.
        if fewest(Form::Question) + fewest(Form::Exclamation) > sentences {
            return None;
        }
        // A sentence has a character, one of a form as many as its form needs, and behind the first
        // every sentence has a word.
        let extra = Form::ALL.iter().map(|form| fewest(*form) * (form.shortest().max(1) - 1)).max().unwrap_or(0);
        let words = if sentences > 1 { sentences } else { 0 };
        let fits = |least: u64, most: Option<u64>| most.is_none_or(|most| least <= most);
        (fits(sentences + extra, self.chars.1) && fits(words, self.words.1)).then_some(Profile {
            sentences,
            forms,
            chars: self.chars,
            words: self.words,
        })
    }
}

/// The numbers among `whole` that keep a bound.
fn within(bound: Bound, whole: u64) -> Option<(u64, u64)> {
    if whole == 0 {
        return Some((0, 0));
    }
    let exact = bound.points * whole;
    let (fewest, most) = match (bound.above, bound.strict) {
        (true, false) => (exact.div_ceil(WHOLE), whole),
        (true, true) => (exact / WHOLE + 1, whole),
        (false, false) => (0, exact / WHOLE),
        (false, true) => (0, exact.div_ceil(WHOLE).checked_sub(1)?),
    };
    (fewest <= whole).then_some((fewest, most.min(whole)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(form: Form, above: bool, points: u64) -> Clause<'static> {
        Clause::Share { form, bound: Bound { above, points, strict: false } }
    }

    fn sentences(least: u64, most: Option<u64>) -> Clause<'static> {
        Clause::Count { count: Count::Sentences, least, most }
    }

    fn first(clauses: &[Clause<'_>]) -> Option<Profile> {
        Bounds::new(clauses, false).profiles(1).into_iter().next()
    }

    #[test]
    fn counts_that_contradict_leave_no_profile() {
        assert_eq!(first(&[sentences(3, None), sentences(0, Some(2))]), None);
        // Between 40 % and 60 % of one or of three sentences lies nothing; of two lies one.
        let between = [share(Form::Question, true, 4000), share(Form::Question, false, 6000)];
        assert_eq!(
            first(&between).map(|profile| (profile.sentences, profile.forms[Form::Question as usize])),
            Some((2, (1, 1)))
        );
        let narrow = [between.to_vec(), vec![sentences(0, Some(1))]].concat();
        assert_eq!(first(&narrow), None);
        let both = [share(Form::Question, true, 6000), share(Form::Exclamation, true, 6000)];
        assert_eq!(first(&both), None);
    }

    #[test]
    fn awkward_shares_are_met_by_many_sentences() {
        let exact = [share(Form::Rhetorical, true, 3333), share(Form::Rhetorical, false, 3333)];
        assert_eq!(first(&exact).map(|profile| profile.sentences), Some(10_000));
    }

    #[test]
    fn strict_bounds_exclude_themselves() {
        let bound = |above, points, strict| Bound { above, points, strict };
        assert_eq!(within(bound(true, 5000, true), 2), Some((2, 2)));
        assert_eq!(within(bound(false, 5000, true), 2), Some((0, 0)));
        assert_eq!(within(bound(false, 0, true), 2), None);
        assert_eq!(within(bound(true, 10_000, true), 2), None);
    }
}
