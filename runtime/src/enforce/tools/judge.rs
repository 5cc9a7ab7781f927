//! Whether calls may go out.

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::contract::OnViolation;
use serde_json::Value;

use super::strings::strings;
use super::{Calls, ToolCall, Tools};
use crate::enforce::Permitted;
use crate::enforce::policy::Policies;
use crate::enforce::probe::Probe;
use crate::enforce::record::{Broken, Cause};
use crate::ids;

/// The id under which calls are reported that are none of the tools offered.
const TOOLS: &str = "tools";

/// The id under which arguments are reported that the tool does not take.
const ARGUMENTS: &str = "tool_arguments";

/// What became of the calls of an answer.
#[derive(Debug, Default)]
pub(in crate::enforce) struct Judged {
    /// Those that may go out, all of them or none.
    pub(in crate::enforce) calls: Vec<Permitted<ToolCall>>,
    /// What stands in the way.
    pub(in crate::enforce) broken: Vec<Broken>,
    /// Failures of policies that the contract lets pass: rule and message.
    pub(in crate::enforce) allowed: Vec<(String, String)>,
    /// Calls that were left out, as a rule and a message.
    pub(in crate::enforce) dropped: Option<(&'static str, &'static str)>,
}

/// Judges the calls of an answer. `limited` says that the model was stopped by its token limit, which may
/// have cut the last of them.
pub(in crate::enforce) async fn judge(
    mut calls: Calls,
    limited: bool,
    contract: &Arc<Contract>,
    policies: &Policies,
) -> Judged {
    let mut judged = Judged::default();
    let cut = limited && calls.drop_cut();
    if let Some(wrong) = calls.wrong.take() {
        judged.object(TOOLS, wrong);
        return judged;
    }
    if calls.surplus {
        judged.dropped = Some((TOOLS, "only one tool may be called at once"));
    }
    let tools = calls.tools.clone();
    let calls = calls.into_calls();
    if calls.is_empty() && tools.required() && !cut {
        judged.object(TOOLS, tools.call_wanted());
    }
    let mut good = Vec::with_capacity(calls.len());
    for mut call in calls {
        if call.arguments.trim().is_empty() {
            // What models write who have nothing to say.
            "{}".clone_into(&mut call.arguments);
        }
        judged.fits(&call, &tools);
        judged.complies(&call, contract, policies).await;
        match ids::random_digits() {
            Ok(digits) => call.id = format!("call_{digits}"),
            Err(error) => judged.object(TOOLS, format!("the call cannot be given an id: {error}")),
        }
        good.push(Permitted::new(call));
    }
    if judged.broken.is_empty() {
        judged.calls = good;
    }
    judged
}

impl Judged {
    /// Whether the tool takes these arguments.
    fn fits(&mut self, call: &ToolCall, tools: &Tools) {
        let Some(tool) = tools.callable(&call.name) else {
            return self.object(TOOLS, tools.not_callable(&call.name));
        };
        let wrong = |what: String| format!("the arguments of `{}` do not fit: {what}", call.name);
        match serde_json::from_str::<Value>(&call.arguments) {
            Err(error) => self.object(ARGUMENTS, wrong(format!("they are not JSON: {error}"))),
            Ok(value) if !value.is_object() => self.object(ARGUMENTS, wrong("they are not a JSON object".to_owned())),
            Ok(value) => {
                let errors = tool.parameters.as_ref().map(|schema| schema.errors(&value)).unwrap_or_default();
                errors.into_iter().for_each(|error| self.object(ARGUMENTS, wrong(error)));
            }
        }
    }

    /// Whether the contract lets its words out, as they are written and as they are read.
    async fn complies(&mut self, call: &ToolCall, contract: &Arc<Contract>, policies: &Policies) {
        let read = match strings(&call.arguments) {
            Ok(read) => read,
            Err(error) => {
                let what = format!("the arguments of `{}` cannot be read: {error}", call.name);
                return self.object(ARGUMENTS, what);
            }
        };
        let contract = contract.for_notices();
        for text in std::iter::once(&call.arguments).chain(&read) {
            let piece = Probe::behind(contract, "").end_with(text);
            self.broken.extend(piece.blocking.into_iter().map(|fault| fault.broken));
            // A replacement could change what the call means: the model is to mend it.
            self.broken.extend(piece.redacted.into_iter().map(|redaction| Broken {
                id: redaction.rule,
                message: redaction.message,
                action: OnViolation::default(),
                cause: Cause::Text,
            }));
        }
        if self.broken.is_empty() {
            for text in [call.arguments.clone(), read.join("\n")] {
                let judgement = policies.check(&text).await;
                self.broken.extend(judgement.broken);
                self.allowed.extend(judgement.allowed);
            }
        }
    }

    fn object(&mut self, id: &str, message: String) {
        self.broken.push(Broken { id: id.to_owned(), message, action: OnViolation::default(), cause: Cause::Text });
    }
}

impl Tools {
    fn call_wanted(&self) -> String {
        match &self.choice {
            super::ToolChoice::Named(name) => format!("the reply must call the tool `{name}`"),
            _ => "the reply must call a tool".to_owned(),
        }
    }
}
