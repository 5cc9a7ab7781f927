//! The alphabet that texts are enumerated over: everything the rules name, and one of every class of
//! characters that the checker tells apart.

use rolecall_dsl::constraint::Fact;
use rolecall_dsl::contract::Rule;

use super::literal;

/// What any rule may be sensitive to.
const GENERAL: [&str; 20] = [
    "好",
    "山",
    "ok",
    "7",
    "。",
    "？",
    "!",
    ".",
    "\n",
    " ",
    "，",
    "何必",
    "岂能如此",
    "吗",
    "Who cares",
    "“",
    "”",
    "(",
    ")",
    "天气好？",
];

/// Characters of every class, for texts of a few characters.
pub(crate) const CLASSES: [char; 12] = ['好', 'a', 'B', '7', '。', '?', '.', '，', '“', '”', 'か', '*'];

/// The pieces for a set of rules, those that the rules name first; at most 60.
pub(crate) fn pieces(rules: &[&Rule]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for rule in rules {
        let named = match rule.constraint.fact() {
            // What must not be said is no way to a reply, but its neighbours are.
            Fact::Forbidden { terms, .. } => terms.iter().take(2).map(|term| halves(term)).collect(),
            Fact::Required { terms, .. } => terms.to_vec(),
            Fact::Recognized(machine) => {
                let hints = machine.hints();
                let all = [hints.starts, hints.ends, hints.includes, hints.wholes].concat();
                let single = machine.alphabet().into_iter().map(String::from);
                all.into_iter().chain(single).chain(literal::texts(rule)).collect()
            }
            _ => literal::matches(rule).map(|matches| matches.texts).unwrap_or_default(),
        };
        found.extend(named.into_iter().take(12));
    }
    found.extend(GENERAL.iter().map(ToString::to_string));
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|piece| !piece.is_empty() && seen.insert(piece.clone()));
    found.truncate(60);
    found
}

/// The first half of a term.
fn halves(term: &str) -> String {
    let length = term.chars().count();
    term.chars().take(length / 2).collect()
}

/// The characters that a set of rules is written with, at most `most`, with all that lie between the ends
/// of a pattern's ranges; `None` where a pattern has classes for which these cannot stand.
pub(crate) fn characters(rules: &[&Rule], most: usize) -> Option<Vec<char>> {
    let mut found = Vec::new();
    for rule in rules {
        let texts = match rule.constraint.fact() {
            Fact::Forbidden { terms, patterns, .. } => {
                let spelt: Option<Vec<String>> = patterns.iter().map(|pattern| spelt(pattern.source())).collect();
                [terms.to_vec(), spelt?].concat()
            }
            Fact::Required { terms, .. } => terms.to_vec(),
            Fact::Share { .. } => ["何必", "吗?", "岂能"].map(String::from).to_vec(),
            Fact::Pattern { pattern, .. } => vec![spelt(pattern.source())?],
            _ => literal::texts(rule),
        };
        found.extend(texts.iter().flat_map(|text| text.chars().collect::<Vec<_>>()));
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|c: &char| !c.is_whitespace() && seen.insert(*c));
    (found.len() <= most).then_some(found)
}

/// The characters of a pattern, and those between the ends of its ranges.
fn spelt(pattern: &str) -> Option<String> {
    let letters: Vec<char> = pattern.chars().collect();
    let mut found: String = letters.iter().filter(|c| !c.is_ascii_punctuation()).collect();
    for range in letters.windows(3).filter(|part| part[1] == '-') {
        found.extend(Some(range[0]..=range[2]).filter(|range| range.clone().all(|c| c.is_ascii_alphanumeric()))?);
    }
    // A class by name, or a mark by itself, is beyond this.
    (!pattern.contains('\\')).then_some(found)
}
