//! A contract's rules, compiled.

use std::ops::Range;
use std::sync::Arc;

use super::{DeliveryMode, Monitor, Step, Verdict, Violation};
use crate::constraint::{Bounds, Class, Constraint, Demand, Recognizer};
use crate::contract::{OnViolation, Rule};
use crate::diagnostic::Severity;
use crate::text::counted::counted;
use crate::text::pattern::Pattern;
use crate::text::rhetorical::{self, Form};
use crate::text::terms::{Sought, Terms};

/// What stands in place of a match when a rule redacts with an empty text: without anything there,
/// the neighbours of the match could join to another one.
const EMPTY_REDACTION: &str = "…";

/// A contract's rules, compiled; shared by all of its monitors.
#[derive(Debug)]
pub struct Program {
    pub(super) rules: Vec<Compiled>,
    /// Forbidden terms.
    pub(super) forbidden: Terms,
    /// Whose they are, by term.
    pub(super) forbidden_by: Vec<Forbidden>,
    /// Forbidden patterns.
    pub(super) patterns: Vec<(Arc<Pattern>, Forbidden)>,
    /// Required terms.
    pub(super) required: Terms,
    /// Required patterns.
    pub(super) finders: Vec<Arc<Pattern>>,
    /// Machines of their own, at the empty text.
    pub(super) machines: Vec<Box<dyn Recognizer>>,
    /// By machine, whether its rule can block a reply.
    pub(super) blocking_machines: Vec<bool>,
    /// Some rule asks for the forms of sentences.
    pub(super) reads_forms: bool,
    /// Some rule asks for the languages of words.
    pub(super) reads_tongue: bool,
    /// Some rule puts something in place of its matches.
    pub(super) redacts: bool,
    /// No rule asks for more than counts and forms.
    pub(super) only_counts: bool,
    pub(super) sentence_limits: Vec<Limit>,
    pub(super) char_limits: Vec<Limit>,
    pub(super) word_limits: Vec<Limit>,
    pub(super) bounds: Bounds,
    mode: DeliveryMode,
}

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) id: Arc<str>,
    pub(super) severity: Severity,
    pub(super) constraint: Arc<dyn Constraint>,
    pub(super) tracks: Tracks,
}

/// Where the tally keeps what a rule asks for.
#[derive(Debug, Clone)]
pub(super) enum Tracks {
    Counts,
    /// These required terms.
    Terms(Range<usize>),
    /// This required pattern.
    Pattern(usize),
    Form(Form),
    /// This machine.
    Machine(usize),
}

/// The rule behind a forbidden term or pattern.
#[derive(Debug, Clone)]
pub(super) struct Forbidden {
    pub(super) rule: usize,
    /// What the match is called.
    pub(super) name: Arc<str>,
    pub(super) effect: Effect,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing from the match on is released.
    Block,
    /// This text stands in its place.
    Redact(Arc<str>),
    /// It is reported and passes.
    Report,
}

/// An upper bound on a count.
#[derive(Debug)]
pub(super) struct Limit {
    rule: usize,
    pub(super) most: u64,
    pub(super) blocks: bool,
    what: &'static str,
}

impl Limit {
    pub(super) fn violation(&self, program: &Program, span: Range<usize>, at: usize, cut: usize) -> Violation {
        let message = format!("the reply has more than {}", counted(self.most, self.what));
        Violation { at, ..program.violation(self.rule, span, message, Some(cut), false) }
    }
}

impl Program {
    /// Compiles rules; indices in violations point into `rules`.
    #[must_use]
    pub fn new(rules: &[Rule]) -> Self {
        let mut draft = Draft::default();
        let mut compiled = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            let tracks = draft.add(index, rule);
            compiled.push(Compiled {
                id: Arc::clone(&rule.id),
                severity: rule.severity,
                constraint: Arc::clone(&rule.constraint),
                tracks,
            });
        }
        draft.build(compiled, mode(rules), bounds(rules))
    }

    /// A monitor at the empty text.
    #[must_use]
    pub fn monitor(self: &Arc<Self>) -> Monitor {
        Monitor::new(self)
    }

    /// Pushes the whole text once and finishes.
    #[must_use]
    pub fn check(self: &Arc<Self>, text: &str) -> Verdict {
        let (mut monitor, mut step) = (self.monitor(), Step::default());
        monitor.push_into(text, &mut step);
        let mut violations = std::mem::take(&mut step.violations);
        monitor.finish_into(&mut step);
        violations.append(&mut step.violations);
        Verdict { violations }
    }

    /// How replies under this contract are delivered, plugins aside. Rules that only warn never hold
    /// a reply up.
    #[must_use]
    pub fn delivery_mode(&self) -> DeliveryMode {
        self.mode
    }

    /// The rules that can block a reply.
    pub(super) fn blocking(&self) -> impl Iterator<Item = (usize, &Compiled)> {
        self.rules.iter().enumerate().filter(|(_, rule)| rule.severity == Severity::Error)
    }

    /// A violation; `at` and a match's `cut` are still those of the pushed text.
    pub(super) fn violation(
        &self,
        rule: usize,
        span: Range<usize>,
        message: String,
        cut: Option<usize>,
        redacted: bool,
    ) -> Violation {
        let compiled = self.rules.get(rule);
        Violation {
            rule,
            id: compiled.map_or_else(|| Arc::from(""), |rule| Arc::clone(&rule.id)),
            at: span.start,
            severity: compiled.map_or(Severity::Error, |rule| rule.severity),
            span,
            message,
            cut,
            redacted,
        }
    }
}

