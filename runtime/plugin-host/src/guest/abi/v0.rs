//! Version 0.9. What it does not have: severities, so that every violation is an error; a wish for
//! isolation, which is by call; and `same`.

use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::said::{Fault, Group, Said, Span, Violation};
use super::{Answer, Constraint, Delivery};
use crate::bindings::v0::constraint::ConstraintPolicy;
use crate::bindings::v0::constraint::exports::rolecall::policy::constraint as abi;
use crate::bindings::v0::constraint::rolecall::policy::{log, types};
use crate::bindings::v0::delivery::DeliveryPolicy;
use crate::guest::State;
use crate::guest::state::Level;
use crate::{Context, Isolation, OfflineMessage, Severity};

impl Constraint for ConstraintPolicy {
    fn describe(&self, store: &mut Store<State>) -> wasmtime::Result<Said> {
        self.rolecall_policy_constraint().call_describe(store).map(said)
    }

    fn create(&self, store: &mut Store<State>, params: &str) -> Answer<ResourceAny> {
        answer(self.rolecall_policy_constraint().policy().call_create(store, params)?, |policy| policy)
    }

    fn check(
        &self,
        store: &mut Store<State>,
        policy: ResourceAny,
        reply: &str,
        context: &Context,
    ) -> Answer<Vec<Violation>> {
        let api = self.rolecall_policy_constraint().policy();
        answer(api.call_check(store, policy, reply, &place(context))?, violations)
    }

    fn open_stream(
        &self,
        store: &mut Store<State>,
        policy: ResourceAny,
        context: &Context,
    ) -> wasmtime::Result<Option<ResourceAny>> {
        self.rolecall_policy_constraint().policy().call_open_stream(store, policy, &place(context))
    }

    fn push(&self, store: &mut Store<State>, stream: ResourceAny, delta: &str) -> Answer<Vec<Violation>> {
        answer(self.rolecall_policy_constraint().stream_check().call_push(store, stream, delta)?, violations)
    }

    fn finish(&self, store: &mut Store<State>, stream: ResourceAny) -> Answer<Vec<Violation>> {
        answer(self.rolecall_policy_constraint().stream_check().call_finish(store, stream)?, violations)
    }
}

impl Delivery for DeliveryPolicy {
    fn describe(&self, store: &mut Store<State>) -> wasmtime::Result<Said> {
        self.rolecall_policy_delivery().call_describe(store).map(said)
    }

    fn create(&self, store: &mut Store<State>, params: &str) -> Answer<ResourceAny> {
        answer(self.rolecall_policy_delivery().policy().call_create(store, params)?, |policy| policy)
    }

    fn merge(&self, store: &mut Store<State>, policy: ResourceAny, window: &[OfflineMessage]) -> Answer<Vec<Group>> {
        let window: Vec<_> = window.iter().map(message).collect();
        let group = |group: types::MergedGroup| Group { members: group.members, text: group.text };
        answer(self.rolecall_policy_delivery().policy().call_merge(store, policy, &window)?, |groups| {
            groups.into_iter().map(group).collect()
        })
    }
}

impl types::Host for State {}

impl log::Host for State {
    fn log(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.line(level, &message);
    }
}

fn answer<T, U>(given: Result<T, types::PolicyError>, lift: impl FnOnce(T) -> U) -> Answer<U> {
    Ok(given.map(lift).map_err(|error| match error {
        types::PolicyError::BadParams(bad) => Fault::BadParams { param: bad.param, message: bad.message },
        types::PolicyError::Internal(message) => Fault::Internal(message),
    }))
}

fn said(manifest: types::Manifest) -> Said {
    Said {
        name: manifest.name,
        version: manifest.version,
        doc: manifest.doc,
        params_schema: manifest.params_schema,
        streaming: manifest.streaming,
        isolation: Isolation::Call,
    }
}

fn violations(found: Vec<types::Violation>) -> Vec<Violation> {
    let violation = |found: types::Violation| Violation {
        rule: found.rule,
        message: found.message,
        severity: Severity::Error,
        spans: found.spans.iter().map(|span| Span { start: span.start, end: span.end }).collect(),
        suggestion: found.suggestion,
    };
    found.into_iter().map(violation).collect()
}

fn place(context: &Context) -> abi::Context {
    abi::Context { role: context.role.clone(), language: context.language.clone() }
}

fn message(message: &OfflineMessage) -> types::OfflineMessage {
    types::OfflineMessage {
        id: message.biz_id.clone(),
        role: message.role.clone(),
        intent: message.intent.clone(),
        priority: message.priority,
        turn_id: message.turn_id,
        text: message.text.clone(),
        created_at_ms: message.created_at_ms,
    }
}
