//! The one checker: whole texts and streams take the same path.
//!
//! A character goes through two stages. The *filter* holds back what could still become a forbidden
//! match, finds the *matches* and puts replacements in their place; behind a filter that replaces, the
//! *passage* has a *guard*, which blocks what a replacement joined to a match. What passes goes to the
//! *page*, the text as the client is to see it: its *tally* counts sentences, characters, forms and
//! required terms, its *outlet* releases it, never past a limit that a rule has set, and never so that the
//! client has a forbidden match if nothing follows. Every step is taken per character, so the way a text is
//! cut into deltas cannot matter.

mod filter;
mod matches;
mod outlet;
mod page;
mod passage;
mod perils;
mod program;
mod prompt;
mod tally;

use std::ops::Range;
use std::sync::Arc;

use crate::constraint::Recognizer;
use crate::contract::Language;
use crate::diagnostic::Severity;

use crate::text::profile::{self, Profile};

use filter::Filter;
use passage::Passage;
use program::Compiled;
pub use program::Program;
use tally::Tally;

/// How a reply may reach the client, derived from the strictest rule and never set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryMode {
    /// Every safe character at once.
    Token,
    /// Sentence by sentence, each when the reply so far can still be brought to a good end.
    Sentence,
    /// The whole reply at its end.
    Full,
}

impl DeliveryMode {
    /// Its name, as users see it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Sentence => "sentence",
            Self::Full => "full",
        }
    }
}

/// What is known about every continuation of the text so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Residual {
    /// The text complies as it stands, and so does every continuation.
    Holds,
    /// It depends on what comes.
    #[default]
    Open,
    /// No continuation complies.
    Dead,
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Index into [`Contract::rules`](crate::Contract::rules).
    pub rule: usize,
    /// That rule's id.
    pub id: Arc<str>,
    /// Its severity; only errors block.
    pub severity: Severity,
    /// The bytes of the pushed text that break it; empty at the end for what is missing.
    pub span: Range<usize>,
    /// One sentence for people.
    pub message: String,
    /// Where what breaks it begins in the text as released: behind replacements, that differs from
    /// the span.
    pub at: usize,
    /// Where the reply can be cut so that this rule holds (for `truncate`), in bytes of the text as
    /// released.
    pub cut: Option<usize>,
    /// Whether the match was already replaced (`on_violation redact`), so that the text may go on.
    pub redacted: bool,
}

/// What one push or the finish decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Text that no continuation can turn into part of a forbidden match. The concatenation of all
    /// releases is the pushed text, with redactions, up to what is still held; at no time does it have a
    /// forbidden match if it is read as a text that ends there.
    pub released: String,
    /// Byte offsets in `released` at which a sentence is known to have ended (closers and the
    /// white space behind it included).
    pub sentence_ends: Vec<usize>,
    /// Rules found broken by this step.
    pub violations: Vec<Violation>,
    /// What is known now.
    pub residual: Residual,
}

/// The verdict on a whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Every broken rule, in the order found.
    pub violations: Vec<Violation>,
}

impl Verdict {
    /// Whether no error-severity rule is broken.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.violations.iter().all(|v| v.severity < Severity::Error)
    }
}

impl Step {
    /// Empties it; what it has allocated stays.
    pub fn clear(&mut self) {
        self.released.clear();
        self.sentence_ends.clear();
        self.violations.clear();
        self.residual = Residual::Open;
    }
}

/// Checks one reply while it grows. `Clone` is cheap and gives an independent continuation, so that
/// "would this complete the reply?" is asked by trying it.
#[derive(Debug, Clone)]
pub struct Monitor {
    program: Arc<Program>,
    filter: Filter,
    passage: Passage,
    finished: bool,
}

impl Monitor {
    fn new(program: &Arc<Program>) -> Self {
        Self {
            filter: Filter::new(program),
            passage: Passage::new(program),
            program: Arc::clone(program),
            finished: false,
        }
    }

    /// Takes the next piece of the reply. After the finish nothing more is taken.
    pub fn push(&mut self, delta: &str) -> Step {
        let mut step = Step::default();
        self.push_into(delta, &mut step);
        step
    }

    /// The same, with the outcome in place of what a step held before. Given the same step again and
    /// again, a stream of ordinary deltas allocates nothing once its buffers have grown.
    pub fn push_into(&mut self, delta: &str, step: &mut Step) {
        step.clear();
        if !self.finished {
            self.passage.page.outlet.expect(delta.len());
            self.take_all(delta, &mut step.violations);
        }
        self.close(step);
    }

