//! A reply under its contract: what may go out, when, and what happens when it may not.
//!
//! The reply's mode is derived, never set. *Token*: every safe character goes out at once
//! ([`token`]). *Sentence*: a sentence goes out when the reply with it is complete, or can still be
//! brought to a good end by the contract's own words ([`sentence`]). *Full*: the whole reply is
//! known before any of it goes out ([`whole`]). What follows the model's end is the same for all
//! ([`ladder`]). Nothing released is ever taken back.

mod calls;
mod ending;
mod gate;
mod held;
mod join;
mod ladder;
mod opening;
mod preface;
mod sentence;
mod splitter;
#[cfg(test)]
mod tests;
mod token;
mod traced;
mod whole;

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::constraint::Fact;
use rolecall_dsl::contract::{OnViolation, Rule};
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::DeliveryMode;
use rolecall_wire::frame::{Hit, Outcome};

pub use self::calls::Called;
use self::gate::Gate;
use self::held::Held;
use self::opening::Opening;
use self::preface::{Begun, Preface};
use self::splitter::Splitter;
use super::Permitted;
use super::mode::delivery_mode;
use super::policy::{Judgement, Judges, Policies};
use super::probe::{Fault, Piece, Probe, Redaction};
use super::prompt::Additions;
use super::record::{Broken, Cause, Grievances, Record};
use super::trace::Heard;
use crate::clock;
use crate::telemetry::Metrics;

/// The contract's own words that are tried at a reply's end; further ones are not.
const MAX_CLOSERS: usize = 8;

/// What the contract's own first words are put down to.
const PREFACED: &str = "the reply did not begin as it must, and the contract's own words were put in front of it";

/// What one delta of the model brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The next piece of the reply; never empty.
    pub release: Option<Permitted<String>>,
    /// Whether the model can stop: nothing more of this attempt will go out.
    pub stop: bool,
}

/// What the end of an attempt brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The reply is over.
    Done {
        /// Its last piece.
        release: Option<Permitted<String>>,
        /// How it ended: `Complete`, `Repaired`, `Fallback` or `Refused`.
        outcome: Outcome,
        /// The rules that acted.
        hits: Vec<Hit>,
    },
    /// The model is to be asked again.
    Retry {
        /// The next piece of the reply.
        release: Option<Permitted<String>>,
        /// What to tell the model.
        additions: Additions,
    },
}

/// Lets a model's answer out under a contract, over as many attempts as the contract allows.
#[derive(Debug)]
pub struct ReplyStream {
    contract: Arc<Contract>,
    mode: DeliveryMode,
    /// Everything that is out, what was there before included.
    out: String,
    /// Behind `out`; in mode *Token* only between attempts.
    base: Probe,
    policies: Policies,
    record: Record,
    /// What the model said, for the trace.
    heard: Heard,
    repairs: u8,
    /// The model is to add nothing to what is out.
    spent: bool,
    attempt: Attempt,
}

/// One answer of the model.
#[derive(Debug)]
struct Attempt {
    opening: Opening,
    /// Watches the first words of a reply of which nothing is out.
    preface: Option<Preface>,
    /// Behind `out` and everything of the answer that is not decided yet.
    probe: Probe,
    splitter: Splitter,
    /// Where matches are in what the model said.
    gate: Gate,
    /// Mode *Sentence*: bytes of the answer that were split into sentences and decided.
    decided: usize,
    /// Mode *Sentence*: what waits for a good end.
    held: Held,
    /// Mode *Full*: the sentences known so far.
    sentences: Vec<String>,
    /// Mode *Full*: whether the answer as it is cannot pass.
    trouble: bool,
    /// Mode *Full*: sentences that may still be tried while the answer comes.
    trials: usize,
    stop: Option<Stop>,
    broken: Grievances,
    /// Mode *Sentence*: bytes of `out` that every policy has passed as a whole reply.
    agreed: usize,
    /// Whether the model has said nothing but white space.
    blank: bool,
    /// Characters taken in and let out, for the metric of what is held.
    taken: usize,
    given: usize,
}

/// Why nothing more of an attempt goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Cut where it complies.
    Cut,
    /// Nothing that could follow complies.
    Dead,
    /// A rule wants a refusal.
    Reject,
    /// A rule wants the fallback.
    Fallback,
}

