//! What the rules did to a reply.

use rolecall_dsl::contract::OnViolation;
use rolecall_wire::frame::Hit;

use super::trace::Act;
use crate::telemetry::Metrics;

/// A rule that stands in the way of a reply, whoever found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// The rule's id.
    pub(super) id: String,
    /// One sentence for people.
    pub(super) message: String,
    /// What the contract wants done.
    pub(super) action: OnViolation,
    /// What it is about.
    pub(super) cause: Cause,
}

impl Broken {
    /// Whether the contract wants an end at once instead of a repair.
    pub(super) fn ends_attempts(&self) -> bool {
        matches!(self.action, OnViolation::Reject | OnViolation::Fallback)
    }
}

/// What a broken rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The text.
    Text,
    /// The reply as a whole, by a policy that points at none of its words: what is there may lack something.
    Whole,
    /// A plugin that is not there, or not for this: another model call cannot help.
    Missing,
    /// A plugin that failed, and the contract wants the fallback then, without its judgement.
    Excused,
}

/// The broken rules of one attempt that are kept, for the next prompt: further ones say nothing new
/// to a model.
const MAX_BROKEN: usize = 64;

/// What stood in the way of an attempt, each thing once.
#[derive(Debug, Default)]
pub(super) struct Grievances(Vec<Broken>);

impl Grievances {
    pub(super) fn add(&mut self, broken: impl IntoIterator<Item = Broken>) {
        for b in broken {
            let known = self.0.iter().any(|other| other.id == b.id && other.message == b.message);
            if !known && self.0.len() < MAX_BROKEN {
                self.0.push(b);
            }
        }
    }

    pub(super) fn all(&self) -> &[Broken] {
        &self.0
    }
}

/// Collects hits and counts them.
#[derive(Debug)]
pub(super) struct Record {
    role: String,
    metrics: Metrics,
    hits: Vec<Hit>,
    acts: Vec<Act>,
    /// The model's answer that is being read, from 1, and which of its deltas; `None` at its end.
    moment: (u32, Option<usize>),
    edited: bool,
}

/// Hits, and acts, of one reply that are kept; further ones are only counted in the metrics.
const MAX_HITS: usize = 64;

impl Record {
    pub(super) fn new(role: &str, metrics: Metrics) -> Self {
        let role = role.to_owned();
        Self { role, metrics, hits: Vec::new(), acts: Vec::new(), moment: (1, None), edited: false }
    }

    /// What follows is about this answer of the model, at this delta.
    pub(super) fn at(&mut self, attempt: u32, delta: Option<usize>) {
        self.moment = (attempt, delta);
    }

    /// A rule acted on the reply: it is not what the model said any more.
    pub(super) fn edit(&mut self, rule: &str, action: &'static str, message: &str) {
        self.edited = true;
        self.note(rule, action, message);
    }

    /// A rule is mentioned without a change to the reply.
    pub(super) fn note(&mut self, rule: &str, action: &'static str, message: &str) {
        self.metrics.violation(&self.role, rule, action);
        let hit = Hit { rule: rule.to_owned(), action: action.to_owned(), message: message.to_owned() };
        self.act(&hit);
        if self.hits.len() < MAX_HITS && !self.hits.contains(&hit) {
            self.hits.push(hit);
        }
    }

    fn act(&mut self, hit: &Hit) {
        let (attempt, delta) = self.moment;
        let same = |act: &Act| act.attempt == attempt && act.rule == hit.rule && act.action == hit.action;
        let known = self.acts.iter().any(|act| same(act) && act.message == hit.message);
        if !known && self.acts.len() < MAX_HITS {
            let Hit { rule, action, message } = hit.clone();
            self.acts.push(Act { rule, action, message, attempt, delta, found: Vec::new() });
        }
    }

    /// The same action for every rule in the list.
    pub(super) fn edit_all(&mut self, broken: &[Broken], action: &'static str) {
        for b in broken {
            self.edit(&b.id, action, &b.message);
        }
    }

    pub(super) fn edited(&self) -> bool {
        self.edited
    }

    pub(super) fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// The hits with when they were, in order.
    pub(super) fn acts(&self) -> &[Act] {
        &self.acts
    }

    pub(super) fn check(&self, seconds: f64, held_chars: usize) {
        self.metrics.check(seconds, held_chars);
    }
}
