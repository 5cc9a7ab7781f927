//! The machines that one search runs, and what their ends must be.

use std::collections::HashSet;
use std::sync::Arc;

use super::Level;
use super::state::State;
use crate::conflict::clause::{Bound, Clause, Count, Things, WHOLE};
use crate::conflict::shapes::{self, Forms};
use crate::constraint::Recognizer;
use crate::contract::Language;
use crate::text::fold::folded;
use crate::text::pattern::Pattern;
use crate::text::rhetorical::Form;
use crate::text::terms::{Sought, Terms};
use crate::text::variants::Variants;

/// Counts beyond these are not followed; the court catches what that lets in.
pub(super) const SENTENCES: u64 = 12;
const CHARACTERS: u64 = 400;
const LEAST_CHARACTERS: u64 = 40;
const WORDS: u64 = 12;

/// Things that must occur, at most; a bit each.
const BITS: u32 = 40;

/// Bounds on a count, as far as they are followed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Range {
    pub(super) least: u64,
    pub(super) most: Option<u64>,
}

/// What an occurrence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The end of this text.
    Kills,
    /// Something that must occur does.
    Sets(u32),
}

/// Everything that one search runs.
#[derive(Debug)]
pub(super) struct Machines {
    pub(super) level: Level,
    pub(super) nothing: bool,
    /// The terms and their exceptions, as written.
    pub(super) words_of_terms: Vec<String>,
    /// The folded characters that terms and exceptions are compared by, variants told apart.
    pub(super) letters: HashSet<char>,
    /// The same where variants are alike, each as the form that stands for it.
    pub(super) variants: HashSet<char>,
    pub(super) terms: Terms,
    pub(super) term_roles: Vec<Role>,
    pub(super) patterns: Vec<(Arc<Pattern>, Role)>,
    pub(super) recognizers: Vec<(Box<dyn Recognizer>, bool)>,
    /// For each bit, which patterns can set it; empty where a term can, which is never too late.
    pub(super) only_patterns: Vec<Vec<usize>>,
    /// Bits that must be set at the end.
    pub(super) wanted: u64,
    pub(super) sentences: Range,
    pub(super) chars: Range,
    pub(super) words: Range,
    pub(super) shares: Vec<(Form, Bound)>,
    /// The forms they are about.
    pub(super) forms: Forms,
    pub(super) speaks: Vec<(Language, Bound)>,
    /// Shares of words that no reply with words has.
    pub(super) torn: bool,
    /// The work that one step is counted as: machines of their own cost more than the others.
    pub(super) weight: u64,
    /// Whether sentences are told apart at all.
    pub(super) splits: bool,
}