impl ReplyStream {
    /// A reply that continues behind `already`, which counts for every rule.
    #[must_use]
    pub fn new(contract: &Arc<Contract>, judges: Arc<dyn Judges>, metrics: Metrics, already: &str) -> Self {
        let policies = Policies::of(contract, judges);
        let base = Probe::behind(contract, already);
        Self {
            mode: delivery_mode(contract, policies.judges()),
            out: already.to_owned(),
            attempt: Attempt::behind(contract, already, &base),
            base,
            policies,
            record: Record::new(&contract.name, metrics),
            heard: Heard::behind(already.len()),
            repairs: 0,
            spent: false,
            contract: Arc::clone(contract),
        }
    }

    /// How this reply goes out.
    #[must_use]
    pub fn mode(&self) -> DeliveryMode {
        self.mode
    }

    /// Everything that is out.
    #[must_use]
    pub fn text(&self) -> Permitted<String> {
        Permitted::new(self.out.clone())
    }

    /// The rules that acted so far.
    #[must_use]
    pub fn hits(&self) -> Vec<Hit> {
        self.record.hits().to_vec()
    }

    /// Takes the model's next words. Cancel-unsafe: a dropped call may lose a piece.
    pub async fn push(&mut self, delta: &str) -> Push {
        if self.attempt.stop.is_some() {
            return Push { release: None, stop: true };
        }
        let began = clock::now();
        self.attempt.blank &= delta.trim().is_empty();
        self.attempt.taken += delta.chars().count();
        let delta = self.attempt.opening.take(&self.out, delta);
        self.heard.push(&delta);
        self.record.at(self.heard.attempt(), Some(self.heard.delta()));
        let delta = self.begin(delta, false);
        let release = self.pass(&delta).await;
        self.attempt.given += release.chars().count();
        self.record.check(began.elapsed().as_secs_f64(), self.attempt.taken.saturating_sub(self.attempt.given));
        Push { release: permitted(release), stop: self.attempt.stop.is_some() }
    }

    /// Ends the model's answer: it is over, or was stopped. Cancel-unsafe.
    pub async fn end_attempt(&mut self) -> End {
        let mut release = self.pass_opening().await;
        release.push_str(&self.pass_end().await);
        self.conclude(release).await
    }

    /// What was kept back of the answer's beginning, now that the answer is over.
    async fn pass_opening(&mut self) -> String {
        // What follows from a stop happened when it came.
        if self.attempt.stop.is_some() {
            return String::new();
        }
        self.record.at(self.heard.attempt(), None);
        let rest = self.attempt.opening.flush(&self.out);
        self.heard.push(&rest);
        let rest = self.begin(rest, true);
        self.pass(&rest).await
    }

    /// The contract that the reply keeps.
    #[must_use]
    pub fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    /// The model's words, once it is known how they begin, with the contract's own in front of them where
    /// that makes good what they lack.
    fn begin(&mut self, text: String, over: bool) -> String {
        let Some(preface) = &mut self.attempt.preface else { return text };
        let begun = preface.take(&text, over);
        if !matches!(begun, Begun::Open) {
            self.attempt.preface = None;
        }
        match begun {
            Begun::Kept(text) => text,
            Begun::Open => String::new(),
            Begun::Lost { rule, seen, rest } => {
                let rule = self.contract.rules.get(rule).cloned();
                let mut words = rule.iter().flat_map(|rule| rule.constraint.openings());
                let good = |text: &String| self.base.clone().push(text).clean();
                match words.find_map(|words| Some(preface::behind(&words, &seen)).filter(good)) {
                    Some(text) => {
                        rule.iter().for_each(|rule| self.record.edit(&rule.id, "repair", PREFACED));
                        text + &rest
                    }
                    None => seen + &rest,
                }
            }
        }
    }

    async fn pass(&mut self, delta: &str) -> String {
        if delta.is_empty() {
            return String::new();
        }
        match self.mode {
            DeliveryMode::Token => self.push_token(delta),
            DeliveryMode::Sentence => self.push_sentences(delta).await,
            DeliveryMode::Full => self.push_whole(delta),
        }
    }

    async fn pass_end(&mut self) -> String {
        match (self.mode, self.attempt.stop) {
            (DeliveryMode::Token, None) => self.end_token(),
            (DeliveryMode::Sentence, None) => self.end_sentences().await,
            (DeliveryMode::Full, None | Some(Stop::Cut)) => self.end_whole().await,
            (DeliveryMode::Token, Some(_)) => {
                self.base = Probe::behind(&self.contract, &self.out);
                String::new()
            }
            _ => String::new(),
        }
    }

