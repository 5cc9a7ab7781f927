//! Plugin policies, as seen by a reply.

use std::sync::Arc;

use async_trait::async_trait;
use rolecall_dsl::contract::{Contract, Language, OnFailure, OnViolation, PolicyRef, Rule};
use rolecall_dsl::diagnostic::Severity;
use rolecall_plugin_host::{CallError, Context, PluginHost, PolicyStream, PolicyViolation, Severity as Weight};
use serde_json::{Map, Value};

use super::record::{Broken, Cause, Record};

/// One reply's judgement by one policy, growing.
#[async_trait]
pub trait Judge: Send + Sync {
    /// Judges the next piece.
    async fn push(&mut self, piece: &str) -> Result<Vec<PolicyViolation>, CallError>;
    /// Judges the end.
    async fn finish(self: Box<Self>) -> Result<Vec<PolicyViolation>, CallError>;
}

/// Where judgements come from: the plugin host, or a double in tests.
#[async_trait]
pub trait Judges: Send + Sync {
    /// The policies as they are now, whatever takes their place later: those of one reply, in a session if
    /// it belongs to one.
    fn pinned(self: Arc<Self>, session: Option<&str>) -> Arc<dyn Judges>;
    /// Whether a policy judges piece by piece; `None` when it is not there.
    fn streaming(&self, plugin: &str) -> Option<bool>;
    /// Judges a whole reply.
    async fn check(
        &self,
        plugin: &str,
        params: &Map<String, Value>,
        context: &Context,
        reply: &str,
    ) -> Result<Vec<PolicyViolation>, CallError>;
    /// Opens a judgement that grows; `None` when the policy judges only whole replies.
    async fn open(
        &self,
        plugin: &str,
        params: &Map<String, Value>,
        context: &Context,
    ) -> Result<Option<Box<dyn Judge>>, CallError>;
}

#[async_trait]
impl Judge for PolicyStream {
    async fn push(&mut self, piece: &str) -> Result<Vec<PolicyViolation>, CallError> {
        Self::push(self, piece).await
    }

    async fn finish(self: Box<Self>) -> Result<Vec<PolicyViolation>, CallError> {
        Self::finish(*self).await
    }
}

#[async_trait]
impl Judges for PluginHost {
    fn pinned(self: Arc<Self>, session: Option<&str>) -> Arc<dyn Judges> {
        let pinned = Self::pinned(&self);
        Arc::new(match session {
            Some(session) => pinned.in_session(session),
            None => pinned,
        })
    }

    fn streaming(&self, plugin: &str) -> Option<bool> {
        self.manifest(plugin).map(|m| m.streaming)
    }

    async fn check(
        &self,
        plugin: &str,
        params: &Map<String, Value>,
        context: &Context,
        reply: &str,
    ) -> Result<Vec<PolicyViolation>, CallError> {
        Self::check(self, plugin, params, context, reply).await
    }

    async fn open(
        &self,
        plugin: &str,
        params: &Map<String, Value>,
        context: &Context,
    ) -> Result<Option<Box<dyn Judge>>, CallError> {
        Ok(Self::open(self, plugin, params, context).await?.map(|stream| Box::new(stream) as Box<dyn Judge>))
    }
}

/// The policies of one contract around one reply.
pub(super) struct Policies {
    judges: Arc<dyn Judges>,
    context: Context,
    blocking: Vec<Policy>,
    warning: Vec<Policy>,
}

struct Policy {
    id: String,
    policy: PolicyRef,
    on_violation: OnViolation,
    /// Open and fed with exactly the reply so far; `None` when it must be opened (again).
    stream: Option<Box<dyn Judge>>,
    /// It has warned about some text of the reply, of which nobody knows whether it goes out.
    has_warned: bool,
}

/// What policies said of a text.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// Rules in the way.
    pub(super) broken: Vec<Broken>,
    /// Failures that the contract lets pass: rule and message.
    pub(super) allowed: Vec<(String, String)>,
    /// What blocking policies only warned about, of the text judged: rule and message. Of a reply,
    /// [`Policies::warn`] tells this at the end, about what went out.
    pub(super) warned: Vec<(String, String)>,
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.blocking.iter().chain(&self.warning).map(|p| &p.id)).finish()
    }
}

impl Policies {
    pub(super) fn of(contract: &Contract, judges: Arc<dyn Judges>) -> Self {
        let language = match contract.languages.first() {
            Some(Language::Zh) => "zh",
            Some(Language::En) | None => "en",
        };
        let context = Context { role: contract.name.clone(), language: language.to_owned() };
        let (blocking, warning): (Vec<_>, Vec<_>) = contract
            .rules
            .iter()
            .filter(|r| r.constraint.policy().is_some())
            .partition(|r| r.severity == Severity::Error);
        let all = |rules: Vec<&Rule>| rules.into_iter().filter_map(Policy::of).collect();
        Self { judges, context, blocking: all(blocking), warning: all(warning) }
    }

    pub(super) fn judges(&self) -> &dyn Judges {
        self.judges.as_ref()
    }

    /// Whether there is a policy that can keep a text from going out.
    pub(super) fn may_block(&self) -> bool {
        !self.blocking.is_empty()
    }

