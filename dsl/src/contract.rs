//! The checked contract: what the rest of rolecall works with. It does not know how it was written.

mod guard;
mod intent;
mod scenario;
mod sections;

pub use guard::{Guard, Moment, Turn};
pub use intent::{Intent, MAX_WORDS_READ, THRESHOLD_PERCENT, recognise};
pub(crate) use intent::{is_readable, same_sample};
pub(crate) use scenario::Turns;
pub use scenario::{MAX_SCENARIOS, Scenario, scenarios};
pub use sections::{
    Base, BeatMode, DEFAULT_EXPIRE, Dedup, DedupBy, Delivery, GroupBy, Heartbeat, Measure, Merge, ModelOptions,
    Priority, State,
};

use std::sync::{Arc, OnceLock};

use crate::constraint::Constraint;
use crate::diagnostic::Severity;
use crate::monitor::Program;
use crate::source::Source;
use crate::span::{Span, Spanned};

/// A role's contract, free of errors.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The role's name, unique in a runtime.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// The languages it speaks, the first being the one prompts are written in.
    pub languages: Vec<Language>,
    /// Who it is.
    pub persona: String,
    /// The `///` text.
    pub doc: String,
    /// Whether dialogue state is kept between turns.
    pub stateful: bool,
    /// How the model is called.
    pub model: ModelOptions,
    /// The role it extends.
    pub parent: Option<Arc<Contract>>,
    /// Its rules: the unguarded ones in the order written, then the guarded ones; of each the
    /// parent's first. Rule ids are unique.
    pub rules: Vec<Rule>,
    /// Which rules are in force together; [`Contract::for_turn`] picks.
    pub scenarios: Vec<Scenario>,
    /// What users may want.
    pub intents: Vec<Intent>,
    /// Examples of its tone; each keeps the contract.
    pub style: Vec<Spanned<String>>,
    /// What to say when no reply complies.
    pub fallback: Option<Spanned<String>>,
    /// How messages reach people who are away.
    pub delivery: Delivery,
    /// What is kept between turns.
    pub state: State,
    /// How connections of its sessions beat.
    pub heartbeat: Heartbeat,
    /// The author's own examples.
    pub cases: Vec<Case>,
    /// BLAKE3 of the role's source text, and of what it takes from elsewhere, in hex: names this exact
    /// contract in headers and logs.
    pub digest: String,
    /// The file it came from.
    pub source: Source,
    /// Where in it.
    pub span: Span,
    /// Its unguarded rules, compiled: indices in violations are those of `rules`. What binds a turn is
    /// the program of [`Contract::for_turn`].
    pub program: Arc<Program>,
    /// See [`Contract::for_notices`]; built when it is first asked for.
    pub(crate) notices: OnceLock<Arc<Contract>>,
    /// See [`Contract::for_turn`].
    pub(crate) turns: Turns,
}

impl Contract {
    /// The contract as it binds texts that are no replies: messages posted for somebody who is away, calls
    /// of tools, and what is said with them. What is said must keep to it (forbidden terms and patterns, policies); how a reply is
    /// shaped (its length, its closing words, its share of questions) is only noted, because a notice
    /// such as "Order 17 is packed." has a shape of its own and must not be lost for it.
    #[must_use]
    pub fn for_notices(&self) -> &Arc<Self> {
        self.notices.get_or_init(|| {
            // A notice answers no turn, so no guard holds.
            let mut rules: Vec<Rule> = self.rules.iter().filter(|rule| rule.guard.is_none()).cloned().collect();
            for rule in rules.iter_mut().filter(|rule| !rule.constraint.binds_notices()) {
                rule.severity = Severity::Note;
            }
            Arc::new(self.with_rules(rules))
        })
    }

    /// The same contract with other rules, which are in force by the same guards. Nothing is proved of
    /// them.
    #[must_use]
    pub fn with_rules(&self, mut rules: Vec<Rule>) -> Self {
        rules.sort_by_key(|rule| rule.guard.is_some());
        let unguarded: Vec<Rule> = rules.iter().filter(|rule| rule.guard.is_none()).cloned().collect();
        Self {
            scenarios: scenarios(&rules, &self.intents, &self.languages),
            program: Arc::new(Program::new(&unguarded)),
            rules,
            notices: OnceLock::new(),
            ..self.clone()
        }
    }
}

/// A language that a contract declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Language {
    /// `zh` or `en`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }
}

/// One rule of a contract.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The label, or the kind's keyword (with `_2`, `_3`, … from its second use on).
    pub id: Arc<str>,
    /// What must hold.
    pub constraint: Arc<dyn Constraint>,
    /// What happens when it does not.
    pub on_violation: OnViolation,
    /// Warnings and notes are reported and never block.
    pub severity: Severity,
    /// When it is in force; always without one.
    pub guard: Option<Guard>,
    /// The file it is written in.
    pub source: Source,
    /// Where in it.
    pub span: Span,
}

/// What happens when a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnViolation {
    /// Cut the reply where the rule still holds.
    Truncate,
    /// Put this text in place of the match.
    Redact(String),
    /// Ask the model again, at most this often (1–5), then the fallback, then a typed refusal.
    Repair(u8),
    /// A typed refusal.
    Reject,
    /// The contract's fallback at once.
    Fallback,
}

impl Default for OnViolation {
    /// Two repairs, then the fallback, then a typed refusal.
    fn default() -> Self {
        Self::Repair(2)
    }
}

/// A plugin that a contract names, with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyRef {
    /// The plugin: `plugins/<name>.wasm`.
    pub plugin: String,
    /// Where the name is written.
    pub span: Span,
    /// Its parameters, as the JSON object that the plugin's schema describes.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Where each top-level parameter is written, by name.
    pub param_spans: Vec<(String, Span)>,
    /// What a failing plugin means.
    pub on_failure: OnFailure,
}

/// What a contract wants when a plugin fails (trap, time-out, missing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// Treat it as a violation: fail closed.
    #[default]
    Reject,
    /// Go on without this plugin's judgement.
    Allow,
    /// Answer with the contract's fallback.
    Fallback,
}

/// One `case` of a contract.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its title.
    pub title: Spanned<String>,
    /// What the user says.
    pub user: Option<Spanned<String>>,
    /// The reply to judge.
    pub reply: Option<Spanned<String>>,
    /// What the checker must say.
    pub expect: Expect,
    /// The whole case.
    pub span: Span,
}

/// What a case expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// The reply complies.
    Pass,
    /// These rules, and perhaps others, are broken.
    Violates(Vec<Spanned<String>>),
}
