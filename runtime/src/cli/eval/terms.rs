//! Whether disguised terms are found, and ordinary text is left alone.

use std::collections::HashSet;

use rolecall_dsl::compile;
use rolecall_dsl::figures::{self, Case, Figure, SetError};
use rolecall_dsl::source::Source as ContractSource;

use super::data::{DataError, Source};
use super::score::Confusion;
use super::suite::{Judged, language};

const ATTACK: &str = include_str!("../../../../dsl/tests/terms/attack.tsv");
const BENIGN: &str = include_str!("../../../../dsl/tests/terms/benign.tsv");
const HOUSE: &str = include_str!("../../../../dsl/tests/terms/benign.role");

/// The files that ship with the program.
pub(super) fn bundled() -> Vec<Source> {
    let files = [("attack.tsv", ATTACK), ("benign.tsv", BENIGN), ("benign.role", HOUSE)];
    files.map(|(name, text)| Source::bundled(name, text)).to_vec()
}

/// Asks about every text. A file with three columns holds disguised terms, each with its rule; one with
/// two holds ordinary texts, judged by the contract among the files.
pub(super) fn judge(sources: &[Source]) -> Result<Vec<Judged>, DataError> {
    let (contracts, sets): (Vec<&Source>, Vec<&Source>) = sources.iter().partition(|it| is_contract(it));
    let mut judged = Vec::new();
    for set in sets {
        let bad = |SetError { line, message }| DataError::Case { place: set.place(line), message };
        let columns = set.cases().next().map(|(_, line)| line.split('\t').count());
        match columns {
            None => return Err(DataError::Empty { file: set.name.to_string() }),
            Some(2) => {
                let cases = figures::ordinary(&set.text).map_err(bad)?;
                let program = contract(contracts.first().copied(), set)?;
                judged.extend(decided(set, &cases, &figures::found(&cases, &program)));
            }
            Some(_) => {
                let cases = figures::attacks(&set.text).map_err(bad)?;
                // A rule that cannot be read is told by the case's number, not by its line.
                let line = |number| set.cases().nth(number - 1).map_or(number, |(line, _)| line);
                let figures = figures::recall(&cases);
                let figures = figures.map_err(|error| bad(SetError { line: line(error.line), ..error }))?;
                judged.extend(decided(set, &cases, &figures));
            }
        }
    }
    if judged.is_empty() {
        let file = sources.first().map(|source| source.name.to_string()).unwrap_or_default();
        return Err(DataError::Empty { file });
    }
    Ok(judged)
}

fn is_contract(source: &Source) -> bool {
    source.name.ends_with(".role")
}

/// The rules that ordinary texts are judged by.
fn contract(source: Option<&Source>, set: &Source) -> Result<std::sync::Arc<rolecall_dsl::Program>, DataError> {
    let Some(source) = source else { return Err(DataError::NoContract { file: set.name.to_string() }) };
    let compiled = compile(&ContractSource::new(&source.name, &source.text));
    match compiled.contracts.first() {
        Some(contract) => Ok(std::sync::Arc::clone(&contract.program)),
        None => Err(DataError::Contract { file: source.name.to_string() }),
    }
}

fn decided(set: &Source, cases: &[Case], figures: &[Figure]) -> Vec<Judged> {
    let found: HashSet<&str> = figures.iter().flat_map(|figure| &figure.found).map(String::as_str).collect();
    let lines = set.cases().map(|(line, _)| line);
    cases.iter().zip(lines).map(|(case, line)| decide(set, case, line, found.contains(case.name.as_str()))).collect()
}

fn decide(set: &Source, case: &Case, line: usize, found: bool) -> Judged {
    let disguised = case.place.is_some();
    Judged {
        place: set.place(line),
        language: language(&case.text),
        split: String::new(),
        class: format!("{} {}", if disguised { "disguised" } else { "ordinary" }, case.class()),
        text: case.text.clone(),
        right: found == disguised,
        confusion: Confusion::of(disguised, found),
        found: if found { "a forbidden term" } else { "nothing" }.to_owned(),
    }
}
