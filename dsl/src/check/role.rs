//! One role: its fields, its sections, and the contract they make.

use std::sync::Arc;

use super::cases::Ids;
use super::rules::Rules;
use super::words::Words;
use super::{Report, cases, delivery, model, rules};
use crate::ast::{Entry, File, Role};
use crate::conflict;
use crate::constraint;
use crate::contract::{Contract, Language};
use crate::diagnostic::codes;
use crate::monitor::Program;
use crate::span::Span;

const WORDS: Words = Words {
    place: "a role",
    known: &["version", "language", "persona", "stateful", "model", "constraints", "fallback", "delivery", "cases"],
    later: &["style", "intents", "state", "heartbeat", "greeting"],
};

/// Reads a role. `None` when a required field is missing; the contract of a role with other errors
/// is dropped by the caller.
pub(super) fn check(role: &Role, file: &File, report: &mut Report<'_>) -> Option<Contract> {
    if let Some(parent) = &role.extends {
        report.not_implemented("extends", parent.span);
    }
    let fields = Fields { role, file, entries: entries(role, report) };
    let version = fields.read("version", |entry| report.version(entry));
    let languages = fields.read("language", |entry| report.languages(entry));
    let persona = fields.read("persona", |entry| report.text(entry));
    let stateful = fields.read("stateful", |entry| report.flag(entry)).unwrap_or(false);
    let model = fields.find("model").map(|entry| model::check(entry, report)).unwrap_or_default();
    let fallback = fields.read("fallback", |entry| report.text(entry));
    let has_fallback = fields.mentions("fallback");
    let Rules { rules, ids, too_many } =
        fields.find("constraints").map(|entry| rules::check(entry, has_fallback, report)).unwrap_or_default();
    let known = Ids { known: &ids, open: fields.torn("constraints"), broken: &file.broken };
    let cases = fields.find("cases").map(|entry| cases::check(entry, &known, report)).unwrap_or_default();
    let delivery = fields.find("delivery").map(|entry| delivery::check(entry, report)).unwrap_or_default();
    fields.required(report);

    let program = Arc::new(Program::new(&rules));
    let texts = conflict::Texts {
        rules: &rules,
        program: &program,
        fallback: fallback.as_ref(),
        cases: &cases,
        language: languages
            .as_ref()
            .and_then(|l| l.first().copied())
            .unwrap_or_else(|| persona.as_ref().map_or(Language::En, |p| language_of(&p.value))),
    };
    if !too_many {
        conflict::check(&texts, report.source, report.findings);
    }

    let (version, persona) = (version?, persona?);
    let languages = languages.unwrap_or_else(|| vec![language_of(&persona.value)]);
    Some(Contract {
        name: role.name.value.clone(),
        version,
        languages,
        persona: persona.value,
        doc: role.doc.clone(),
        stateful,
        model,
        rules,
        fallback,
        delivery,
        cases,
        digest: blake3::hash(report.source.slice(role.span).as_bytes()).to_hex().to_string(),
        source: report.source.clone(),
        span: role.span,
        program,
        notices: std::sync::OnceLock::new(),
    })
}

/// The language of a role that does not declare one: Chinese when its persona has a Han character.
fn language_of(persona: &str) -> Language {
    use unicode_script::{Script, UnicodeScript as _};
    if persona.chars().any(|c| c.script() == Script::Han) { Language::Zh } else { Language::En }
}

/// A role's items with a known word each. A rule that stands outside of `constraints` is told so.
fn entries(role: &Role, report: &mut Report<'_>) -> Vec<Entry> {
    let kinds = constraint::keywords();
    let is_rule = |word: &str| kinds.contains(&word) && !WORDS.known.contains(&word);
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
        let inside = |span: Span| self.role.span.start <= span.start && span.end <= self.role.span.end;
        let broken = || self.file.broken.iter().any(|it| inside(it.span) && it.names.iter().any(|name| name == word));
        self.find(word).is_some() || broken()
    }

    /// Whether a part of the section could not be read.
    fn torn(&self, word: &str) -> bool {
        self.find(word).is_none_or(|section| {
            let inside = |span: Span| section.span.start <= span.start && span.end <= section.span.end;
            self.file.broken.iter().any(|broken| inside(broken.span))
        }) && self.mentions(word)
    }

    /// Says which required fields are missing.
    fn required(&self, report: &mut Report<'_>) {
        let name = &self.role.name;
        let from = name.span.end as usize;
        let text = report.source.text();
        let brace = text.get(from..).and_then(|rest| rest.find('{')).map_or(from, |offset| from + offset + 1);
        let inside = u32::try_from(brace).map_or(name.span, |at| Span::new(at, at));
        for (word, example) in [("version", "version 1.0.0"), ("persona", "persona \"who the role is\"")] {
            if self.mentions(word) {
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
