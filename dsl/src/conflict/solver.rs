//! The question that everything else is made of: is there a reply that keeps these rules and breaks
//! that one?
//!
//! A text tried before may answer it. The counts alone may contradict each other. Candidates of ready
//! sentences are tried. At last an exhaustive search over the machines decides, starting with no rules
//! and adding those that its shortest text breaks, so that it stays as small as the answer needs.

use rustc_hash::FxHashMap;

use super::answer::Answer;
use super::clause::{self, Clause, Count};
use super::compose;
use super::compose::seeds::Seed;
use super::court::Court;
use super::linear::{Bounds, Profile};
use super::ruleset::RuleSet;
use super::search::{Budget, Found, Level, search};
use crate::contract::{Language, Rule};
use crate::text::rhetorical::Form;

/// Steps of one search, and of everything asked about one set of rules.
const STEPS: u64 = 100_000;
const ALL_STEPS: u64 = 1_000_000;

/// Rounds of adding rules to a search.
const ROUNDS: usize = 60;

/// Forbidden terms of one rule that are searched with together.
const ALL_TERMS: usize = 400;

/// Bytes of candidates judged for one question.
const JUDGED: usize = 400_000;

/// Bytes of candidates judged for everything asked about one set of rules.
const ALL_JUDGED: usize = 6_000_000;

/// Texts remembered.
const POOL: usize = 4_096;

/// Answers questions about one list of rules.
#[derive(Debug)]
pub(super) struct Solver<'r> {
    court: Court<'r>,
    language: Language,
    /// Texts tried, and the rules they break.
    pool: Vec<Tried>,
    /// For each seed the rules that it breaks.
    seeds: Vec<(&'static str, RuleSet)>,
    /// Rules that a text breaks by what it says, whatever surrounds it.
    hard: RuleSet,
    budget: Budget,
    /// Bytes of candidates that may still be judged.
    judged: usize,
    /// Searches done, by what was searched.
    searched: FxHashMap<Vec<u64>, Found>,
}

#[derive(Debug)]
struct Tried {
    text: String,
    broken: RuleSet,
    blank: bool,
}

