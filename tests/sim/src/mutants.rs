//! Known bugs of such protocols, as substitutions in the sources: the shipped code knows nothing of them.
//!
//! `mutants/*.toml` lists them. Each is applied to a copy of the sources, built there, and run: a
//! simulator that does not notice is too weak.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// A bug to be put in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// Its name.
    pub name: String,
    /// What it does wrong, in words.
    pub bug: String,
    /// The file, relative to the repository.
    pub file: String,
    /// Text that occurs in it exactly once.
    pub old: String,
    /// What takes its place.
    pub new: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

impl Mutant {
    /// The text of the file with the bug in it.
    ///
    /// # Errors
    /// When the substitution does not apply any more.
    pub fn apply(&self, text: &str) -> Result<String> {
        let found = text.matches(&self.old).count();
        ensure!(found == 1, "mutant {}: its text occurs {found} times in {}, not once", self.name, self.file);
        ensure!(self.old != self.new, "mutant {} changes nothing", self.name);
        Ok(text.replacen(&self.old, &self.new, 1))
    }
}

/// All mutants of a folder, by file and in order.
///
/// # Errors
/// When a list cannot be read, or two mutants have one name.
pub fn read(folder: &Path) -> Result<Vec<Mutant>> {
    let mut lists: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    lists.sort();
    let mut mutants: Vec<Mutant> = Vec::new();
    for path in lists {
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let list: List = toml::from_str(&text).with_context(|| format!("{} cannot be read", path.display()))?;
        for mutant in list.mutant {
            let unique = mutants.iter().all(|other| other.name != mutant.name);
            ensure!(unique, "two mutants are called {}", mutant.name);
            mutants.push(mutant);
        }
    }
    Ok(mutants)
}
