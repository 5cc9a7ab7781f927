//! One state of a search: where every machine stands.

use super::Level;
use super::machines::{Machines, Role, SENTENCES};
use crate::conflict::clause::{Bound, WHOLE};
use crate::conflict::shapes::{self, Forms, Shapes};
use crate::constraint::Recognizer;
use crate::contract::Language;
use crate::text::characters::Characters;
use crate::text::pattern::Finder;
use crate::text::rhetorical::Form;
use crate::text::sentence::{Event, Sentences};
use crate::text::terms::Search;
use crate::text::tongue::Tongue;
use crate::text::words::Words;

/// Words that an exact search follows at most, where languages are weighed.
const WEIGHED: u64 = 24;

/// Where every machine stands.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Something visible was read.
    visible: bool,
    sentences: Sentences,
    shapes: Shapes,
    terms: Search,
    finders: Vec<Finder>,
    recognizers: Vec<Box<dyn Recognizer>>,
    characters: Characters,
    words: Words,
    tongue: Tongue,
    /// What must occur and did.
    bits: u64,
    counts: Counts,
}

/// Ended sentences by form.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    ended: u16,
    formed: [u16; Form::ALL.len()],
}

impl Counts {
    fn add(&mut self, forms: Forms) {
        self.ended += 1;
        for (formed, form) in self.formed.iter_mut().zip(Form::ALL) {
            *formed += u16::from(shapes::has(forms, form));
        }
    }

    fn of(&self, form: Form) -> (u64, u64) {
        (self.formed.get(form as usize).map_or(0, |formed| u64::from(*formed)), u64::from(self.ended))
    }
}

impl State {
    pub(super) fn new(machines: &Machines) -> Self {
        Self {
            visible: false,
            sentences: Sentences::default(),
            shapes: Shapes::default(),
            terms: machines.terms.search(),
            finders: machines.patterns.iter().map(|(pattern, _)| Finder::new(pattern)).collect(),
            recognizers: machines.recognizers.iter().map(|(machine, _)| machine.boxed()).collect(),
            characters: Characters::default(),
            words: Words::default(),
            tongue: Tongue::default(),
            bits: 0,
            counts: Counts::default(),
        }
    }

    /// The state after one more character, and whether the character counts; `None` if no reply that
    /// begins so is one. Sets `cut` when it only goes beyond what is followed.
    pub(super) fn step(&self, machines: &Machines, c: char, cut: &mut bool) -> Option<(Self, bool)> {
        let mut next = self.clone();
        next.visible |= !c.is_whitespace();
        let counts = next.characters.push(c);
        next.words.push(c);
        let event = if machines.splits { next.sentences.push(c) } else { Event::default() };
        next.occurrences(machines, c)?;
        for (machine, (_, accepts)) in next.recognizers.iter_mut().zip(&machines.recognizers) {
            machine.push(c, &event);
            if machine.settled() == Some(!accepts) {
                return None;
            }
        }
        if machines.reads_forms()
            && let Some(forms) = next.shapes.push(c, &event)
        {
            if machines.forbids(forms) {
                return None;
            }
            next.counts.add(forms);
        }
        if machines.is_doomed(|form| next.shapes.is_certain(form)) {
            return None;
        }
        if machines.sentences.most.is_some_and(|most| next.sentences.begun() > most) {
            return None;
        }
        if machines.words.most.is_some_and(|most| next.words.count() > most) {
            return None;
        }
        if !machines.speaks.is_empty() {
            next.tongue.push(c);
            let only = |(language, bound): &(Language, Bound)| {
                bound.is_all() && next.tongue.of(*language) < next.tongue.total()
            };
            if machines.speaks.iter().any(only) || (machines.torn && next.tongue.total() > 0) {
                return None;
            }
        }
        if next.is_beyond(machines) {
            *cut = true;
            return None;
        }
        Some((next, counts))
    }

    /// Whether the reply may end here.
    pub(super) fn accepts(&self, machines: &Machines) -> bool {
        if !(self.visible || machines.nothing) || self.characters.count() < machines.chars.least {
            return false;
        }
        if self.words.count() < machines.words.least {
            return false;
        }
        if machines.splits && self.sentences.total() < machines.sentences.least {
            return false;
        }
        let occurred = self.occurred(machines).is_some_and(|bits| bits & machines.wanted == machines.wanted);
        if !occurred || !self.keeps_shares(machines) {
            return false;
        }
        let accepting = self.recognizers.iter().map(|machine| machine.accepts());
        accepting.zip(&machines.recognizers).all(|(accepts, (_, wanted))| accepts == *wanted)
    }