impl<'r> Solver<'r> {
    /// `language` is the one candidates are tried in first.
    pub(super) fn new(rules: &[&'r Rule], language: Language) -> Self {
        let court = Court::new(rules);
        let hard = (0..court.rules.len()).filter(|rule| matches!(court.kept(*rule), Some(Clause::Absent(_)))).collect();
        let seeds = compose::seeds::all().iter().map(|seed| (seed.text, court.broken(seed.text))).collect();
        Self {
            court,
            language,
            pool: Vec::new(),
            seeds,
            hard,
            budget: Budget { steps: ALL_STEPS },
            judged: ALL_JUDGED,
            searched: FxHashMap::default(),
        }
    }

    pub(super) fn rules(&self) -> &[&'r Rule] {
        &self.court.rules
    }

    /// Every rule that can be decided without a plugin.
    pub(super) fn decidable(&self) -> RuleSet {
        self.court.decidable()
    }

    /// Whether a reply keeps all of these.
    pub(super) fn satisfy(&mut self, keep: RuleSet) -> Answer {
        self.solve(keep, None)
    }

    /// Whether a reply keeps all of `keep` and breaks `broken`.
    pub(super) fn solve(&mut self, keep: RuleSet, broken: Option<usize>) -> Answer {
        if let Some(text) = self.remembered(keep, broken) {
            return Answer::Witness(text);
        }
        let Some(rule) = broken else { return self.decide(keep, None, None) };
        let mut undecided = None;
        for clause in self.court.broken_by(rule) {
            match self.decide(keep, Some(rule), Some(clause)) {
                Answer::Impossible => {}
                Answer::Undecided(reason) => undecided = Some(reason),
                witness @ Answer::Witness(_) => return witness,
            }
        }
        undecided.map_or(Answer::Impossible, Answer::Undecided)
    }

    fn decide(&mut self, keep: RuleSet, broken: Option<usize>, extra: Option<Clause<'r>>) -> Answer {
        let mut clauses: Vec<Clause<'r>> = keep.iter().filter_map(|rule| self.court.kept(rule)).chain(extra).collect();
        if !clause::prune(&mut clauses) {
            return Answer::Impossible;
        }
        let extra = broken.and_then(|_| clauses.last().cloned());
        let nothing = self.court.allows_nothing(keep);
        let mut profiles = Bounds::new(&clauses, nothing).profiles(3);
        if profiles.is_empty() {
            return Answer::Impossible;
        }
        profiles.retain(|profile| profile.sentences > 0);
        if let Some(text) = self.compose(&clauses, &profiles, keep, broken) {
            return Answer::Witness(text);
        }
        self.search(keep, broken, extra.as_ref(), nothing)
    }

    /// A text tried before.
    fn remembered(&self, keep: RuleSet, broken: Option<usize>) -> Option<String> {
        let nothing = self.court.allows_nothing(keep);
        let answers = |tried: &&Tried| self.is_answer(tried.broken, tried.blank && !nothing, keep, broken);
        self.pool.iter().find(answers).map(|tried| tried.text.clone())
    }

    fn is_answer(&self, found: RuleSet, blank: bool, keep: RuleSet, broken: Option<usize>) -> bool {
        !blank && !found.intersects(keep) && broken.is_none_or(|rule| found.contains(rule))
    }

    /// Judges a text and remembers it.
    fn judge(&mut self, text: &str) -> RuleSet {
        let broken = self.court.broken(text);
        let blank = text.trim().is_empty();
        if self.pool.len() < POOL && !self.pool.iter().any(|tried| (tried.broken, tried.blank) == (broken, blank)) {
            self.pool.push(Tried { text: text.to_owned(), broken, blank });
        }
        broken
    }

    fn compose(
        &mut self,
        clauses: &[Clause<'r>],
        profiles: &[Profile],
        keep: RuleSet,
        broken: Option<usize>,
    ) -> Option<String> {
        let said = self.hard.iter().filter(|rule| keep.contains(*rule)).collect::<RuleSet>();
        let refused: Vec<&str> =
            self.seeds.iter().filter(|(_, rules)| rules.intersects(said)).map(|(text, _)| *text).collect();
        let allowed = |seed: &Seed| !refused.contains(&seed.text);
        let candidates = compose::candidates(clauses, profiles, self.language, &allowed);
        let allowed = JUDGED.min(self.judged);
        let mut left = allowed;
        let mut answer = None;
        for text in candidates {
            // A candidate costs its length for every few rules that read it.
            let cost = text.len() * (1 + self.court.rules.len() / 16) + 64;
            let Some(rest) = usize::checked_sub(left, cost) else { break };
            left = rest;
            let found = self.judge(&text);
            if self.is_answer(found, text.trim().is_empty(), keep, broken) {
                answer = Some(text);
                break;
            }
        }
        self.judged -= allowed - left;
        answer
    }

    /// Grows the clauses searched with until the answer is found.
    fn search(&mut self, keep: RuleSet, broken: Option<usize>, extra: Option<&Clause<'r>>, nothing: bool) -> Answer {
        let mut active: Vec<(usize, Clause<'r>)> = Vec::new();
        for _ in 0..ROUNDS {
            let mut clauses: Vec<Clause<'r>> = active.iter().map(|(_, clause)| clause.clone()).collect();
            clauses.extend(extra.cloned());
            let text = match self.shortest(&clauses, nothing, keep, broken) {
                Found::Text(text) => text,
                Found::Nothing => return Answer::Impossible,
                Found::Unknown => {
                    return Answer::Undecided(
                        "no reply was found, and longer ones or ones of other characters were not tried".to_owned(),
                    );
                }
                Found::OutOfBudget => {
                    return Answer::Undecided("the rules have too many states to try all of them".to_owned());
                }
            };
            let found = self.judge(&text);
            if self.is_answer(found, text.trim().is_empty() && !nothing, keep, broken) {
                return Answer::Witness(text);
            }
            let missed = self.cheapest(found.iter().filter(|rule| keep.contains(*rule)).collect(), &active);
            if !self.activate(&missed, &text, &mut active) {
                return Answer::Undecided("counts as large as these are not followed".to_owned());
            }
        }
        Answer::Undecided("too many rules had to be looked at together".to_owned())
    }

    /// The shortest text for some clauses that no level refuses.
    fn shortest(&mut self, clauses: &[Clause<'r>], nothing: bool, keep: RuleSet, broken: Option<usize>) -> Found {
        let shares = clauses.iter().any(|clause| matches!(clause, Clause::Share { .. } | Clause::Speaks { .. }));
        if let Some(found) = self.one_sentence(clauses, keep) {
            return found;
        }
        let levels: &[Level] = if shares { &[Level::Relaxed, Level::Exact] } else { &[Level::Relaxed] };
        let mut last = Found::OutOfBudget;
        for level in levels {
            last = self.find(clauses, nothing, *level);
            match &last {
                Found::Nothing => return last,
                Found::Text(text) => {
                    let found = self.judge(text);
                    if self.is_answer(found, text.trim().is_empty() && !nothing, keep, broken) {
                        return last;
                    }
                }
                Found::Unknown | Found::OutOfBudget => {}
            }
        }
        last
    }

    /// Whether a share asks for sentences of a form of which not one can be said without something
    /// forbidden, or the shortest that holds what was not searched with yet. List items are left out:
    /// what makes one stands before the sentence.
    fn one_sentence(&mut self, clauses: &[Clause<'r>], keep: RuleSet) -> Option<Found> {
        let asked = clauses.iter().filter(|clause| match clause {
            Clause::Share { form, bound } => {
                bound.above && (bound.points > 0 || bound.strict) && *form != Form::ListItem
            }
            _ => false,
        });
        let forbidden: Vec<Clause<'r>> =
            clauses.iter().filter(|clause| matches!(clause, Clause::Absent(_))).cloned().collect();
        for share in asked {
            let sentence = [forbidden.clone(), vec![share.clone()]].concat();
            match self.find(&sentence, false, Level::Unsplit) {
                Found::Nothing => return Some(Found::Nothing),
                // A sentence that holds more that is forbidden shows what to search with next.
                Found::Text(text)
                    if self.judge(&text).iter().any(|rule| keep.contains(rule) && self.hard.contains(rule)) =>
                {
                    return Some(Found::Text(text));
                }
                _ => {}
            }
        }
        None
    }

    /// A search within what may still be spent. The same clauses come up again and again while rules
    /// are left out one by one.
    fn find(&mut self, clauses: &[Clause<'r>], nothing: bool, level: Level) -> Found {
        let mut parts: Vec<Vec<u64>> = clauses.iter().map(Clause::key).collect();
        parts.sort_unstable();
        let mut key = vec![level as u64, u64::from(nothing)];
        key.extend(parts.into_iter().flatten());
        if let Some(known) = self.searched.get(&key) {
            return known.clone();
        }
        let allowed = STEPS.min(self.budget.steps);
        let mut budget = Budget { steps: allowed };
        let found = search(clauses, nothing, level, &mut budget);
        self.budget.steps -= allowed - budget.steps;
        self.searched.insert(key, found.clone());
        found
    }

    /// Of the rules that a text breaks, those that are searched with at the least cost: what occurs
    /// before what is counted, and what is counted before what is weighed.
    fn cheapest(&self, mut missed: Vec<usize>, active: &[(usize, Clause<'r>)]) -> Vec<usize> {
        let cost = |rule: &usize| {
            let known = active.iter().any(|(known, _)| known == rule);
            match self.court.kept(*rule) {
                None => 9,
                Some(Clause::Absent(_) | Clause::Any(_) | Clause::All(_)) => 0,
                Some(_) if known => 8,
                Some(Clause::Count { count: Count::Sentences, .. }) => 3,
                Some(Clause::Count { .. }) => 1,
                Some(Clause::Machine { .. }) => 2,
                Some(Clause::Share { .. } | Clause::Speaks { .. }) => 4,
            }
        };
        let least = missed.iter().map(cost).min();
        missed.retain(|rule| Some(cost(rule)) == least);
        missed
    }

    /// Adds the rules that a text breaks; of forbidden things only those it holds. Gives whether
    /// anything was added.
    fn activate(&self, missed: &[usize], text: &str, active: &mut Vec<(usize, Clause<'r>)>) -> bool {
        let mut grown = false;
        for rule in missed {
            let Some(clause) = self.court.kept(*rule) else { continue };
            let known = active.iter_mut().find(|(known, _)| known == rule).map(|(_, clause)| clause);
            match (clause, known) {
                // A second time the text is led from one forbidden thing to the next.
                (Clause::Absent(all), Some(Clause::Absent(have))) => {
                    let more = if all.terms.len() <= ALL_TERMS { all } else { all.held_by(text) };
                    grown |= have.absorb(more);
                }
                (Clause::Absent(all), _) => {
                    active.push((*rule, Clause::Absent(all.held_by(text))));
                    grown = true;
                }
                (clause, None) => {
                    active.push((*rule, clause));
                    grown = true;
                }
                (_, Some(_)) => {}
            }
        }
        grown
    }
}
