//! What a rule's own words suggest: the texts written in it, and short matches of its patterns.

use regex_syntax::hir::{Class, Hir, HirKind, Look};
use rolecall_dsl::constraint::Fact;
use rolecall_dsl::contract::Rule;

/// The texts in quotes that a rule is written with.
pub(crate) fn texts(rule: &Rule) -> Vec<String> {
    let written = rule.source.slice(rule.span);
    let mut found = Vec::new();
    let mut rest = written;
    while let Some(start) = rest.find('"') {
        let mut end = start + 1;
        let mut escaped = false;
        for c in rest[start + 1..].chars() {
            end += c.len_utf8();
            if c == '"' && !escaped {
                break;
            }
            escaped = c == '\\' && !escaped;
        }
        if let Ok(text) = serde_json::from_str::<String>(&rest[start..end]) {
            found.push(text);
        }
        rest = &rest[end..];
    }
    found.retain(|text| !text.trim().is_empty());
    found
}

/// Short matches of a required pattern, and whether they must stand at the start, or at the end.
pub(crate) struct Matches {
    pub(crate) texts: Vec<String>,
    pub(crate) at_start: bool,
    pub(crate) at_end: bool,
}

/// The matches of a rule's pattern, if it is a `must_match`.
pub(crate) fn matches(rule: &Rule) -> Option<Matches> {
    let Fact::Pattern { must: true, pattern } = rule.constraint.fact() else { return None };
    let mut parser = regex_syntax::ParserBuilder::new();
    parser
        .case_insensitive(pattern.flags().contains('i'))
        .multi_line(pattern.flags().contains('m'))
        .dot_matches_new_line(pattern.flags().contains('s'))
        .ignore_whitespace(pattern.flags().contains('x'));
    let hir = parser.build().parse(pattern.source()).expect("a pattern that was compiled");
    let mut texts = examples(&hir);
    texts.truncate(6);
    let at_start = hir.properties().look_set_prefix_any().contains(Look::Start);
    let at_end = hir.properties().look_set_suffix_any().contains(Look::End);
    Some(Matches { texts, at_start, at_end })
}

/// A few short texts that match, looks left aside.
fn examples(hir: &Hir) -> Vec<String> {
    const MOST: usize = 6;
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(class) => picks(class),
        HirKind::Capture(capture) => examples(&capture.sub),
        HirKind::Repetition(repetition) => {
            let times = usize::try_from(repetition.min).unwrap_or(1).min(2_000);
            examples(&repetition.sub).into_iter().map(|text| text.repeat(times)).collect()
        }
        HirKind::Concat(parts) => {
            let mut found = vec![String::new()];
            for part in parts {
                let more = examples(part);
                found = found.iter().flat_map(|head| more.iter().map(move |tail| format!("{head}{tail}"))).collect();
                found.truncate(MOST);
            }
            found
        }
        HirKind::Alternation(parts) => parts.iter().flat_map(examples).take(MOST).collect(),
    }
}

/// Characters of a class: plain ones first.
fn picks(class: &Class) -> Vec<String> {
    let plain = ['a', 'A', '7', '好', '。', '?', ' ', 'x', '-', '！', ','];
    let within = |c: char| match class {
        Class::Unicode(class) => class.ranges().iter().any(|range| range.start() <= c && c <= range.end()),
        Class::Bytes(class) => {
            u8::try_from(c).is_ok_and(|c| class.ranges().iter().any(|range| range.start() <= c && c <= range.end()))
        }
    };
    let mut found: Vec<String> = plain.into_iter().filter(|c| within(*c)).map(String::from).take(3).collect();
    if let Class::Unicode(class) = class {
        found.extend(class.ranges().iter().take(2).map(|range| range.start().to_string()));
    }
    found
}
