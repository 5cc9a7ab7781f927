//! Texts that a pattern matches, for candidates of the analysis, and the characters it tells apart.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::pattern;

/// How long a sample may become, in bytes; longer ones are left out.
const LONGEST: usize = 4_096;

/// A few texts that a pattern may match, short ones first. They are guesses (anchors are passed over):
/// whoever uses one asks the pattern.
#[must_use]
pub fn samples(pattern: &str, flags: &str, most: usize) -> Vec<String> {
    let Some(hir) = parse(pattern, flags) else { return Vec::new() };
    let mut found = texts(&hir, most.max(1));
    found.retain(|text| !text.is_empty());
    found.sort_by_key(String::len);
    found.dedup();
    found
}

/// The ends of every range of characters that a pattern names, and their neighbours outside.
#[must_use]
pub fn alphabet(pattern: &str, flags: &str) -> Vec<char> {
    let mut found = Vec::new();
    if let Some(hir) = parse(pattern, flags) {
        named(&hir, &mut found);
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn parse(source: &str, flags: &str) -> Option<Hir> {
    pattern::hir(source, flags).ok()
}

fn texts(hir: &Hir, most: usize) -> Vec<String> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(class) => characters(class, most).into_iter().map(String::from).collect(),
        HirKind::Repetition(repetition) => {
            let times = repetition.min as usize;
            let inner = texts(&repetition.sub, most);
            let repeated = |text: &String| (text.len().saturating_mul(times) <= LONGEST).then(|| text.repeat(times));
            inner.iter().filter_map(repeated).collect()
        }
        HirKind::Capture(capture) => texts(&capture.sub, most),
        HirKind::Concat(parts) => {
            let mut joined = vec![String::new()];
            for part in parts {
                let further = texts(part, most);
                let pairs = joined.iter().flat_map(|head| further.iter().map(move |tail| format!("{head}{tail}")));
                joined = pairs.filter(|text| text.len() <= LONGEST).take(most).collect();
            }
            joined
        }
        HirKind::Alternation(branches) => {
            let each = (most / branches.len().max(1)).max(1);
            branches.iter().flat_map(|branch| texts(branch, each)).take(most).collect()
        }
    }
}

/// Members of a class that read well: a Han character, a letter, a digit, else its first.
fn characters(class: &Class, most: usize) -> Vec<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.ranges().iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            class.ranges().iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
        }
    };
    let within = |c: &char| ranges.iter().any(|(start, end)| start <= c && c <= end);
    let mut found: Vec<char> = ['a', '好', 'A', '1', '，', ' '].into_iter().filter(within).collect();
    found.extend(ranges.first().map(|(start, _)| *start));
    found.dedup();
    found.truncate(most);
    found
}

fn named(hir: &Hir, found: &mut Vec<char>) {
    match hir.kind() {
        HirKind::Empty => {}
        // What a pattern may look at beside its own characters: line ends, and either side of a word.
        HirKind::Look(_) => found.extend(['\n', '\r', ' ', 'a']),
        HirKind::Literal(literal) => found.extend(String::from_utf8_lossy(&literal.0).chars()),
        HirKind::Class(Class::Unicode(class)) => {
            for range in class.ranges() {
                let outside = [range.start() as u32 - u32::from(range.start() > '\0'), range.end() as u32 + 1];
                found.extend([range.start(), range.end()]);
                found.extend(outside.into_iter().filter_map(char::from_u32));
            }
        }
        HirKind::Class(Class::Bytes(class)) => {
            for range in class.ranges() {
                found.extend([char::from(range.start()), char::from(range.end())]);
            }
        }
        HirKind::Repetition(repetition) => named(&repetition.sub, found),
        HirKind::Capture(capture) => named(&capture.sub, found),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().for_each(|part| named(part, found)),
    }
}

#[cfg(test)]
mod tests {
    use super::{alphabet, samples};

    #[test]
    fn samples_are_matched_by_their_patterns() {
        for pattern in ["订单[0-9]{3,}", "(?i)thank(s| you)", "^A.c$", "[^a-z]+x", "a{2}(b|c){1,2}", r"\d\w\s"] {
            let found = samples(pattern, "", 8);
            let regex = regex_automata::meta::Regex::new(pattern).expect("a pattern");
            assert!(
                !found.is_empty() && found.iter().all(|text| regex.is_match(text.as_str())),
                "{pattern}: {found:?}"
            );
        }
        assert!(samples("(", "", 4).is_empty());
        assert!(samples("a{5000}b", "", 4).is_empty());
    }

    #[test]
    fn both_sides_of_a_range_are_named() {
        assert_eq!(alphabet("[b-d]x", ""), ['a', 'b', 'd', 'e', 'x']);
    }
}
