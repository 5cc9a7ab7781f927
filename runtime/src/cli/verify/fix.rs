//! Remedies that need no author: they are applied to the files before these are tried.

use std::path::PathBuf;

use anyhow::Context;
use rolecall_dsl::compile_with;
use rolecall_dsl::diagnostic::apply as apply_fixes;
use rolecall_dsl::source::Source;

use crate::cli::fmt::replace;
use crate::contracts::{Folders, read_source};

/// A remedy may bring up the next finding; more rounds than this are not made.
const MAX_ROUNDS: usize = 5;

/// Applies what the findings of each file offer, and says how many files changed. What cannot be
/// read stays as it is and is reported when it is tried.
pub(super) fn apply(files: &[PathBuf], folders: &Folders) -> anyhow::Result<usize> {
    let mut changed = 0;
    for file in files {
        let Ok(source) = read_source(file) else { continue };
        let mut text = source.clone();
        for _ in 0..MAX_ROUNDS {
            let fixed = apply_fixes(&text, &compile_with(&text, folders).findings);
            if fixed == text.text() {
                break;
            }
            text = Source::new(source.name(), &fixed);
        }
        if text.text() != source.text() {
            replace(file, text.text()).with_context(|| format!("cannot write {}", file.display()))?;
            changed += 1;
        }
    }
    Ok(changed)
}
