//! The list of known bugs is in step with the sources; `make mutants` puts them in.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use rolecall_sim::mutants::read;

/// Fails if a substitution does not apply any more: the bug it stands for would not be looked for.
#[test]
fn every_mutant_applies() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mutants = read(&folder.join("mutants")).unwrap();
    let stale: Vec<String> = mutants
        .iter()
        .filter_map(|mutant| {
            let text = std::fs::read_to_string(folder.join("../..").join(&mutant.file)).unwrap();
            mutant.apply(&text).err().map(|error| error.to_string())
        })
        .collect();
    assert!(stale.is_empty(), "{}", stale.join("\n"));
    let shipped = mutants.iter().filter(|mutant| mutant.file.starts_with("sdk/wire/src/")).count();
    assert!(mutants.len() >= 60 && shipped >= 50, "{} mutants, {shipped} of them in what ships", mutants.len());
}
