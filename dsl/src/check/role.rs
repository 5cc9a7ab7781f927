//! One role: its fields, its sections, and the contract they make.

use std::sync::{Arc, OnceLock};

use super::cases::Ids;
use super::checker::{Checker, within};
use super::settle::{self, Rules};
use super::words::Words;
use super::{Report, cases, delivery, heartbeat, inherit, intents, model, proof, rules, state, style};
use crate::ast::{Entry, File, Role};
use crate::constraint;
use crate::contract::{Contract, Delivery, Heartbeat, Intent, Language, ModelOptions, State, Turns, scenarios};
use crate::diagnostic::codes;
use crate::monitor::Program;
use crate::span::{Span, Spanned};

const WORDS: Words = Words {
    place: "a role",
    known: &[
        "version",
        "language",
        "persona",
        "stateful",
        "model",
        "style",
        "constraints",
        "intents",
        "fallback",
        "state",
        "delivery",
        "heartbeat",
        "cases",
    ],
    later: &["greeting"],
};

/// The role that a role extends.
pub(super) enum Parent {
    /// It extends none.
    None,
    /// It extends one that cannot be; there is a finding.
    Broken,
    /// This one, named here.
    Given(Arc<Contract>, Span),
}

/// Reads a role. `None` when a required field is missing, or a set that it uses has errors; the
/// contract of a role with other errors is dropped by the caller.
pub(super) fn check(
    role: &Role,
    module: usize,
    parent: Parent,
    checker: &mut Checker<'_>,
    report: &mut Report<'_>,
) -> Option<Contract> {
    let file = &checker.module(module)?.file;
    let orphan = matches!(parent, Parent::Broken);
    let (parent, named) = match parent {
        Parent::Given(parent, span) => (Some(parent), span),
        Parent::None | Parent::Broken => (None, Span::default()),
    };
    let up = inherit::From { parent: parent.as_deref(), named };
    let fields = Fields { role, file, entries: entries(role, report) };
    let said = Said::read(&fields, up, report);

    let drafts = match fields.find("constraints") {
        Some(entry) => rules::read(report.section(entry), module, checker, report),
        None => rules::Drafts::default(),
    };
    let owner = settle::Role {
        inherited: up.rules(),
        named,
        fallback: orphan || said.fallback.is_some() || fields.mentions("fallback"),
        intents: (!orphan && !fields.torn("intents")).then_some(&said.intents),
        languages: said.languages.as_deref().unwrap_or(&[Language::Zh, Language::En]),
        stateful: orphan || said.stateful,
    };
    let settled = settle::settle(&drafts.list, &owner, report);
    let open = orphan || drafts.broken || fields.torn("constraints");
    let known = Ids { known: &settled.ids, open, broken: &file.broken };
    let cases = fields.find("cases").map(|entry| cases::check(entry, &known, report)).unwrap_or_default();
    fields.required(orphan || up.parent.is_some(), report);

    let complete = said.version.is_some() && said.persona.is_some() && !drafts.broken && !orphan;
    let bounded = !(settled.too_many || drafts.too_many);
    let digest = digest(report.source.slice(role.span), parent.as_deref(), &drafts.list);
    let contract = Contract { cases, parent, digest, ..said.contract(role, settled, report) };
    if bounded {
        proof::check(&contract, fields.find("constraints").map_or(role.name.span, |it| it.keyword.span), report);
    }
    complete.then_some(contract)
}

/// What a role says beside its rules and cases, and has from the role it extends.
struct Said {
    version: Option<semver::Version>,
    persona: Option<String>,
    languages: Option<Vec<Language>>,
    stateful: bool,
    state: State,
    model: ModelOptions,
    style: Vec<Spanned<String>>,
    fallback: Option<Spanned<String>>,
    intents: Vec<Intent>,
    delivery: Delivery,
    heartbeat: Heartbeat,
}

impl Said {
    fn read(fields: &Fields<'_>, up: inherit::From<'_>, report: &mut Report<'_>) -> Self {
        let version = fields.read("version", |entry| report.version(entry));
        let persona = fields.read("persona", |entry| report.text(entry)).map(|text| text.value).or(up.persona());
        let languages = fields.read("language", |entry| report.languages(entry)).or_else(|| up.languages());
        let languages = languages.or_else(|| persona.as_deref().map(|persona| vec![language_of(persona)]));
        let written = fields.read("stateful", |entry| report.flag(entry));
        let state = fields.find("state").map(|entry| state::check(entry, report));
        let stateful = written.unwrap_or(state.is_some() || up.stateful());
        if let (Some(entry), false) = (fields.find("state"), stateful) {
            let message = "a role without dialogue state has no `state`";
            report.add(codes::NEEDS_STATE, entry.keyword.span, message, |finding| {
                finding.with_help("write `stateful true`, or remove the section")
            });
        }
        let model = fields.find("model").map(|entry| model::check(entry, report)).unwrap_or_default();
        let intents = fields.find("intents").map(|entry| intents::check(entry, report)).unwrap_or_default();
        let delivery = fields.find("delivery").map(|entry| delivery::check(entry, report));
        let heartbeat = fields.find("heartbeat").map(|entry| heartbeat::check(entry, report));
        Self {
            version,
            persona,
            languages,
            stateful,
            // Of no use to a role that keeps nothing.
            state: state.unwrap_or_else(|| if stateful { up.state() } else { State::default() }),
            model: up.model(model),
            style: fields.read("style", |entry| style::check(entry, report)).unwrap_or_else(|| up.style()),
            fallback: fields.read("fallback", |entry| report.text(entry)).or_else(|| up.fallback()),
            intents: up.intents(intents),
            delivery: delivery.unwrap_or_else(|| up.delivery()),
            heartbeat: heartbeat.unwrap_or_else(|| up.heartbeat()),
        }
    }

