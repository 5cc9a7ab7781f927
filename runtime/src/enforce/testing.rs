//! What the tests of this crate share: contracts from text, prompts, and a double of the plugins.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use rolecall_dsl::Contract;
use rolecall_dsl::source::Source;
use rolecall_plugin_host::{CallError, Context, PolicyViolation, Severity as Weight, World};
use serde_json::{Map, Value};

use super::{Judge, Judges, Overrides, Permitted, Prompt, admit};

/// The article's own contract.
pub(crate) const ARTICLE: &str = r#"
role zhanguoce_scholar {
    version   1.0.0
    language  zh
    persona   "战国纵横家,善用典故与类比"
    stateful  true
    constraints {
        max_sentences    3
        forbidden_terms  "AI" | "算法" | "2024"
        response_style   反问句 >= 40%
    }
}
"#;

/// A role around the given constraints and whatever else the text holds.
pub(crate) fn role(language: &str, rules: &str, rest: &str) -> Arc<Contract> {
    compile(&format!(
        "role tested {{ version 1.0.0 language {language} persona \"p\" constraints {{ {rules} }} {rest} }}"
    ))
}

pub(crate) fn compile(text: &str) -> Arc<Contract> {
    let compiled = rolecall_dsl::compile(&Source::new("test.role", text));
    let findings: Vec<_> = compiled.findings.iter().map(|f| format!("{} {}", f.code, f.message)).collect();
    compiled.contracts.into_iter().next().unwrap_or_else(|| panic!("{findings:#?}\n{text}"))
}

/// A text as if it had been checked.
pub(crate) fn permitted(text: &str) -> Permitted<String> {
    Permitted::new(text.to_owned())
}

pub(crate) fn prompt(contract: &Arc<Contract>, user: &str, already: &str) -> Permitted<Prompt> {
    Prompt::first(Arc::clone(contract), Vec::new(), admit(user).unwrap(), already, &Overrides::default())
}

/// Policies that object to every text holding a word.
#[derive(Default)]
pub(crate) struct Doubles {
    /// Plugin → behaviour; others are missing.
    pub(crate) plugins: HashMap<&'static str, Double>,
    /// The behaviour of all others, should they not be missing.
    pub(crate) any: Option<Double>,
    /// Everything they were told: `open p`, `push p …`, `finish p`, `check p …`.
    pub(crate) log: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy)]
pub(crate) struct Double {
    pub(crate) streaming: bool,
    /// A piece with this word is a violation, its span the word's.
    pub(crate) bad: &'static str,
    /// A piece with this word is a warning.
    pub(crate) odd: &'static str,
    /// A reply without this word is a violation at its end.
    pub(crate) wanted: &'static str,
    /// A stream decides on a word only when something follows it, or nothing does.
    pub(crate) waits: bool,
    /// Every call fails.
    pub(crate) fails: Option<Failure>,
    /// Only the judgement at the end does.
    pub(crate) fails_late: bool,
}

/// How a plugin fails. The first three last, the others may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Missing,
    WrongWorld,
    BadParams,
    Busy,
    Resting,
    Deadline,
    Memory,
    Trap,
    TooLarge,
    Internal,
    Poisoned,
    Aborted,
}

impl Failure {
    pub(crate) const ALL: [Self; 12] = [
        Self::Missing,
        Self::WrongWorld,
        Self::BadParams,
        Self::Busy,
        Self::Resting,
        Self::Deadline,
        Self::Memory,
        Self::Trap,
        Self::TooLarge,
        Self::Internal,
        Self::Poisoned,
        Self::Aborted,
    ];