    /// Lets text out. It was judged with `base` (or, in mode *Token*, by the attempt's probe).
    fn let_out(&mut self, text: &str) {
        if self.mode != DeliveryMode::Token {
            self.base.advance(text);
        }
        self.out.push_str(text);
    }

    fn note_allowed(&mut self, judgement: &Judgement) {
        for (rule, message) in &judgement.allowed {
            self.record.note(rule, "warn", message);
        }
    }

    fn note_redactions(&mut self, redacted: &[Redaction]) {
        for r in redacted {
            self.record.edit(&r.rule, "redact", &r.message);
        }
    }

    /// Whether a rule's violation is mended by a cut: the contract says so, or the rule is a bound
    /// on length, which a cut keeps without asking the model again.
    fn cuts(&self, fault: &Fault) -> bool {
        match fault.broken.action {
            OnViolation::Truncate => true,
            OnViolation::Repair(_) => {
                self.contract.rules.get(fault.rule).is_some_and(|r| r.constraint.is_kept_by_a_cut())
            }
            OnViolation::Redact(_) | OnViolation::Reject | OnViolation::Fallback => false,
        }
    }

    /// What is wrong with an answer that a piece was added to: what it says, or else, where some rule wants
    /// an end at once, what it can no longer do.
    fn faults(&self, piece: &Piece) -> Vec<Fault> {
        let ends = |rule: &Rule| matches!(rule.on_violation, OnViolation::Reject | OnViolation::Fallback);
        if piece.dead && piece.blocking.is_empty() && self.contract.rules.iter().any(ends) {
            return self.attempt.probe.doomed();
        }
        piece.blocking.clone()
    }

    /// The rules among `faults` that a cut mends, and where the first of those cuts is.
    fn cut_of(&self, faults: &[Fault]) -> (Vec<Broken>, Option<usize>) {
        let cutting: Vec<&Fault> = faults.iter().filter(|f| f.cut.is_some() && self.cuts(f)).collect();
        (cutting.iter().map(|f| f.broken.clone()).collect(), cutting.iter().filter_map(|f| f.cut).min())
    }

    /// The contract's own words that may bring a reply to a good end without the model: each, then all.
    fn closers(&self) -> Vec<String> {
        let mut rules: Vec<&Rule> = self.contract.rules.iter().filter(|r| r.severity == Severity::Error).collect();
        // What must stand at the very end comes last.
        rules.sort_by_key(|r| matches!(r.constraint.fact(), Fact::Recognized(_)));
        let words = rules.iter().flat_map(|r| r.constraint.closings());
        let mut words: Vec<String> = words.take(MAX_CLOSERS).collect();
        let all = words.iter().fold(String::new(), |all, next| format!("{all}{}", join::behind(&all, next)));
        if words.len() > 1 {
            words.push(all);
        }
        words
    }
}

impl Attempt {
    fn behind(contract: &Arc<Contract>, out: &str, base: &Probe) -> Self {
        Self {
            opening: Opening::default(),
            preface: out.is_empty().then(|| Preface::of(contract)).flatten(),
            probe: base.clone(),
            splitter: Splitter::behind(out),
            gate: Gate::behind(contract, out),
            decided: 0,
            held: Held::nothing(base, out.len()),
            sentences: Vec::new(),
            trouble: false,
            trials: whole::MAX_TRIALS,
            stop: None,
            broken: Grievances::default(),
            agreed: 0,
            blank: true,
            taken: 0,
            given: 0,
        }
    }

    /// Stops when a rule in the way wants more than a repair.
    fn stop_if_wanted(&mut self, broken: &[Broken]) -> bool {
        let stop = if broken.iter().any(|b| b.action == OnViolation::Reject) {
            Stop::Reject
        } else if broken.iter().any(|b| b.action == OnViolation::Fallback) {
            Stop::Fallback
        } else if broken.iter().any(|b| b.cause == Cause::Missing) {
            Stop::Dead
        } else {
            return false;
        };
        self.stop = Some(stop);
        true
    }
}

fn permitted(text: String) -> Option<Permitted<String>> {
    (!text.is_empty()).then(|| Permitted::new(text))
}

fn broken(faults: &[Fault]) -> Vec<Broken> {
    faults.iter().map(|f| f.broken.clone()).collect()
}

/// The faults that a cut there would leave in.
fn in_front(faults: &[Fault], cut: Option<usize>) -> Vec<Broken> {
    faults.iter().filter(|f| cut.is_none_or(|cut| f.at < cut)).map(|f| f.broken.clone()).collect()
}
