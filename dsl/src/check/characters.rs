//! Characters that deceive the eye: in a contract they hide what it says.

use unicode_script::{Script, UnicodeScript as _};

use crate::diagnostic::{Finding, codes};
use crate::source::Source;
use crate::span::Span;

/// Warns about bidirectional controls, invisible characters and letters that look like others.
pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    let text = source.text();
    let mut before = None;
    for (offset, c) in text.char_indices() {
        let after = text.get(offset + c.len_utf8()..).and_then(|rest| rest.chars().next());
        if let Some(finding) = single(source, offset, c, before, after) {
            findings.push(finding);
        }
        before = Some(c);
    }
    for (start, run) in letter_runs(text) {
        findings.extend(mixed(source, start, run));
    }
}

fn single(source: &Source, offset: usize, c: char, before: Option<char>, after: Option<char>) -> Option<Finding> {
    let name = format!("U+{:04X}", u32::from(c));
    let place = span(offset, c.len_utf8());
    if is_bidi_control(c) {
        let message = format!("the bidirectional control {name} shows text in another order than it has");
        return Some(
            Finding::new(codes::BIDI_CONTROL, source, place, message)
                .with_help("remove it, or write it as an escape in a text")
                .with_fix(place, ""),
        );
    }
    let joins_emoji = c == '\u{200D}' && [before, after].iter().all(|c| c.is_some_and(|c| !c.is_alphanumeric()));
    let is_mark = offset == 0 && c == '\u{FEFF}';
    if !is_invisible(c) || joins_emoji || is_mark {
        return None;
    }
    let message = format!("the character {name} cannot be seen");
    Some(
        Finding::new(codes::INVISIBLE_CHARACTER, source, place, message)
            .with_help("remove it, or write it as an escape in a text")
            .with_fix(place, ""),
    )
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{7F}'..='\u{9F}'
        | '\u{AD}' | '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180E}'
        | '\u{200B}'..='\u{200D}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2064}' | '\u{206A}'..='\u{206F}'
        | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// Runs of alphabetic characters with where they start.
fn letter_runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let from = rest + text.get(rest..)?.find(char::is_alphabetic)?;
        let tail = text.get(from..)?;
        let length = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        rest = from + length;
        Some((from, tail.get(..length)?))
    })
}

/// The foreign letters of a word that has Latin letters and look-alikes of Latin letters.
fn mixed(source: &Source, start: usize, run: &str) -> Option<Finding> {
    if run.is_ascii() || !run.chars().any(|c| c.script() == Script::Latin) {
        return None;
    }
    let (offset, c, twin) = run.char_indices().find_map(|(offset, c)| {
        let foreign = matches!(c.script(), Script::Cyrillic | Script::Greek | Script::Armenian | Script::Cherokee);
        let mut skeleton = unicode_security::skeleton(c.encode_utf8(&mut [0; 4])).collect::<String>();
        let twin = skeleton.pop().filter(|twin| foreign && skeleton.is_empty() && twin.is_ascii_alphabetic())?;
        Some((offset, c, twin))
    })?;
    let place = span(start + offset, c.len_utf8());
    let message = format!("`{c}` (U+{:04X}, {}) looks like the Latin `{twin}`", u32::from(c), c.script().full_name());
    Some(
        Finding::new(codes::CONFUSABLE, source, place, message)
            .with_related(span(start, run.len()), "in this word, whose other letters are Latin")
            .with_help(format!("write the Latin `{twin}`"))
            .with_fix(place, twin),
    )
}

fn span(start: usize, length: usize) -> Span {
    let at = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    Span::new(at(start), at(start + length))
}