    /// Everything that the future depends on.
    pub(super) fn key(&self, machines: &Machines) -> Vec<u64> {
        let mut key = vec![self.bits << 1 | u64::from(self.visible)];
        if machines.splits {
            self.sentences.key(&mut key);
            let followed = machines.sentences.most.map_or(0, |most| most + 1).max(machines.sentences.least);
            key.push(self.sentences.begun().min(followed));
        }
        if machines.reads_forms() {
            self.shapes.key(machines.forms, &mut key);
            key.push(self.form_key(machines));
        }
        if !machines.term_roles.is_empty() {
            self.terms.key(&machines.terms, &mut key);
        }
        key.extend(self.finders.iter().map(Finder::key));
        for machine in &self.recognizers {
            key.push(u64::MAX);
            key.extend(machine.key());
        }
        if machines.chars.least > 0 {
            key.push(self.characters.count().min(machines.chars.least));
        }
        if machines.words.least > 0 || machines.words.most.is_some() {
            key.extend([self.words.key(), self.words.count()]);
        }
        if !machines.speaks.is_empty() {
            let [words, rest @ ..] = self.tongue.key();
            key.push(words);
            if machines.level == Level::Exact {
                key.extend(rest);
            }
        }
        key
    }

    /// Reads terms and patterns; `None` when something occurs that must not.
    fn occurrences(&mut self, machines: &Machines, c: char) -> Option<()> {
        let (mut bits, mut alive) = (self.bits, true);
        let mut occurs = |role: Option<&Role>| match role {
            Some(Role::Kills) => alive = false,
            Some(Role::Sets(bit)) => bits |= 1 << bit,
            None => {}
        };
        if !machines.term_roles.is_empty() {
            self.terms.push(&machines.terms, c, &mut |hit| occurs(machines.term_roles.get(hit.term)));
        }
        for (finder, (pattern, role)) in self.finders.iter_mut().zip(&machines.patterns) {
            finder.push(pattern, c);
            if finder.found() {
                occurs(Some(role));
            }
        }
        self.bits = bits;
        (alive && !self.is_lost(machines)).then_some(())
    }

    /// Whether something that must occur no longer can.
    fn is_lost(&self, machines: &Machines) -> bool {
        let dead = |index: &usize| {
            let finder = self.finders.get(*index).zip(machines.patterns.get(*index));
            finder.is_some_and(|(finder, (pattern, _))| finder.is_dead(pattern))
        };
        let lost = |(bit, patterns): (usize, &Vec<usize>)| {
            self.bits >> bit & 1 == 0 && !patterns.is_empty() && patterns.iter().all(dead)
        };
        machines.only_patterns.iter().enumerate().any(lost)
    }

    /// What has occurred if the reply ends here; `None` when the end completes what must not occur.
    fn occurred(&self, machines: &Machines) -> Option<u64> {
        let (mut bits, mut alive) = (self.bits, true);
        let mut occurs = |role: Option<&Role>| match role {
            Some(Role::Kills) => alive = false,
            Some(Role::Sets(bit)) => bits |= 1 << bit,
            None => {}
        };
        if !machines.term_roles.is_empty() {
            self.terms.clone().finish(&machines.terms, &mut |hit| occurs(machines.term_roles.get(hit.term)));
        }
        for (finder, (pattern, role)) in self.finders.iter().zip(&machines.patterns) {
            if finder.found_at_end(pattern) {
                occurs(Some(role));
            }
        }
        alive.then_some(bits)
    }

    /// The counts if the reply ends here.
    fn ended(&self, machines: &Machines) -> Counts {
        let mut counts = self.counts;
        let open = if machines.splits { self.sentences.finish().is_some() } else { self.visible };
        if open {
            counts.add(self.shapes.clone().forms());
        }
        counts
    }

    fn keeps_shares(&self, machines: &Machines) -> bool {
        if machines.shares.is_empty() && machines.speaks.is_empty() {
            return true;
        }
        let counts = self.ended(machines);
        let shares = machines.shares.iter().all(|(form, bound)| {
            let (formed, all) = counts.of(*form);
            match machines.level {
                Level::Unsplit => formed > 0,
                Level::Exact => all == 0 || bound.holds(formed, all),
                _ if bound.is_all() => formed == all,
                _ if bound.is_none() => formed == 0,
                _ if bound.above => formed > 0 || (bound.points == 0 && !bound.strict),
                Level::Relaxed => formed < all || (bound.points == WHOLE && !bound.strict),
            }
        });
        let weighed = machines.level == Level::Exact;
        shares && (!weighed || machines.speaks.iter().all(|(language, bound)| self.speaks(*language, *bound)))
    }

    fn speaks(&self, language: Language, bound: Bound) -> bool {
        let (native, all) = (self.tongue.of(language), self.tongue.total());
        if all == 0 { bound.above && !bound.strict } else { bound.holds(native, all) }
    }

    /// Counts as far as the level tells them apart.
    fn form_key(&self, machines: &Machines) -> u64 {
        let Counts { ended, formed } = self.counts;
        if machines.level == Level::Exact {
            return formed.iter().fold(u64::from(ended), |key, formed| key << 8 | u64::from(*formed));
        }
        formed.iter().fold(u64::from(ended > 0), |key, formed| {
            key << 2 | u64::from(*formed > 0) << 1 | u64::from(*formed < ended)
        })
    }

    /// Whether a count is larger than an exact search follows.
    fn is_beyond(&self, machines: &Machines) -> bool {
        machines.level == Level::Exact
            && ((machines.reads_forms() && machines.sentences.most.is_none() && self.sentences.begun() > SENTENCES)
                || (!machines.speaks.is_empty() && self.tongue.total() > WEIGHED))
    }
}
