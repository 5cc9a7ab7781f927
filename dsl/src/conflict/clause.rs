//! Rules as the analysis reasons about them: bounds on counts, things that occur or do not, machines.

use std::collections::HashSet;
use std::sync::Arc;

use crate::constraint::{Constraint, Fact, Recognizer};
use crate::contract::Language;
use crate::text::pattern::Pattern;
use crate::text::rhetorical::Form;
use crate::text::terms::{Matching, Sought, Terms};

/// 100 %, in basis points.
pub(super) const WHOLE: u64 = 10_000;

/// What is asked of a reply.
#[derive(Debug, Clone)]
pub(super) enum Clause<'r> {
    /// A count lies within bounds, both included.
    Count { count: Count, least: u64, most: Option<u64> },
    /// The share of sentences that have a form.
    Share { form: Form, bound: Bound },
    /// The share of words that are of a language.
    Speaks { language: Language, bound: Bound },
    /// None of these occurs.
    Absent(Things<'r>),
    /// At least one of these occurs.
    Any(Things<'r>),
    /// Each of these occurs.
    All(Things<'r>),
    /// The machine accepts the reply, or does not.
    Machine { machine: &'r dyn Recognizer, accepts: bool },
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Sentences,
    Characters,
    Words,
}

/// A bound on a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    /// A lower bound; else an upper one.
    pub(super) above: bool,
    /// In basis points.
    pub(super) points: u64,
    /// The bound itself is excluded.
    pub(super) strict: bool,
}

/// Terms and patterns.
#[derive(Debug, Clone, Default)]
pub(super) struct Things<'r> {
    pub(super) terms: Vec<Sought<'r>>,
    pub(super) patterns: Vec<&'r Arc<Pattern>>,
}

impl<'r> Things<'r> {
    /// Adds what is new among others; gives whether there was any.
    pub(super) fn absorb(&mut self, others: Self) -> bool {
        let before = self.terms.len() + self.patterns.len();
        let known: HashSet<Sought<'_>> = self.terms.iter().copied().collect();
        self.terms.extend(others.terms.into_iter().filter(|term| !known.contains(term)));
        for pattern in others.patterns {
            if !self.patterns.contains(&pattern) {
                self.patterns.push(pattern);
            }
        }
        self.terms.len() + self.patterns.len() != before
    }

    fn key(&self, kind: u64) -> Vec<u64> {
        let of = |term: &Sought<'_>| [address(term.text), term.text.len() as u64, address(term.matching)];
        let terms = self.terms.iter().flat_map(of);
        let patterns = self.patterns.iter().map(|pattern| address(pattern.as_ref()));
        [kind, self.terms.len() as u64, self.patterns.len() as u64].into_iter().chain(terms).chain(patterns).collect()
    }

    /// Those that occur in a text.
    pub(super) fn held_by(&self, text: &str) -> Self {
        let terms = Terms::new(self.terms.iter().map(|term| (*term, false)));
        let mut found: Vec<usize> = terms.find_all(text).into_iter().map(|hit| hit.term).collect();
        found.sort_unstable();
        found.dedup();
        Self {
            terms: found.into_iter().filter_map(|term| self.terms.get(term).copied()).collect(),
            patterns: self.patterns.iter().filter(|pattern| pattern.occurs_in(text)).copied().collect(),
        }
    }
}

impl Bound {
    fn new(above: bool, points: u32) -> Self {
        Self { above, points: u64::from(points), strict: false }
    }

    /// Whether it asks for the whole.
    pub(super) fn is_all(self) -> bool {
        self.above && !self.strict && self.points >= WHOLE
    }

    /// Whether it leaves room for nothing.
    pub(super) fn is_none(self) -> bool {
        !self.above && !self.strict && self.points == 0
    }

    /// The bound that holds exactly where this one does not.
    fn negated(self) -> Self {
        Self { above: !self.above, points: self.points, strict: !self.strict }
    }

    /// Whether `part` of `whole` keeps it.
    pub(super) fn holds(self, part: u64, whole: u64) -> bool {
        let (have, want) = (part.saturating_mul(WHOLE), self.points.saturating_mul(whole));
        match (self.above, self.strict) {
            (true, false) => have >= want,
            (true, true) => have > want,
            (false, false) => have <= want,
            (false, true) => have < want,
        }
    }
}

impl Clause<'_> {
    /// What the clause asks, as numbers: what is borrowed stands for itself by where it is, so clauses
    /// of one list of rules with the same key ask the same.
    pub(super) fn key(&self) -> Vec<u64> {
        let share = |kind, of: u64, bound: &Bound| {
            vec![kind, of, u64::from(bound.above), bound.points, u64::from(bound.strict)]
        };
        match self {
            Self::Count { count, least, most } => {
                vec![0, *count as u64, *least, u64::from(most.is_some()), most.unwrap_or_default()]
            }
            Self::Share { form, bound } => share(1, *form as u64, bound),
            Self::Speaks { language, bound } => share(2, *language as u64, bound),
            Self::Absent(things) => things.key(3),
            Self::Any(things) => things.key(4),
            Self::All(things) => things.key(5),
            Self::Machine { machine, accepts } => vec![6, address(*machine), u64::from(*accepts)],
        }
    }
}

