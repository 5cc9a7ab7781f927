//! `script han | latin`: letters of these scripts only.
//!
//! The names are Unicode's long ones in lower case (`han`, `latin`, `cyrillic`, `hiragana`, `old_italic`).
//! Only letters and marks that belong to one script are judged: digits, punctuation, emoji and what
//! several scripts share (`ー`, accents) are always allowed.

use std::sync::Arc;

use unicode_script::Script as Name;

use super::args::Reader;
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::{Finding, codes};
use crate::monitor::Residual;
use crate::source::Source;
use crate::span::Spanned;
use crate::text::pattern::{Pattern, Use};
use crate::text::terms::Matching;

pub(super) const KEYWORD: &str = "script";

const USAGE: &str = "script han | latin";

/// The names that are offered for a misspelt one, with what they are called in Chinese.
const COMMON: [(&str, &str); 15] = [
    ("han", "汉字"),
    ("latin", "拉丁字母"),
    ("hiragana", "平假名"),
    ("katakana", "片假名"),
    ("bopomofo", "注音符号"),
    ("hangul", "谚文"),
    ("cyrillic", "西里尔字母"),
    ("greek", "希腊字母"),
    ("arabic", "阿拉伯字母"),
    ("hebrew", "希伯来字母"),
    ("devanagari", "天城文"),
    ("thai", "泰文"),
    ("armenian", "亚美尼亚字母"),
    ("georgian", "格鲁吉亚字母"),
    ("tibetan", "藏文"),
];

/// More scripts than a text can reasonably mix.
const MAX_SCRIPTS: usize = 16;

#[derive(Debug)]
struct Script {
    names: Vec<&'static str>,
    forbidden: [Arc<Pattern>; 1],
}

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let mut reader = Reader::new(entry, source, findings, USAGE);
    if reader.args().is_empty() {
        return reader.nothing();
    }
    let mut names: Vec<&'static str> = Vec::new();
    for name in reader.words("a script")? {
        let known = known(&name, &mut reader)?;
        if !names.contains(&known) {
            names.push(known);
        }
    }
    if names.len() > MAX_SCRIPTS {
        return reader.wrong(
            codes::WRONG_ARGUMENTS,
            entry.span,
            format!("at most {MAX_SCRIPTS} scripts can be listed"),
        );
    }
    let allowed: String = names.iter().map(|name| format!(r"\p{{sc={name}}}")).collect();
    let others = format!(r"[\p{{L}}\p{{M}}&&[^\p{{sc=Common}}\p{{sc=Inherited}}{allowed}]]+");
    match Pattern::new(&others, "", Use::Forbid) {
        Ok(pattern) => {
            Some(Arc::new(Script { names, forbidden: [Arc::new(pattern.named("a letter of another script"))] }))
        }
        Err(error) => {
            reader.wrong(codes::WRONG_ARGUMENTS, entry.span, format!("these scripts cannot be told apart: {error}"))
        }
    }
}

/// The script's name as Unicode writes it.
fn known(name: &Spanned<String>, reader: &mut Reader<'_>) -> Option<&'static str> {
    let written = name.value.as_str();
    let long: Vec<String> = written.split('_').map(capitalised).collect();
    let found = Name::from_full_name(&long.join("_"));
    if let Some(script) = found.filter(|script| !matches!(script, Name::Common | Name::Inherited | Name::Unknown)) {
        return Some(script.full_name());
    }
    let common = COMMON.iter().map(|(name, _)| *name);
    let finding =
        Finding::new(codes::WRONG_ARGUMENTS, reader.source(), name.span, format!("there is no script `{written}`"))
            .with_help("scripts are named as in Unicode, in lower case: `han`, `latin`, `cyrillic`, `hiragana`, …")
            .did_you_mean(written, name.span, common);
    reader.add(finding)
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

impl Constraint for Script {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Safety
    }

    fn prompt(&self, language: Language) -> String {
        let chinese = |name: &&&str| {
            let lower = name.to_lowercase();
            COMMON
                .iter()
                .find(|(known, _)| *known == lower)
                .map_or_else(|| format!("{name}字母"), |(_, zh)| (*zh).to_owned())
        };
        match language {
            Language::Zh => {
                let names: Vec<String> = self.names.iter().map(|name| chinese(&name)).collect();
                format!("除数字和标点外，回答中只使用{}。", names.join("和"))
            }
            Language::En => {
                let names: Vec<String> = self.names.iter().map(|name| name.replace('_', " ")).collect();
                format!("Apart from digits and punctuation, write {} characters only.", names.join(" and "))
            }
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Forbidden { terms: &[], patterns: &self.forbidden, matching: Matching::usual() }
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Forbid { terms: &[], patterns: &self.forbidden, matching: Matching::usual() }
    }

    /// How a text is written is a matter of a reply's shape: a notice may name a foreign customer.
    fn binds_notices(&self) -> bool {
        false
    }

    /// The monitor itself knows about matches.
    fn outlook(&self, _view: &View<'_>) -> Residual {
        Residual::Open
    }
}
