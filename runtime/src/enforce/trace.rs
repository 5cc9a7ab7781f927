//! Why a reply is as it is: what each rule did to it, and at which of the model's words.
//!
//! While a reply is made, only the model's words are kept, delta by delta, and which rule did what when.
//! What broke a rule is looked for once the reply is over and only if a rule acted: the one checker
//! reads the words again, and because it is deterministic it finds what it found. So tracing costs
//! the hot path a copy of the text. What counts the whole reply (its length, its sentences) is read of
//! the model's words alone: where the contract's own were put in front, no place may be found for it.

use std::ops::Range;
use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::monitor::{Step, Violation};
use rolecall_dsl::text::fold;
use rolecall_wire::frame::Outcome;
use serde::{Deserialize, Serialize};

/// Bytes of the model's words that are kept of one reply, over all attempts (128 KiB). Of what is said
/// beyond, the trace names the rules that acted, but not the words.
const MAX_HEARD_BYTES: usize = 128 << 10;

/// Deltas of one reply that are told apart; the words of later ones count as one delta's.
const MAX_DELTAS: usize = 1 << 15;

/// Places that one act names; further ones are of the same kind.
const MAX_FOUND: usize = 8;

/// Characters shown of a match, and of the delta that completed it.
const MAX_SHOWN: usize = 120;

/// The account of one reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The id under which it is asked for: the response's, or `SESSION.TURN`.
    pub id: String,
    /// The role.
    pub role: String,
    /// Its contract's version.
    pub version: String,
    /// The contract's content hash, in hexadecimal digits.
    pub digest: String,
    /// How the reply went out: `token`, `sentence` or `full`.
    pub mode: String,
    /// How it ended, in the protocol's words; `None` when the turn was cut off.
    pub outcome: Option<Outcome>,
    /// When it ended, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What the rules did, in order.
    pub acts: Vec<Act>,
    /// Whether the model said more than is kept, so that places may be missing.
    pub cut: bool,
}

/// One thing that a rule did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The rule's id.
    pub rule: String,
    /// `truncate`, `redact`, `drop`, `repair`, `fallback`, `reject` or `warn`.
    pub action: String,
    /// One sentence for people.
    pub message: String,
    /// The model's answer that it was done to, from 1.
    pub attempt: u32,
    /// The delta at which it was done, from 1; `None` at the end of the answer.
    pub delta: Option<usize>,
    /// What broke the rule in that answer.
    pub found: Vec<Found>,
}

/// Words that broke a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Where they stand in the answer, in bytes; what was released before the answer comes before 0.
    pub bytes: Range<usize>,
    /// The same in characters.
    pub chars: Range<usize>,
    /// The words, at most 120 characters of them; empty for what is missing.
    pub text: String,
    /// The words as terms are matched: see [`fold`].
    pub folded: String,
    /// The delta with which they became certain, from 1; `None` at the end of the answer.
    pub delta: Option<usize>,
    /// That delta, at most 120 characters of it.
    pub delta_text: String,
}

/// What the model said in one answer.
#[derive(Debug, Default)]
struct Answer {
    /// Bytes of the reply that were out before it.
    behind: usize,
    text: String,
    /// Where each delta ends.
    ends: Vec<usize>,
    /// Whether a delta is missing: what follows has no place any more.
    hole: bool,
}

/// The model's words, as they came.
#[derive(Debug)]
pub(super) struct Heard {
    answers: Vec<Answer>,
    bytes_left: usize,
    deltas_left: usize,
    cut: bool,
}

impl Heard {
    /// Nothing yet; the first answer continues behind so many bytes.
    pub(super) fn behind(out: usize) -> Self {
        Self {
            answers: vec![Answer { behind: out, ..Answer::default() }],
            bytes_left: MAX_HEARD_BYTES,
            deltas_left: MAX_DELTAS,
            cut: false,
        }
    }

