//! Where sentences end. Each place between two characters is a decision: does a sentence begin there?

use rolecall_dsl::text::sentence::Sentences;
use rolecall_dsl::text::sentence::conformance::{Case, FILE};

use super::data::{DataError, Source};
use super::score::Confusion;
use super::suite::{Judged, language};

/// The file that ships with the program.
pub(super) fn bundled() -> Vec<Source> {
    vec![Source::bundled("SentenceBreakTest-rolecall.txt", FILE)]
}

/// Asks about every text of a file.
pub(super) fn judge(source: &Source) -> Result<Vec<Judged>, DataError> {
    let mut judged = Vec::new();
    for (line, text) in source.lines() {
        let place = source.place(line);
        match Case::parse(text) {
            Ok(Some(case)) => judged.push(decide(place, case)),
            Ok(None) => {}
            Err(wrong) => return Err(DataError::Break { place, wrong }),
        }
    }
    if judged.is_empty() { Err(DataError::Empty { file: source.name.to_string() }) } else { Ok(judged) }
}

fn decide(place: String, case: Case) -> Judged {
    let mut machine = Sentences::default();
    let found: Vec<usize> = case.text.chars().filter_map(|c| machine.push(c).boundary).map(|it| it.next).collect();
    let mut confusion = Confusion::default();
    for (at, _) in case.text.char_indices().skip(1) {
        confusion.add(case.starts.contains(&at), found.contains(&at));
    }
    Judged {
        place,
        language: language(&case.text),
        split: String::new(),
        class: case.rule.unwrap_or_default(),
        found: marked(&case.text, &found),
        text: marked(&case.text, &case.starts),
        right: found == case.starts,
        confusion,
    }
}

/// The text with a mark where each sentence begins, on one line.
fn marked(text: &str, starts: &[usize]) -> String {
    let mut out = String::new();
    for (at, c) in text.char_indices() {
        if starts.contains(&at) {
            out.push('÷');
        }
        match c {
            '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.extend(c.escape_default()),
            _ => out.push(c),
        }
    }
    out
}