#[derive(Default)]
struct Draft<'r> {
    forbidden: Vec<(Sought<'r>, Forbidden)>,
    patterns: Vec<(Arc<Pattern>, Forbidden)>,
    required: Vec<Sought<'r>>,
    finders: Vec<Arc<Pattern>>,
    machines: Vec<Box<dyn Recognizer>>,
    blocking_machines: Vec<bool>,
    reads_forms: bool,
    reads_tongue: bool,
    sentence_limits: Vec<Limit>,
    char_limits: Vec<Limit>,
    word_limits: Vec<Limit>,
}

impl<'r> Draft<'r> {
    fn add(&mut self, index: usize, rule: &'r Rule) -> Tracks {
        let blocks = rule.severity == Severity::Error;
        match rule.constraint.demand() {
            Demand::Nothing => {}
            Demand::Tongue => self.reads_tongue = true,
            Demand::MaxSentences(most) => {
                self.sentence_limits.push(Limit { rule: index, most, blocks, what: "sentence" });
            }
            Demand::MaxChars(most) => self.char_limits.push(Limit { rule: index, most, blocks, what: "character" }),
            Demand::MaxWords(most) => self.word_limits.push(Limit { rule: index, most, blocks, what: "word" }),
            Demand::Forbid { terms, patterns, matching } => {
                let effect = effect(rule);
                let by = |name: &str| Forbidden { rule: index, name: name.into(), effect: effect.clone() };
                let sought = terms.iter().map(|text| (Sought { text, matching }, by(&format!("`{text}`"))));
                self.forbidden.extend(sought);
                self.patterns.extend(patterns.iter().map(|pattern| (Arc::clone(pattern), by(&pattern.name()))));
            }
            Demand::Require { terms, matching } => {
                let first = self.required.len();
                self.required.extend(terms.iter().map(|text| Sought { text, matching }));
                return Tracks::Terms(first..self.required.len());
            }
            Demand::Match(pattern) => {
                self.finders.push(Arc::clone(pattern));
                return Tracks::Pattern(self.finders.len() - 1);
            }
            Demand::Recognize(machine) => {
                self.machines.push(machine.boxed());
                self.blocking_machines.push(blocks);
                return Tracks::Machine(self.machines.len() - 1);
            }
            Demand::Form(form) => {
                rhetorical::prepare();
                self.reads_forms = true;
                return Tracks::Form(form);
            }
        }
        Tracks::Counts
    }

    fn build(self, rules: Vec<Compiled>, mode: DeliveryMode, bounds: Bounds) -> Program {
        let seeks = !self.required.is_empty() || !self.finders.is_empty() || !self.machines.is_empty();
        let only_counts = !seeks && !self.reads_tongue && self.word_limits.is_empty();
        let mut forbidden = self.forbidden.iter().map(|(_, by)| by).chain(self.patterns.iter().map(|(_, by)| by));
        let redacts = forbidden.any(|by| matches!(by.effect, Effect::Redact(_)));
        let holds = |by: &Forbidden| by.effect != Effect::Report;
        Program {
            rules,
            forbidden: Terms::new(self.forbidden.iter().map(|(sought, by)| (*sought, holds(by)))),
            forbidden_by: self.forbidden.into_iter().map(|(_, by)| by).collect(),
            patterns: self.patterns,
            required: Terms::new(self.required.iter().map(|sought| (*sought, false))),
            finders: self.finders,
            machines: self.machines,
            blocking_machines: self.blocking_machines,
            reads_forms: self.reads_forms,
            reads_tongue: self.reads_tongue,
            redacts,
            only_counts,
            sentence_limits: self.sentence_limits,
            char_limits: self.char_limits,
            word_limits: self.word_limits,
            bounds,
            mode,
        }
    }
}

/// A replacement is made whatever the rule's severity; without one only errors block.
fn effect(rule: &Rule) -> Effect {
    match (&rule.on_violation, rule.severity) {
        (OnViolation::Redact(by), _) if by.is_empty() => Effect::Redact(EMPTY_REDACTION.into()),
        (OnViolation::Redact(by), _) => Effect::Redact(by.as_str().into()),
        (_, Severity::Error) => Effect::Block,
        _ => Effect::Report,
    }
}

fn mode(rules: &[Rule]) -> DeliveryMode {
    let blocking = rules.iter().filter(|rule| rule.severity == Severity::Error);
    let modes = blocking.map(|rule| match rule.constraint.class() {
        Class::Safety | Class::Judged => DeliveryMode::Token,
        Class::EndOnly | Class::Ratio => DeliveryMode::Sentence,
        Class::Whole => DeliveryMode::Full,
    });
    modes.max().unwrap_or(DeliveryMode::Token)
}

fn bounds(rules: &[Rule]) -> Bounds {
    let mut bounds = Bounds::default();
    for rule in rules.iter().filter(|rule| rule.severity == Severity::Error) {
        let lower = |bound: &mut Option<u64>, most: u64| *bound = Some(bound.map_or(most, |other| other.min(most)));
        match rule.constraint.demand() {
            Demand::MaxSentences(most) => lower(&mut bounds.sentences, most),
            Demand::MaxChars(most) => lower(&mut bounds.chars, most),
            Demand::MaxWords(most) => lower(&mut bounds.words, most),
            _ => {}
        }
        bounds.may_be_empty |= rule.constraint.fact() == crate::constraint::Fact::MinSentences(0);
    }
    bounds
}