    /// Another answer begins.
    pub(super) fn again(&mut self, out: usize) {
        self.answers.push(Answer { behind: out, ..Answer::default() });
    }

    /// Takes a delta; gives its attempt and number.
    pub(super) fn push(&mut self, delta: &str) {
        let Some(answer) = self.answers.last_mut() else { return };
        if answer.hole || delta.len() > self.bytes_left {
            // Answers behind this one have places of their own.
            answer.hole = true;
            self.cut = true;
            return;
        }
        answer.text.push_str(delta);
        self.bytes_left -= delta.len();
        match answer.ends.last_mut().filter(|_| self.deltas_left == 0) {
            Some(last) => *last = answer.text.len(),
            None => {
                answer.ends.push(answer.text.len());
                self.deltas_left = self.deltas_left.saturating_sub(1);
            }
        }
    }

    /// The attempt, from 1.
    pub(super) fn attempt(&self) -> u32 {
        u32::try_from(self.answers.len()).unwrap_or(u32::MAX)
    }

    /// The number of the delta that came last.
    pub(super) fn delta(&self) -> usize {
        self.answers.last().map_or(0, |answer| answer.ends.len())
    }

    /// Whether something was not kept.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Names the words that broke the rules, act by act. `out` is the reply, which only ever grew.
    pub(super) fn explain(&self, contract: &Arc<Contract>, out: &str, mut acts: Vec<Act>) -> Vec<Act> {
        for (answer, attempt) in self.answers.iter().zip(1..) {
            let mut of_attempt = acts.iter_mut().filter(|act| act.attempt == attempt).peekable();
            if of_attempt.peek().is_none() {
                continue;
            }
            let found = answer.violations(contract, out);
            for act in of_attempt {
                let same = found.iter().filter(|(rule, _)| *rule == act.rule);
                act.found = same.map(|(_, found)| found.clone()).collect();
            }
        }
        acts
    }
}

impl Answer {
    /// What the checker finds in it, behind what was out.
    fn violations(&self, contract: &Arc<Contract>, out: &str) -> Vec<(String, Found)> {
        let places = Places::of(&self.text);
        let mut monitor = contract.program.monitor();
        let before = out.get(..self.behind).unwrap_or(out);
        let _ = monitor.push(before);
        let mut all = Vec::new();
        let mut from = 0;
        for (&end, number) in self.ends.iter().zip(1..) {
            let delta = self.text.get(from..end).unwrap_or_default();
            from = end;
            places.note(&mut all, monitor.push(delta), before.len(), Some((number, delta)));
        }
        places.note(&mut all, monitor.finish(), before.len(), None);
        all
    }
}

/// A text in which places are counted in characters, and where each of its characters begins: it is walked
/// once, however much is found in it.
struct Places<'t> {
    text: &'t str,
    begins: Vec<usize>,
}

impl<'t> Places<'t> {
    fn of(text: &'t str) -> Self {
        Self { text, begins: text.char_indices().map(|(at, _)| at).collect() }
    }

    /// Characters in front of a byte.
    fn chars(&self, to: usize) -> usize {
        self.begins.partition_point(|begin| *begin < to)
    }

    /// Adds what a step found, of each rule no more than an act names.
    fn note(&self, all: &mut Vec<(String, Found)>, step: Step, before: usize, delta: Option<(usize, &str)>) {
        for Violation { id, span, .. } in step.violations {
            if all.iter().filter(|(rule, _)| *rule == *id).count() >= MAX_FOUND {
                continue;
            }
            let bytes = span.start.saturating_sub(before)..span.end.saturating_sub(before);
            let text = shown(self.text.get(bytes.clone()).unwrap_or_default());
            let found = Found {
                chars: self.chars(bytes.start)..self.chars(bytes.end),
                bytes,
                folded: fold::folded(&text),
                text,
                delta: delta.map(|(number, _)| number),
                delta_text: delta.map_or_else(String::new, |(_, text)| shown(text)),
            };
            all.push((id.to_string(), found));
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}
