//! Which sentences are rhetorical questions.

use rolecall_dsl::text::sentence::{Sentences, count};
use rolecall_dsl::text::styles::Styles;

use super::data::{DataError, Source};
use super::score::Confusion;
use super::suite::{Judged, language};

const ZH: &str = include_str!("../../../../dsl/tests/rhetorical/labelled_zh.tsv");
const EN: &str = include_str!("../../../../dsl/tests/rhetorical/labelled_en.tsv");

const HEADER: [&str; 4] = ["split", "label", "class", "text"];

/// The files that ship with the program.
pub(super) fn bundled() -> Vec<Source> {
    vec![Source::bundled("labelled_zh.tsv", ZH), Source::bundled("labelled_en.tsv", EN)]
}

/// Asks about every sentence of a file.
pub(super) fn judge(source: &Source) -> Result<Vec<Judged>, DataError> {
    source.rows(HEADER)?.into_iter().map(|(line, row)| sentence(source, line, row)).collect()
}

fn sentence(source: &Source, line: usize, [split, label, class, text]: [&str; 4]) -> Result<Judged, DataError> {
    let place = source.place(line);
    let value = |column, found: &str, wanted| {
        Err(DataError::Value { place: source.place(line), column, found: found.to_owned(), wanted })
    };
    let wanted = match label {
        "yes" => true,
        "no" => false,
        other => return value("label", other, "yes or no"),
    };
    if !matches!(split, "dev" | "test") {
        return value("split", split, "dev or test");
    }
    let sentences = count(text);
    if sentences != 1 {
        return Err(DataError::Sentences { place, found: sentences });
    }
    let found = is_rhetorical(text);
    Ok(Judged {
        place,
        language: language(text),
        split: split.to_owned(),
        class: format!("{label} {class}"),
        text: text.to_owned(),
        right: wanted == found,
        confusion: Confusion::of(wanted, found),
        found: if found { "rhetorical" } else { "not rhetorical" }.to_owned(),
    })
}

/// What the rules that bound a share of rhetorical questions see.
fn is_rhetorical(sentence: &str) -> bool {
    let (mut machine, mut styles) = (Sentences::default(), Styles::default());
    for c in sentence.chars() {
        let event = machine.push(c);
        styles.push(c, &event);
    }
    styles.forms().rhetorical
}