    /// Ends the reply and decides the rest; `residual` is then `Holds` or `Dead`.
    pub fn finish(&mut self) -> Step {
        let mut step = Step::default();
        self.finish_into(&mut step);
        step
    }

    /// The same, with the outcome in place of what a step held before.
    pub fn finish_into(&mut self, step: &mut Step) {
        step.clear();
        if !self.finished {
            let Self { program, filter, passage, .. } = self;
            filter.finish(program, &mut step.violations);
            passage.place(filter, &mut step.violations);
            passage.drain(program, filter, filter.read(), &mut step.violations);
            passage.finish(program, &mut step.violations);
            self.finished = true;
            self.judge(step);
        }
        self.close(step);
    }

    /// What must still come for the reply to comply, one sentence each, for a repair prompt.
    #[must_use]
    pub fn missing(&self, language: Language) -> Vec<String> {
        let mut ended = self.clone();
        ended.finish();
        let rules = self.program.blocking();
        rules
            .filter_map(|(_, rule)| rule.constraint.missing(&ended.tally().view(&ended.program, rule), language))
            .collect()
    }

    /// The rules, by index, of which each by itself lets no continuation comply.
    #[must_use]
    pub fn lost(&self) -> Vec<usize> {
        let lost = |rule: &Compiled| self.outlook(rule) == Residual::Dead;
        self.program.blocking().filter(|(_, rule)| lost(rule)).map(|(index, _)| index).collect()
    }

    /// Bytes of the pushed text, from its beginning, that no continuation can turn into part of a
    /// forbidden match. Unlike what is released, they are counted behind a match that blocks, too.
    #[must_use]
    pub fn decided(&self) -> usize {
        if self.finished { self.filter.read() } else { self.filter.hold(&self.program) }
    }

    fn tally(&self) -> &Tally {
        &self.passage.page.tally
    }

    /// Text, through every stage: stretches at which nothing happens at once, all else by character.
    fn take_all(&mut self, mut text: &str, told: &mut Vec<Violation>) {
        while !text.is_empty() {
            let calm = self.filter.skim(&self.program, text);
            let Some((head, rest)) = text.split_at_checked(calm) else { return };
            self.passage.write_all(&self.program, head, told);
            let mut rest = rest.chars();
            if let Some(c) = rest.next() {
                self.take(profile::of(c), rest.as_str(), told);
            }
            text = rest.as_str();
        }
    }

    /// One character, through every stage; some of what comes behind it is known.
    #[inline]
    fn take(&mut self, profile: &Profile, rest: &str, told: &mut Vec<Violation>) {
        let Self { program, filter, passage, .. } = self;
        let known = told.len();
        let Some(hold) = filter.push(program, profile, rest, told) else {
            return passage.write(program, profile, told);
        };
        passage.place(filter, told.get_mut(known..).unwrap_or_default());
        passage.drain(program, filter, hold, told);
    }

    /// Asks the rules that are decided at the end.
    fn judge(&self, step: &mut Step) {
        let end = self.filter.read();
        for (index, rule) in self.program.rules.iter().enumerate() {
            let view = self.tally().view(&self.program, rule);
            let Some(message) = rule.constraint.broken(&view) else { continue };
            let cut = view.machine.filter(|_| rule.constraint.is_kept_by_a_cut()).and_then(Recognizer::held);
            let outlet = &self.passage.page.outlet;
            step.violations.push(Violation {
                rule: index,
                id: Arc::clone(&rule.id),
                severity: rule.severity,
                span: cut.map_or(end, |at| outlet.pushed(at))..end,
                message,
                at: cut.unwrap_or_else(|| outlet.written()),
                cut,
                redacted: false,
            });
        }
    }

    fn close(&mut self, step: &mut Step) {
        self.passage.page.release(&self.program, self.finished, step);
        step.residual = self.residual();
    }

    fn residual(&self) -> Residual {
        if self.filter.is_sealed() || self.passage.is_sealed() {
            return Residual::Dead;
        }
        let mut residual = Residual::Holds;
        for (_, rule) in self.program.blocking() {
            match self.outlook(rule) {
                Residual::Dead => return Residual::Dead,
                Residual::Open => residual = Residual::Open,
                Residual::Holds => {}
            }
        }
        residual
    }

    fn outlook(&self, rule: &Compiled) -> Residual {
        let view = self.tally().view(&self.program, rule);
        let outlook = rule.constraint.outlook(&view);
        if !self.finished {
            outlook
        } else if outlook == Residual::Dead || rule.constraint.broken(&view).is_some() {
            Residual::Dead
        } else {
            Residual::Holds
        }
    }
}
