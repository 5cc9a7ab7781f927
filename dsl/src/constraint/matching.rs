//! The options of term lists, behind the terms: `{ except "明日本来"  variants off  gaps on }`.

use super::args::{Reader, list, quoted};
use crate::ast::{Arg, Entry};
use crate::contract::Language;
use crate::diagnostic::{Finding, codes};
use crate::span::Spanned;
use crate::text::terms::{Matching, Sought, Terms, fold_term};

const EXCEPT: &str = "except";
const VARIANTS: &str = "variants";
const GAPS: &str = "gaps";
pub(super) const OPTIONS: [&str; 3] = [EXCEPT, VARIANTS, GAPS];

/// How the terms of a rule are looked for, and where its exceptions are written.
pub(super) struct Written {
    pub(super) matching: Matching,
    exceptions: Option<Entry>,
}

/// Reads what the rule's blocks say of its terms; where they say nothing it is as usual.
pub(super) fn read(reader: &mut Reader<'_>, usual: &Matching) -> Option<Written> {
    let mut written = Written { matching: usual.clone(), exceptions: None };
    let mut seen: Vec<Spanned<String>> = Vec::new();
    let mut readable = true;
    for option in options(reader) {
        let word = option.keyword.value.as_str();
        if let Some(first) = seen.iter().find(|known| known.value == word) {
            let message = format!("`{word}` is given twice");
            let finding = Finding::new(codes::DUPLICATE_FIELD, reader.source(), option.keyword.span, message);
            readable = false;
            reader.add::<()>(finding.with_related(first.span, "given here first").with_help("keep one of them"));
            continue;
        }
        seen.push(option.keyword.clone());
        let known = match word {
            EXCEPT => {
                written.exceptions = Some(option.clone());
                option.blocks.is_empty()
            }
            VARIANTS => flag(&option, reader).map(|on| written.matching.variants = on).is_some(),
            GAPS => flag(&option, reader).map(|on| written.matching.gaps = on).is_some(),
            _ => {
                let message = format!("`{word}` is not an option of this rule");
                let help = format!("it has `on_violation`, `severity`, {}", list(OPTIONS));
                let finding = Finding::new(codes::UNKNOWN_OPTION, reader.source(), option.keyword.span, message);
                let candidates = OPTIONS.into_iter().chain(["on_violation", "severity"]);
                let finding = finding.with_help(help).did_you_mean(word, option.keyword.span, candidates);
                reader.add::<()>(finding);
                false
            }
        };
        readable &= known;
    }
    readable.then_some(written)
}

impl Written {
    /// Adds the exceptions, each of which must excuse one of the terms.
    pub(super) fn with_exceptions(self, terms: &[String], reader: &mut Reader<'_>) -> Option<Matching> {
        let Self { mut matching, exceptions } = self;
        let Some(entry) = exceptions else { return Some(matching) };
        let texts = reader.alternatives(&entry.args, None)?.terms;
        let sought = terms.iter().map(|text| (Sought { text, matching: &matching }, false));
        let search = Terms::new(sought);
        let mut readable = true;
        for text in &texts {
            let hits = search.find_all(text);
            let whole = |term: &String| fold_term(term).is_ok_and(|term| Ok(term) == fold_term(text));
            let (message, help) = if hits.is_empty() {
                (
                    format!("`{text}` holds none of the terms, so there is nothing to except"),
                    "write it with the term in it",
                )
            } else if terms.iter().any(whole) {
                (format!("`{text}` is one of the terms itself"), "take it out of the terms, or out of the exceptions")
            } else {
                continue;
            };
            readable = false;
            let finding = Finding::new(codes::WRONG_OPTION, reader.source(), entry.span, message);
            reader.add::<()>(finding.with_help(help));
        }
        matching.exceptions = texts;
        readable.then_some(matching)
    }
}

/// What a model is told of the options, behind the terms.
pub(super) fn remarks(matching: &Matching, language: Language) -> String {
    let mut remarks = Vec::new();
    if !matching.exceptions.is_empty() {
        let exceptions = quoted(&matching.exceptions, language);
        remarks.push(match language {
            Language::Zh => format!("{exceptions}中的不算"),
            Language::En => format!("not counting {exceptions}"),
        });
    }
    if matching.gaps {
        remarks.push(match language {
            Language::Zh => "字间隔开的也算".to_owned(),
            Language::En => "also with gaps between the characters".to_owned(),
        });
    }
    match (remarks.is_empty(), language) {
        (true, _) => String::new(),
        (_, Language::Zh) => format!("（{}）", remarks.join("，")),
        (_, Language::En) => format!(" ({})", remarks.join(", ")),
    }
}

/// The entries of the blocks; those that stand on one line are taken apart.
fn options(reader: &Reader<'_>) -> Vec<Entry> {
    let begins = |_: usize, arg: &Arg| matches!(arg, Arg::Word(word) if OPTIONS.contains(&word.as_str()));
    reader.blocks().iter().flat_map(|block| &block.entries).flat_map(|entry| entry.split(begins)).collect()
}

fn flag(option: &Entry, reader: &mut Reader<'_>) -> Option<bool> {
    match option.args.as_slice() {
        [Spanned { value: Arg::Word(word), .. }] if option.blocks.is_empty() && word == "on" => Some(true),
        [Spanned { value: Arg::Word(word), .. }] if option.blocks.is_empty() && word == "off" => Some(false),
        args => {
            let span = args.first().map_or(option.keyword.span, |arg| arg.span);
            let name = &option.keyword.value;
            let finding =
                Finding::new(codes::WRONG_OPTION, reader.source(), span, format!("`{name}` does not take this"));
            reader.add(finding.with_help(format!("write `{name} on` or `{name} off`")))
        }
    }
}