/// Where something borrowed is.
fn address<T: ?Sized>(it: &T) -> u64 {
    std::ptr::from_ref(it).cast::<()>() as usize as u64
}

/// What it means to keep a rule; `None` for one that is judged.
pub(super) fn kept(rule: &dyn Constraint) -> Option<Clause<'_>> {
    let at_least = |count, least| Clause::Count { count, least, most: None };
    let at_most = |count, most| Clause::Count { count, least: 0, most: Some(most) };
    Some(match rule.fact() {
        Fact::MaxSentences(most) => at_most(Count::Sentences, most),
        Fact::MinSentences(least) => at_least(Count::Sentences, least),
        Fact::MaxChars(most) => at_most(Count::Characters, most),
        Fact::MinChars(least) => at_least(Count::Characters, least),
        Fact::MaxWords(most) => at_most(Count::Words, most),
        Fact::Forbidden { terms, patterns, matching } => Clause::Absent(things(terms, patterns, matching)),
        Fact::Required { all: true, terms, matching } => Clause::All(things(terms, &[], matching)),
        Fact::Required { all: false, terms, matching } => Clause::Any(things(terms, &[], matching)),
        Fact::Share { form, at_least, basis_points } => {
            Clause::Share { form, bound: Bound::new(at_least, basis_points) }
        }
        Fact::Pattern { must: true, pattern } => Clause::Any(one(pattern)),
        Fact::Pattern { must: false, pattern } => Clause::Absent(one(pattern)),
        Fact::Speaks { language, basis_points } => Clause::Speaks { language, bound: Bound::new(true, basis_points) },
        Fact::Recognized(machine) => Clause::Machine { machine, accepts: true },
        Fact::Judged => return None,
    })
}

/// The ways of breaking a rule; none for one that is judged or that every reply keeps.
pub(super) fn broken(rule: &dyn Constraint) -> Vec<Clause<'_>> {
    let Some(kept) = kept(rule) else { return Vec::new() };
    match kept {
        Clause::Count { least: 0, most: None, .. } => Vec::new(),
        Clause::Count { count, most: Some(most), .. } => vec![Clause::Count { count, least: most + 1, most: None }],
        Clause::Count { count, least, most: None } => {
            vec![Clause::Count { count, least: 0, most: Some(least.saturating_sub(1)) }]
        }
        Clause::Share { form, bound } => vec![Clause::Share { form, bound: bound.negated() }],
        Clause::Speaks { language, bound } => vec![Clause::Speaks { language, bound: bound.negated() }],
        Clause::Absent(things) => vec![Clause::Any(things)],
        Clause::Any(things) => vec![Clause::Absent(things)],
        Clause::All(things) => {
            let term = |term| Clause::Absent(Things { terms: vec![term], patterns: Vec::new() });
            things.terms.into_iter().map(term).collect()
        }
        Clause::Machine { machine, accepts } => vec![Clause::Machine { machine, accepts: !accepts }],
    }
}

/// Takes out of what may occur whatever holds something forbidden: a term that is found brings along
/// every term inside it, in the same surroundings. Exceptions look beyond these, and a term that is found
/// by another form of its characters need not hold what is forbidden in one form only: such terms are left
/// to the search. Gives whether anything is left of each clause.
pub(super) fn prune(clauses: &mut [Clause<'_>]) -> bool {
    let mut forbidden = Things::default();
    for clause in clauses.iter() {
        if let Clause::Absent(things) = clause {
            forbidden.terms.extend(&things.terms);
            forbidden.patterns.extend(&things.patterns);
        }
    }
    if forbidden.terms.is_empty() && forbidden.patterns.is_empty() {
        return true;
    }
    forbidden.terms.retain(|term| term.matching.exceptions.is_empty());
    let terms = Terms::new(forbidden.terms.iter().map(|term| (*term, false)));
    let brings = |term: &Sought<'_>| {
        let hits = terms.find_all(term.text);
        let as_loose = |forbidden: &Sought<'_>| {
            (forbidden.matching.variants || !term.matching.variants) && (forbidden.matching.gaps || !term.matching.gaps)
        };
        hits.iter().filter_map(|hit| forbidden.terms.get(hit.term)).any(as_loose)
    };
    let mut possible = true;
    for clause in clauses {
        let (Clause::Any(things) | Clause::All(things)) = clause else { continue };
        let before = things.terms.len() + things.patterns.len();
        things.terms.retain(|term| !brings(term));
        things.patterns.retain(|pattern| !forbidden.patterns.contains(pattern));
        let left = things.terms.len() + things.patterns.len();
        possible &= if matches!(clause, Clause::All(_)) { left == before } else { left > 0 };
    }
    possible
}

fn things<'r>(terms: &'r [String], patterns: &'r [Arc<Pattern>], matching: &'r Matching) -> Things<'r> {
    let sought = terms.iter().map(|text| Sought { text, matching });
    Things { terms: sought.collect(), patterns: patterns.iter().collect() }
}

fn one(pattern: &Arc<Pattern>) -> Things<'_> {
    Things { terms: Vec::new(), patterns: vec![pattern] }
}
