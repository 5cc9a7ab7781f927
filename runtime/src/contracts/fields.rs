//! What two versions of a contract say beside their rules.

use std::fmt::Debug;
use std::time::Duration;

use rolecall_dsl::Contract;
use rolecall_dsl::contract::{Heartbeat, Rule};
use rolecall_dsl::span::Spanned;

use super::FieldChange;

/// Gathers what differs.
struct Changes<'c> {
    old: &'c Contract,
    new: &'c Contract,
    found: Vec<FieldChange>,
}

/// Everything that differs, beside which replies are allowed.
pub(super) fn fields(old: &Contract, new: &Contract) -> Vec<FieldChange> {
    let mut changes = Changes { old, new, found: Vec::new() };
    changes.role();
    changes.model();
    changes.dialogue();
    changes.delivery();
    changes.rules();
    changes.found
}

/// A time of the heartbeat.
type Beat = fn(&Heartbeat) -> Option<Duration>;

/// All of them by name.
const BEATS: [(&str, Beat); 7] = [
    ("timeout", |it| it.timeout),
    ("floor", |it| it.floor),
    ("base.4g", |it| it.base.four_g),
    ("base.3g", |it| it.base.three_g),
    ("base.2g", |it| it.base.two_g),
    ("base.slow-2g", |it| it.base.slow_two_g),
    ("base.other", |it| it.base.other),
];

impl Changes<'_> {
    fn add(&mut self, field: &str, of: impl Fn(&Contract) -> Option<String>) {
        self.differ(field, of(self.old), of(self.new));
    }

    fn differ(&mut self, field: &str, old: Option<String>, new: Option<String>) {
        if old != new {
            self.found.push(FieldChange { field: field.to_owned(), old, new });
        }
    }

    fn role(&mut self) {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        self.add("version", |it| Some(it.version.to_string()));
        self.add("extends", |it| it.parent.as_ref().map(|parent| format!("{} {}", parent.name, parent.version)));
        self.add("language", |it| words(&it.languages));
        self.add("persona", |it| text(&it.persona));
        self.add("description", |it| text(&it.doc));
        self.add("style", |it| list(&it.style));
        self.add("fallback", |it| it.fallback.as_ref().map(|fallback| fallback.value.clone()));
    }

    fn model(&mut self) {
        self.add("model.temperature", |it| shown(it.model.temperature.as_ref()));
        self.add("model.max_tokens", |it| shown(it.model.max_tokens.as_ref()));
        self.add("model.route", |it| it.model.route.as_ref().map(|route| route.value.clone()));
    }

    fn dialogue(&mut self) {
        let names = |contract: &Contract| contract.intents.iter().map(|it| it.name.value.clone()).collect::<Vec<_>>();
        let (mut all, new) = (names(self.old), names(self.new));
        all.extend(new.into_iter().filter(|name| !self.old.intents.iter().any(|it| it.name.value == *name)));
        for name in all {
            self.add(&format!("intent {name}"), |it| intent(it, &name));
        }
        self.add("stateful", |it| Some(it.stateful.to_string()));
        self.add("state.history", |it| shown(it.state.history.as_ref()));
        self.add("state.points", |it| Some(it.state.points.to_string()));
        self.add("state.entities", |it| Some(it.state.entities.to_string()));
        self.add("heartbeat.mode", |it| written(it.heartbeat.mode.as_ref()));
        for (name, beat) in BEATS {
            self.add(&format!("heartbeat.{name}"), |it| written(beat(&it.heartbeat).as_ref()));
        }
    }

    fn delivery(&mut self) {
        self.add("delivery.group_by", |it| words(&it.delivery.group_by));
        self.add("delivery.merge", |it| written(it.delivery.merge.as_ref()));
        self.add("delivery.dedup", |it| written(it.delivery.dedup.as_ref()));
        self.add("delivery.policy", |it| {
            let policy = it.delivery.policy.as_ref()?;
            Some(format!("{} {}", policy.plugin, serde_json::Value::Object(policy.params.clone())))
        });
        self.add("delivery.expire", |it| written(it.delivery.expire.as_ref()));
    }

    /// Whether a rule is there shows in the replies; when it is in force, and what follows from
    /// breaking it, does not.
    fn rules(&mut self) {
        let (old, new) = (self.old, self.new);
        for before in &old.rules {
            let Some(after) = new.rules.iter().find(|rule| rule.id == before.id) else { continue };
            let mut add = |what: &str, of: fn(&Rule) -> Option<String>| {
                self.differ(&format!("rule {}: {what}", before.id), of(before), of(after));
            };
            add("when", |rule| rule.guard.as_ref().map(ToString::to_string));
            add("on_violation", |rule| Some(format!("{:?}", rule.on_violation)));
            add("severity", |rule| Some(rule.severity.to_string()));
        }
    }
}

fn shown(value: Option<&impl ToString>) -> Option<String> {
    value.map(ToString::to_string)
}

fn written(value: Option<&impl Debug>) -> Option<String> {
    value.map(|value| format!("{value:?}"))
}

fn words(words: &[impl Debug]) -> Option<String> {
    (!words.is_empty()).then(|| format!("{words:?}").to_lowercase())
}

/// Texts of a list, without their places.
fn list(texts: &[Spanned<String>]) -> Option<String> {
    let texts: Vec<&str> = texts.iter().map(|text| text.value.as_str()).collect();
    (!texts.is_empty()).then(|| format!("{texts:?}"))
}

/// What is recognised as an intent, and what it stands for.
fn intent(contract: &Contract, name: &str) -> Option<String> {
    let intent = contract.intents.iter().find(|intent| intent.name.value == name)?;
    let action = intent.action.as_ref().map(|action| format!(" → {}", action.value)).unwrap_or_default();
    Some(format!("{}{action}", list(&intent.samples).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rolecall_dsl::compile;
    use rolecall_dsl::source::Source;

    use super::*;

    fn contract(text: &str) -> Arc<Contract> {
        let text = format!("role clerk {{\n version 1.0.0\n language en\n persona \"x\"\n {text}\n}}\n");
        let compiled = compile(&Source::new("clerk.role", &text));
        compiled.contracts.into_iter().next().unwrap_or_else(|| panic!("{:?}", compiled.findings))
    }

    // Fails when a section that decides how a role behaves can change unseen, or a mere move is a change.
    #[test]
    fn every_section_counts() {
        let full = "stateful true
            style [\"Certainly.\"]
            intents { refund \"I want my money back\" }
            state { history 20 turns }
            heartbeat { timeout 30s }
            model { route \"fast\" }
            delivery { merge window 300ms }
            constraints { when intent refund { short: max_sentences 3 } }";
        let before = contract(full);
        assert_eq!(fields(&before, &contract(&format!("\n\n   {full}"))), []);
        for (from, to, field) in [
            ("Certainly.", "Gladly.", "style"),
            ("my money", "the money", "intent refund"),
            ("history 20", "history 12", "state.history"),
            ("timeout 30s", "timeout 40s", "heartbeat.timeout"),
            ("\"fast\"", "\"slow\"", "model.route"),
            ("window 300ms", "window 400ms", "delivery.merge"),
            ("when intent refund {", "when turn first {", "rule short: when"),
        ] {
            let after = contract(&full.replace(from, to));
            let found: Vec<String> = fields(&before, &after).into_iter().map(|it| it.field).collect();
            assert_eq!(found, [field], "{from} → {to}");
        }
    }
}
