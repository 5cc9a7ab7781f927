//! The contracts in force.
//!
//! A folder is read recursively: every `*.role` file, except in subfolders named `rejected` (they
//! hold contracts that are meant to be refused) and in hidden ones. Subfolders named `shared` hold what
//! other contracts import: roles in them are not served. A role with an error is refused with its
//! findings; every other role runs. Readers never wait: a new set is swapped in whole.

mod change;
mod fields;
mod files;
mod imports;
pub(crate) mod judge;
mod load;
mod policies;
mod reload;
pub(crate) mod sandbox;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rolecall_dsl::Contract;
use rolecall_dsl::diagnostic::{Finding, Severity};
use rolecall_plugin_host::PluginHost;

pub use change::{Change, FieldChange, opening_words, relation_name};
pub use files::{read_source, role_files};
pub use imports::Folders;
pub use load::{Checked, check_sources, declared_twice};
pub use policies::check_policies;
pub(crate) use reload::{Candidate, blocking, told};
pub use reload::{Event, Outcome, Reloader};

/// The contracts in force, and the roles that were refused. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Contracts(Arc<ArcSwap<Set>>);

/// One consistent state.
#[derive(Debug, Default, Clone)]
struct Set {
    roles: BTreeMap<String, Arc<Contract>>,
    refused: BTreeMap<String, Arc<RefusedRole>>,
    /// Why a change of a role is not in force, by role.
    waiting: BTreeMap<String, Arc<str>>,
    /// What was read last, for those who read again.
    read: Option<blake3::Hash>,
}

/// A role whose contract has errors.
#[derive(Debug, Clone)]
pub struct RefusedRole {
    /// Its name; the file's stem when the file does not say.
    pub role: String,
    /// Its errors, never empty.
    pub findings: Vec<Finding>,
}

/// Why a folder of contracts cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractsError {
    /// The folder or file is not there or not readable.
    #[error("contracts {}: {detail}; name an existing folder", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// The system's word.
        detail: String,
    },
    /// More files than are read.
    #[error("contracts {}: more than {limit} contract files; split the folder", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// How many are read.
        limit: usize,
    },
}

impl Contracts {
    /// Loads a folder (or a single file). What is wrong with single contracts is in the findings.
    ///
    /// # Errors
    /// When the folder itself cannot be read.
    pub fn load(dir: &Path) -> Result<(Self, Vec<Finding>), ContractsError> {
        let sources = role_files(dir)?.iter().map(|file| read_source(file)).collect::<Vec<_>>();
        let folders = Folders::of(&[dir.to_owned()]);
        let read = Some(reload::fingerprint(&sources, &folders));
        let checked = check_sources(&sources, &folders);
        let set = Set { roles: checked.roles, refused: checked.refused, waiting: BTreeMap::new(), read };
        Ok((Self(Arc::new(ArcSwap::from_pointee(set))), checked.findings))
    }

    /// The given contracts, for callers that have no folder. Of two with one name the last stays.
    #[must_use]
    pub fn from_contracts(contracts: Vec<Arc<Contract>>) -> Self {
        let roles = contracts.into_iter().map(|contract| (contract.name.clone(), contract)).collect();
        Self(Arc::new(ArcSwap::from_pointee(Set { roles, ..Set::default() })))
    }

    /// The contract of a role.
    #[must_use]
    pub fn get(&self, role: &str) -> Option<Arc<Contract>> {
        self.0.load().roles.get(role).cloned()
    }

    /// Every contract in force, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Contract>> {
        self.0.load().roles.values().cloned().collect()
    }

    /// Why a role was refused, if it was.
    #[must_use]
    pub fn refusal(&self, role: &str) -> Option<Arc<RefusedRole>> {
        self.0.load().refused.get(role).cloned()
    }

    /// Every refused role, by name.
    #[must_use]
    pub fn refusals(&self) -> Vec<Arc<RefusedRole>> {
        self.0.load().refused.values().cloned().collect()
    }

    /// Why the change of a role's file is not in force, if there is one that is not.
    #[must_use]
    pub fn waiting(&self, role: &str) -> Option<Arc<str>> {
        self.0.load().waiting.get(role).cloned()
    }

    /// Asks the plugins about every contract that names one, and refuses the roles with errors.
    pub async fn check_policies(&self, plugins: &PluginHost) -> Vec<Finding> {
        let mut all = Vec::new();
        for contract in self.list() {
            let findings = check_policies(&contract, plugins).await;
            let errors: Vec<Finding> = findings.iter().filter(|f| f.severity == Severity::Error).cloned().collect();
            if !errors.is_empty() {
                self.refuse(&contract.name, errors);
            }
            all.extend(findings);
        }
        all
    }

    /// What the plugins say of the contracts' own texts: warnings. A version that was not taken while it was tried
    /// under a running server comes into force when that starts anew, and whoever starts it is to know.
    pub async fn try_policies(&self, plugins: &PluginHost) -> Vec<Finding> {
        let mut all = Vec::new();
        for contract in self.list() {
            if contract.rules.iter().any(|rule| rule.constraint.policy().is_some()) {
                let found = sandbox::run(&contract, plugins).await.findings;
                all.extend(found.into_iter().map(|finding| Finding { severity: Severity::Warning, ..finding }));
            }
        }
        all
    }

    fn refuse(&self, role: &str, findings: Vec<Finding>) {
        let mut set = Set::clone(&self.0.load());
        set.roles.remove(role);
        let refused = Arc::new(RefusedRole { role: role.to_owned(), findings });
        set.refused.insert(role.to_owned(), refused);
        self.0.store(Arc::new(set));
    }
}

#[cfg(test)]
mod tests;