    fn error(self) -> CallError {
        let (plugin, export, frames) = ("tone".to_owned(), "check", Vec::new());
        match self {
            Self::Missing => CallError::Missing(plugin),
            Self::WrongWorld => CallError::WrongWorld { plugin, world: World::ConstraintPolicy },
            Self::BadParams => CallError::BadParams { plugin, param: String::new(), message: "no".into() },
            Self::Busy => CallError::Busy { plugin, waiting: 9, what: "calls" },
            Self::Resting => CallError::BreakerOpen { plugin, retry_in: std::time::Duration::ZERO },
            Self::Deadline => CallError::Deadline { plugin, export, limit_ms: 9, frames },
            Self::Memory => CallError::Memory { plugin, export, wanted: 9, limit: 8, frames },
            Self::Trap => CallError::Trap { plugin, export, message: "unreachable".into(), frames },
            Self::TooLarge => CallError::ResultTooLarge { plugin, export, limit: 9 },
            Self::Internal => CallError::Internal { plugin, export, message: "no".into() },
            Self::Poisoned => CallError::Poisoned { plugin },
            Self::Aborted => CallError::Aborted { plugin },
        }
    }
}

impl Double {
    pub(crate) const fn objecting(bad: &'static str, streaming: bool) -> Self {
        Self { streaming, bad, odd: "", wanted: "", waits: false, fails: None, fails_late: false }
    }

    fn judge(&self, text: &str, whole: bool) -> Result<Vec<PolicyViolation>, CallError> {
        if let Some(failure) = self.fails.filter(|_| whole || !self.fails_late) {
            return Err(failure.error());
        }
        let violation = |message, span: Option<_>| PolicyViolation {
            rule: "word".into(),
            message,
            severity: Weight::Error,
            spans: span.into_iter().collect(),
            suggestion: None,
        };
        let mut found = Vec::new();
        if !self.bad.is_empty() {
            found.extend(
                text.match_indices(self.bad)
                    .map(|(at, word)| violation(format!("{word:?} is bad"), Some(at..at + word.len()))),
            );
        }
        if !self.odd.is_empty() {
            let odd = text.match_indices(self.odd).map(|(at, word)| PolicyViolation {
                severity: Weight::Warning,
                ..violation(format!("{word:?} is odd"), Some(at..at + word.len()))
            });
            found.extend(odd);
        }
        if whole && !text.contains(self.wanted) {
            found.push(violation(format!("{:?} is wanted", self.wanted), None));
        }
        Ok(found)
    }
}

impl Doubles {
    fn find(&self, plugin: &str) -> Result<Double, CallError> {
        self.plugins.get(plugin).copied().or(self.any).ok_or_else(|| CallError::Missing(plugin.into()))
    }
}

struct Open {
    name: String,
    double: Double,
    text: String,
    log: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Judge for Open {
    async fn push(&mut self, piece: &str) -> Result<Vec<PolicyViolation>, CallError> {
        self.log.lock().push(format!("push {} {piece}", self.name));
        let decided = self.text.trim_end_matches(|c: char| self.double.waits && c.is_alphanumeric()).len();
        self.text.push_str(piece);
        if !self.double.waits {
            return self.double.judge(piece, false);
        }
        let now = self.text.trim_end_matches(char::is_alphanumeric).len();
        self.double.judge(self.text.get(decided..now).unwrap_or_default(), false)
    }

    async fn finish(self: Box<Self>) -> Result<Vec<PolicyViolation>, CallError> {
        self.log.lock().push(format!("finish {} {}", self.name, self.text));
        self.double.judge(&self.text, true)
    }
}

#[async_trait]
impl Judges for Doubles {
    fn pinned(self: Arc<Self>, _session: Option<&str>) -> Arc<dyn Judges> {
        self
    }

    fn streaming(&self, plugin: &str) -> Option<bool> {
        self.find(plugin).ok().map(|d| d.streaming)
    }

    async fn check(
        &self,
        plugin: &str,
        _: &Map<String, Value>,
        _: &Context,
        reply: &str,
    ) -> Result<Vec<PolicyViolation>, CallError> {
        self.log.lock().push(format!("check {plugin} {reply}"));
        self.find(plugin)?.judge(reply, true)
    }

    async fn open(
        &self,
        plugin: &str,
        _: &Map<String, Value>,
        _: &Context,
    ) -> Result<Option<Box<dyn Judge>>, CallError> {
        let double = self.find(plugin)?;
        if !double.streaming {
            return Ok(None);
        }
        self.log.lock().push(format!("open {plugin}"));
        let log = Arc::clone(&self.log);
        Ok(Some(Box::new(Open { name: plugin.into(), double, text: String::new(), log })))
    }
}
