//! Whether calls may go out.

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::contract::{Language, OnViolation};
use serde_json::Value;

use super::strings::strings;
use super::wrong::{ARGUMENTS, TOOLS, Wrong};
use super::{Calls, ToolCall, ToolChoice, Tools};
use crate::enforce::Permitted;
use crate::enforce::policy::Policies;
use crate::enforce::probe::Probe;
use crate::enforce::prompt::language;
use crate::enforce::record::{Broken, Cause};
use crate::ids;

/// Sentences that are kept for the model beside those for people; further ones say nothing new to it.
const MAX_TOLD: usize = 64;

/// What became of the calls of an answer.
#[derive(Debug)]
pub(in crate::enforce) struct Judged {
    /// Those that may go out, all of them or none. None without anything that stands in the way: the token
    /// limit has cut the only one.
    pub(in crate::enforce) calls: Vec<Permitted<ToolCall>>,
    /// What stands in the way.
    pub(in crate::enforce) broken: Vec<Broken>,
    /// Messages of what stands in the way, each with what the model is told instead, in the role's language.
    pub(in crate::enforce) told: Vec<(String, String)>,
    /// Failures of policies that the contract lets pass: rule and message.
    pub(in crate::enforce) allowed: Vec<(String, String)>,
    /// What policies only warn about, should the calls go out: rule and message.
    pub(in crate::enforce) warned: Vec<(String, String)>,
    /// Calls that were left out, as a rule and a message.
    pub(in crate::enforce) dropped: Option<(&'static str, &'static str)>,
    language: Language,
}

/// Judges the calls of an answer. `limited` says that the model was stopped by its token limit, which may
/// have cut the last of them.
pub(in crate::enforce) async fn judge(
    mut calls: Calls,
    limited: bool,
    contract: &Arc<Contract>,
    policies: &mut Policies,
) -> Judged {
    let mut judged = Judged::of(language(contract));
    let cut = limited && calls.drop_cut();
    if let Some(wrong) = calls.wrong.take() {
        judged.object(&wrong);
        return judged;
    }
    if calls.surplus {
        judged.dropped = Some((TOOLS, "only one tool may be called at once"));
    }
    let tools = calls.tools.clone();
    let calls = calls.into_calls();
    if calls.is_empty() && tools.required() && !cut {
        judged.object(&tools.call_wanted());
    }
    let contract = contract.for_notices();
    // Each string is judged by a copy of it. Boxed: whoever awaits this would carry it around.
    let blank = Box::new(Probe::behind(contract, ""));
    let mut good = Vec::with_capacity(calls.len());
    for mut call in calls {
        if call.arguments.trim().is_empty() {
            // What models write who have nothing to say.
            "{}".clone_into(&mut call.arguments);
        }
        judged.fits(&call, &tools);
        if let Some(read) = judged.read(&call) {
            judged.says(&call, &read, &blank, contract);
            judged.agrees(&call, &read, policies).await;
        }
        match ids::random_digits() {
            Ok(digits) => call.id = format!("call_{digits}"),
            Err(error) => judged.object(&Wrong::Nameless(error.to_string())),
        }
        good.push(Permitted::new(call));
    }
    if judged.broken.is_empty() {
        judged.calls = good;
    }
    judged
}

impl Judged {
    fn of(language: Language) -> Self {
        let (calls, broken, told) = (Vec::new(), Vec::new(), Vec::new());
        let (allowed, warned) = (Vec::new(), Vec::new());
        Self { calls, broken, told, allowed, warned, dropped: None, language }
    }

    /// Whether the tool takes these arguments.
    fn fits(&mut self, call: &ToolCall, tools: &Tools) {
        let Some(tool) = tools.callable(&call.name) else {
            return self.object(&tools.not_callable(&call.name));
        };
        let name = call.name.clone();
        match serde_json::from_str::<Value>(&call.arguments) {
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                self.object(&Wrong::NotJson { tool: name, error: error.to_string(), line, column });
            }
            Ok(value) if !value.is_object() => self.object(&Wrong::NotAnObject { tool: name }),
            Ok(value) => {
                let errors = tool.parameters.as_ref().map(|schema| schema.errors(&value)).unwrap_or_default();
                errors.into_iter().for_each(|why| self.object(&Wrong::Misfit { tool: name.clone(), why }));
            }
        }
    }

    /// The strings of the arguments; nothing goes out without them.
    fn read(&mut self, call: &ToolCall) -> Option<Vec<String>> {
        match strings(&call.arguments) {
            Ok(read) => Some(read),
            Err(error) => {
                // That they are no JSON is one thing, and told once.
                if !self.broken.iter().any(|broken| broken.id == ARGUMENTS) {
                    self.object(&Wrong::Unreadable { tool: call.name.clone(), why: error.to_string() });
                }
                None
            }
        }
    }

    /// Whether the contract lets its words out, as they are written and as they are read.
    fn says(&mut self, call: &ToolCall, read: &[String], blank: &Probe, contract: &Contract) {
        for text in std::iter::once(&call.arguments).chain(read) {
            let piece = blank.end_with(text);
            for fault in piece.blocking {
                self.breaks(fault.broken, call, contract);
            }
            for redaction in piece.redacted {
                // A replacement could change what the call means: the model is to mend it.
                let (id, message) = (redaction.rule, redaction.message);
                let broken = Broken { id, message, action: OnViolation::default(), cause: Cause::Text };
                self.breaks(broken, call, contract);
            }
        }
    }

    /// Whether the policies let it out; they are not asked about what cannot go out anyway.
    async fn agrees(&mut self, call: &ToolCall, read: &[String], policies: &mut Policies) {
        if !self.broken.is_empty() {
            return;
        }
        for text in [call.arguments.clone(), read.join("\n")] {
            let judgement = policies.check(&text).await;
            self.broken.extend(judgement.broken);
            self.allowed.extend(judgement.allowed);
            self.warned.extend(judgement.warned);
        }
    }

    /// A rule of the contract stands in the way. Its messages are English; a model that is spoken to in
    /// another language is told the rule as its system prompt puts it.
    fn breaks(&mut self, broken: Broken, call: &ToolCall, contract: &Contract) {
        let rule = contract.rules.iter().find(|rule| *rule.id == *broken.id);
        if let Some(rule) = rule.filter(|_| self.language == Language::Zh) {
            let told = format!("`{}` 的参数违反了这条规则：{}", call.name, rule.constraint.prompt(Language::Zh));
            self.tell(&broken.message, told);
        }
        self.broken.push(broken);
    }

    fn object(&mut self, wrong: &Wrong) {
        let message = wrong.say(Language::En);
        if self.language != Language::En {
            self.tell(&message, wrong.say(self.language));
        }
        let (id, action) = (wrong.id().to_owned(), OnViolation::default());
        self.broken.push(Broken { id, message, action, cause: Cause::Text });
    }

    fn tell(&mut self, message: &str, told: String) {
        let known = self.told.iter().any(|(known, _)| known == message);
        if !known && self.told.len() < MAX_TOLD {
            self.told.push((message.to_owned(), told));
        }
    }
}

impl Tools {
    fn call_wanted(&self) -> Wrong {
        Wrong::Wanted(match &self.choice {
            ToolChoice::Named(name) => Some(name.clone()),
            _ => None,
        })
    }
}