    /// Judges the piece that follows `out`.
    pub(super) async fn push(&mut self, out: &str, piece: &str) -> Judgement {
        let mut judgement = Judgement::default();
        for i in 0..self.blocking.len() {
            let result = self.push_one(i, out, piece).await;
            let Some(policy) = self.blocking.get_mut(i) else { continue };
            if !matches!(&result, Ok(found) if found.iter().all(|v| v.severity == Weight::Warning)) {
                policy.stream = None;
            }
            policy.judged(result, &mut judgement);
        }
        if !judgement.broken.is_empty() {
            // The piece will not go out as it is, so no stream may keep it.
            self.reopen();
        }
        judgement
    }

    /// Judges the end behind `out`.
    pub(super) async fn finish(&mut self, out: &str) -> Judgement {
        let mut judgement = Judgement::default();
        for i in 0..self.blocking.len() {
            let result = self.finish_one(i, out).await;
            if let Some(policy) = self.blocking.get_mut(i) {
                policy.judged(result, &mut judgement);
            }
        }
        judgement
    }

    /// Judges a whole text.
    pub(super) async fn check(&mut self, text: &str) -> Judgement {
        let mut judgement = Judgement::default();
        for policy in &mut self.blocking {
            let p = &policy.policy;
            let result = self.judges.check(&p.plugin, &p.params, &self.context, text).await;
            policy.judged(result, &mut judgement);
        }
        judgement
    }

    /// Lets the policies that only warn judge the whole text, and those again that have warned about
    /// some of it: what they warned about may have been dropped since.
    pub(super) async fn warn(&self, text: &str, record: &mut Record) {
        for policy in self.warning.iter().chain(self.blocking.iter().filter(|policy| policy.has_warned)) {
            let p = &policy.policy;
            match self.judges.check(&p.plugin, &p.params, &self.context, text).await {
                Ok(found) => found.iter().for_each(|v| record.note(&policy.id, "warn", &v.message)),
                Err(error) => record.note(&policy.id, "warn", &error.to_string()),
            }
        }
    }

    /// Forgets what the streams were fed with.
    pub(super) fn reopen(&mut self) {
        for policy in &mut self.blocking {
            policy.stream = None;
        }
    }

    async fn push_one(&mut self, i: usize, out: &str, piece: &str) -> Result<Vec<PolicyViolation>, CallError> {
        self.open(i, out).await?;
        let Some(policy) = self.blocking.get_mut(i) else { return Ok(Vec::new()) };
        match policy.stream.as_mut() {
            Some(stream) => stream.push(piece).await,
            None => {
                let p = &policy.policy;
                self.judges.check(&p.plugin, &p.params, &self.context, &format!("{out}{piece}")).await
            }
        }
    }

    async fn finish_one(&mut self, i: usize, out: &str) -> Result<Vec<PolicyViolation>, CallError> {
        self.open(i, out).await?;
        let Some(policy) = self.blocking.get_mut(i) else { return Ok(Vec::new()) };
        match policy.stream.take() {
            Some(stream) => stream.finish().await,
            None => {
                let p = &policy.policy;
                self.judges.check(&p.plugin, &p.params, &self.context, out).await
            }
        }
    }

    /// Opens a stream and feeds it with what is out. What it says of that comes too late to act on
    /// and was judged when it went out.
    async fn open(&mut self, i: usize, out: &str) -> Result<(), CallError> {
        let Some(policy) = self.blocking.get_mut(i) else { return Ok(()) };
        if policy.stream.is_some() {
            return Ok(());
        }
        let p = &policy.policy;
        let mut stream = self.judges.open(&p.plugin, &p.params, &self.context).await?;
        if let Some(stream) = stream.as_mut()
            && !out.is_empty()
        {
            stream.push(out).await?;
        }
        policy.stream = stream;
        Ok(())
    }
}

impl Policy {
    fn of(rule: &Rule) -> Option<Self> {
        let policy = rule.constraint.policy()?.clone();
        let (id, on_violation) = (rule.id.to_string(), rule.on_violation.clone());
        Some(Self { id, policy, on_violation, stream: None, has_warned: false })
    }

    fn judged(&mut self, result: Result<Vec<PolicyViolation>, CallError>, judgement: &mut Judgement) {
        match result {
            Ok(found) => found.into_iter().for_each(|v| self.violated(v, judgement)),
            Err(error) => self.failed(&error, judgement),
        }
    }

    fn violated(&mut self, violation: PolicyViolation, judgement: &mut Judgement) {
        if violation.severity == Weight::Warning {
            self.has_warned = true;
            return judgement.warned.push((self.id.clone(), violation.message));
        }
        judgement.broken.push(Broken {
            id: self.id.clone(),
            message: violation.message,
            action: self.on_violation.clone(),
            cause: if violation.spans.is_empty() { Cause::Whole } else { Cause::Text },
        });
    }

    fn failed(&self, error: &CallError, judgement: &mut Judgement) {
        tracing::warn!(rule = %self.id, plugin = %self.policy.plugin, %error, "a policy gave no judgement");
        let message = format!("policy {} gave no judgement: {error}", self.policy.plugin);
        // These do not depend on the text: the next attempt would meet them again.
        let lasting =
            matches!(error, CallError::Missing(_) | CallError::WrongWorld { .. } | CallError::BadParams { .. });
        let (action, cause) = match self.policy.on_failure {
            OnFailure::Allow => return judgement.allowed.push((self.id.clone(), message)),
            OnFailure::Fallback => (OnViolation::Fallback, Cause::Excused),
            OnFailure::Reject => (self.on_violation.clone(), if lasting { Cause::Missing } else { Cause::Text }),
        };
        judgement.broken.push(Broken { id: self.id.clone(), message, action, cause });
    }
}