impl Machines {
    /// `None` when there are more things to follow than there are bits for.
    pub(super) fn new(clauses: &[Clause<'_>], nothing: bool, level: Level) -> Option<Self> {
        let mut machines = Self {
            level,
            nothing,
            words_of_terms: Vec::new(),
            letters: HashSet::new(),
            variants: HashSet::new(),
            terms: Terms::new([]),
            term_roles: Vec::new(),
            patterns: Vec::new(),
            recognizers: Vec::new(),
            only_patterns: Vec::new(),
            wanted: 0,
            sentences: Range::default(),
            chars: Range::default(),
            words: Range::default(),
            shares: Vec::new(),
            forms: 0,
            speaks: Vec::new(),
            torn: false,
            weight: 1,
            splits: false,
        };
        let (mut bits, mut sought) = (0, Vec::new());
        for clause in clauses {
            machines.add(clause, &mut bits, &mut sought)?;
        }
        machines.only_patterns = machines.settled_by(bits);
        machines.terms = Terms::new(sought.iter().map(|term| (*term, false)));
        sought.iter().for_each(|term| machines.spell(term));
        let counted = machines.sentences.most.is_some() || machines.sentences.least > 1;
        let reads = machines.recognizers.iter().any(|(machine, _)| machine.reads_sentences());
        machines.splits = level != Level::Unsplit && (counted || reads || !machines.shares.is_empty());
        if !machines.splits && level != Level::Unsplit {
            machines.sentences = Range::default();
        }
        let least = |language| {
            machines
                .speaks
                .iter()
                .filter(|(of, bound)| *of == language && bound.above)
                .map(|(_, bound)| bound.points)
                .max()
        };
        machines.torn = least(Language::Zh).unwrap_or(0) + least(Language::En).unwrap_or(0) > WHOLE;
        machines.weight = 1 + 6 * machines.recognizers.len() as u64;
        Some(machines)
    }

    pub(super) fn start(&self) -> State {
        State::new(self)
    }

    /// Whether the forms of sentences matter.
    pub(super) fn reads_forms(&self) -> bool {
        !self.shares.is_empty()
    }

    /// Whether a share of all or none leaves no room for a sentence of these forms.
    pub(super) fn forbids(&self, forms: Forms) -> bool {
        self.level != Level::Unsplit
            && self.shares.iter().any(|(form, bound)| match shapes::has(forms, *form) {
                true => bound.is_none(),
                false => bound.is_all(),
            })
    }

    /// Whether the current sentence surely has a form of which no sentence may be.
    pub(super) fn is_doomed(&self, certain: impl Fn(Form) -> bool) -> bool {
        self.level != Level::Unsplit && self.shares.iter().any(|(form, bound)| bound.is_none() && certain(*form))
    }

    fn add<'r>(&mut self, clause: &Clause<'r>, bits: &mut u32, sought: &mut Vec<Sought<'r>>) -> Option<()> {
        let mut bit = || {
            let bit = *bits;
            *bits += 1;
            (bit < BITS).then_some(bit)
        };
        match clause {
            Clause::Count { count, least, most } => self.count(*count, *least, *most),
            Clause::Share { form, bound } => {
                self.forms |= shapes::bit(*form, true);
                self.shares.push((*form, *bound));
            }
            Clause::Speaks { language, bound } => self.speaks.push((*language, *bound)),
            Clause::Absent(things) => self.things(things, Role::Kills, sought)?,
            Clause::Any(things) => {
                let bit = bit()?;
                self.wanted |= 1 << bit;
                self.things(things, Role::Sets(bit), sought)?;
            }
            Clause::All(things) => {
                for term in &things.terms {
                    let bit = bit()?;
                    self.wanted |= 1 << bit;
                    self.term(*term, Role::Sets(bit), sought);
                }
                for pattern in &things.patterns {
                    let bit = bit()?;
                    self.wanted |= 1 << bit;
                    self.pattern(pattern, Role::Sets(bit))?;
                }
            }
            Clause::Machine { machine, accepts } => self.recognizers.push((machine.boxed(), *accepts)),
        }
        Some(())
    }

    /// For each bit the patterns that can set it, if no term can.
    fn settled_by(&self, bits: u32) -> Vec<Vec<usize>> {
        let sets = |role: &Role, bit: u32| *role == Role::Sets(bit);
        let patterns = |bit| {
            let found = self.patterns.iter().enumerate().filter(move |(_, (_, role))| sets(role, bit));
            found.map(|(index, _)| index).collect()
        };
        let by_term = |bit| self.term_roles.iter().any(|role| sets(role, bit));
        (0..bits).map(|bit| if by_term(bit) { Vec::new() } else { patterns(bit) }).collect()
    }

    fn count(&mut self, count: Count, least: u64, most: Option<u64>) {
        let (range, least_followed, most_followed) = match count {
            Count::Sentences => (&mut self.sentences, SENTENCES, SENTENCES),
            Count::Characters => (&mut self.chars, LEAST_CHARACTERS, CHARACTERS),
            Count::Words => (&mut self.words, WORDS, WORDS),
        };
        range.least = range.least.max(least.min(least_followed));
        range.most = [range.most, most.filter(|most| *most <= most_followed)].into_iter().flatten().min();
    }

    fn things<'r>(&mut self, things: &Things<'r>, role: Role, sought: &mut Vec<Sought<'r>>) -> Option<()> {
        things.terms.iter().for_each(|term| self.term(*term, role, sought));
        things.patterns.iter().try_for_each(|pattern| self.pattern(pattern, role))
    }

    fn term<'r>(&mut self, term: Sought<'r>, role: Role, sought: &mut Vec<Sought<'r>>) {
        sought.push(term);
        self.term_roles.push(role);
    }

    /// Notes what a term is written and compared by.
    fn spell(&mut self, term: &Sought<'_>) {
        for text in std::iter::once(term.text).chain(term.matching.exceptions.iter().map(String::as_str)) {
            self.words_of_terms.push(text.to_owned());
            for c in folded(text).chars() {
                if term.matching.variants {
                    self.variants.insert(Variants::get().fold(c));
                } else {
                    self.letters.insert(c);
                }
            }
        }
    }

    /// Patterns are searched for anywhere, whatever the rule uses them for.
    fn pattern(&mut self, pattern: &Arc<Pattern>, role: Role) -> Option<()> {
        self.patterns.push((pattern.anywhere()?, role));
        Some(())
    }
}