    /// The contract of these parts, without cases, parent and digest.
    fn contract(self, role: &Role, settled: Rules, report: &Report<'_>) -> Contract {
        let languages = self.languages.unwrap_or_else(|| vec![Language::En]);
        // They come first, so that violations have the same indices.
        let unguarded: Vec<_> = settled.rules.iter().filter(|rule| rule.guard.is_none()).cloned().collect();
        Contract {
            name: role.name.value.clone(),
            version: self.version.unwrap_or_else(|| semver::Version::new(0, 0, 0)),
            persona: self.persona.unwrap_or_default(),
            doc: role.doc.clone(),
            stateful: self.stateful,
            model: self.model,
            parent: None,
            scenarios: scenarios(&settled.rules, &self.intents, &languages),
            languages,
            rules: settled.rules,
            intents: self.intents,
            style: self.style,
            fallback: self.fallback,
            delivery: self.delivery,
            state: self.state,
            heartbeat: self.heartbeat,
            cases: Vec::new(),
            digest: String::new(),
            source: report.source.clone(),
            span: role.span,
            program: Arc::new(Program::new(&unguarded)),
            notices: OnceLock::new(),
            turns: Turns::default(),
        }
    }
}

/// Names a contract: its own text, and all that it takes from elsewhere.
fn digest(text: &str, parent: Option<&Contract>, drafts: &[rules::Draft]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.as_bytes());
    if let Some(parent) = parent {
        hasher.update(b"\0extends\0").update(parent.digest.as_bytes());
    }
    for draft in drafts.iter().filter(|draft| draft.via.is_some()) {
        let Some(rule) = &draft.rule else { continue };
        let guard = rule.guard.as_ref().map(ToString::to_string).unwrap_or_default();
        hasher.update(b"\0use\0").update(rule.source.slice(rule.span).as_bytes());
        hasher.update(b"\0when\0").update(guard.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// The language of a role that does not declare one: Chinese when its persona has a Han character.
fn language_of(persona: &str) -> Language {
    use unicode_script::{Script, UnicodeScript as _};
    if persona.chars().any(|c| c.script() == Script::Han) { Language::Zh } else { Language::En }
}

/// A role's items with a known word each. A rule that stands outside of `constraints` is told so.
fn entries(role: &Role, report: &mut Report<'_>) -> Vec<Entry> {
    let kinds = constraint::keywords();
    let is_rule =
        |word: &str| (kinds.contains(&word) || ["when", "use"].contains(&word)) && !WORDS.known.contains(&word);
    let mut items = Vec::new();
    for item in &role.items {
        let word = &item.keyword;
        if is_rule(&word.value) {
            let message = format!("`{}` is a rule and stands outside of `constraints`", word.value);
            report.add(codes::UNKNOWN_WORD, word.span, message, |finding| {
                finding.with_help("move it into `constraints { … }`")
            });
            continue;
        }
        items.push(Entry {
            label: None,
            keyword: word.clone(),
            args: item.args.clone(),
            blocks: item.body.iter().cloned().collect(),
            span: item.span,
        });
    }
    WORDS.sort(&items, report)
}

/// The fields of one role by name.
struct Fields<'a> {
    role: &'a Role,
    file: &'a File,
    entries: Vec<Entry>,
}

impl Fields<'_> {
    fn find(&self, word: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.keyword.value == word)
    }

    fn read<T>(&self, word: &str, read: impl FnOnce(&Entry) -> Option<T>) -> Option<T> {
        self.find(word).and_then(read)
    }

    /// Whether the field was written, readable or not.
    fn mentions(&self, word: &str) -> bool {
        let inside = |span: Span| within(self.role.span, span);
        let broken = || self.file.broken.iter().any(|it| inside(it.span) && it.names.iter().any(|name| name == word));
        self.find(word).is_some() || broken()
    }

    /// Whether a part of the section could not be read.
    fn torn(&self, word: &str) -> bool {
        self.find(word).is_none_or(|section| self.file.broken.iter().any(|broken| within(section.span, broken.span)))
            && self.mentions(word)
    }

    /// Says which required fields are missing. A persona can be inherited; a version is a role's own.
    fn required(&self, inherits: bool, report: &mut Report<'_>) {
        let name = &self.role.name;
        let from = name.span.end as usize;
        let text = report.source.text();
        let brace = text.get(from..).and_then(|rest| rest.find('{')).map_or(from, |offset| from + offset + 1);
        let inside = u32::try_from(brace).map_or(name.span, |at| Span::new(at, at));
        for (word, example) in [("version", "version 1.0.0"), ("persona", "persona \"who the role is\"")] {
            if self.mentions(word) || (inherits && word == "persona") {
                continue;
            }
            let message = format!("role `{}` has no `{word}`", name.value);
            report.add(codes::MISSING_FIELD, name.span, message, |finding| {
                let finding = finding.with_help(format!("add `{example}`"));
                // A version has a natural first value; a persona has none.
                if word == "version" { finding.with_fix(inside, "\n    version 1.0.0") } else { finding }
            });
        }
    }
}
