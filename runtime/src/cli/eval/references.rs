//! Whether what a user refers to is found. Each turn is a decision: does it refer to anything? A turn is
//! right if all that it refers to is found and nothing else.

use super::data::{DataError, Source};
use super::score::Confusion;
use super::suite::{Judged, language};
use crate::dialogue::{CASES, Case, Cases, Part, measure};

/// The files that ship with the program.
pub(super) fn bundled() -> Vec<Source> {
    let names = ["references/zh.txt", "references/en.txt"];
    names.into_iter().zip(CASES).map(|(name, (_, text))| Source::bundled(name, text)).collect()
}

/// Asks about every turn of a file.
pub(super) fn judge(source: &Source) -> Result<Vec<Judged>, DataError> {
    let cases = Cases::read(&source.text);
    let cases = cases.map_err(|message| DataError::Set { file: source.name.to_string(), message })?.0;
    if cases.is_empty() {
        return Err(DataError::Empty { file: source.name.to_string() });
    }
    Ok(cases.into_iter().map(|case| decide(source, case)).collect())
}

fn decide(source: &Source, case: Case) -> Judged {
    let (place, language) = (source.place(case.place.1), language(&case.user));
    let split = match case.part {
        Part::Dev => "dev",
        Part::Test => "test",
    };
    let class = match case.expected.first().map(String::as_str) {
        None => "none",
        Some("?") => "not to be guessed",
        Some(about) if about.starts_with("about") => "about",
        Some(_) => "points",
    };
    let (refers, text) = (!case.expected.is_empty(), case.user.clone());
    let figures = measure(&Cases(vec![case]));
    Judged {
        place,
        language,
        split: split.to_owned(),
        class: class.to_owned(),
        text,
        right: figures.right == 1,
        confusion: Confusion::of(refers, figures.found + figures.invented > 0),
        found: figures.failures.concat(),
    }
}
