//! Contracts that change while they are served.
//!
//! A changed contract without errors takes effect for the turns that begin after it; a turn on its
//! way keeps the contract that it began with. One with errors is not taken, and the one in force
//! stays. What a change lets through is said with a reply as example. Under a lock, nothing is taken
//! that lets through, or may let through, what was refused before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::diagnostic::{Finding, Severity};
use rolecall_dsl::source::Source;
use rolecall_plugin_host::PluginHost;

use super::load::{Checked, check_sources};
use super::{
    Change, Contracts, ContractsError, Folders, RefusedRole, Set, check_policies, opening_words, read_source,
    relation_name, role_files,
};
use crate::model::Models;
use crate::telemetry::Metrics;

/// Takes over what changes in a folder.
#[derive(Debug)]
pub struct Reloader {
    /// What is in force.
    pub contracts: Contracts,
    /// The folder.
    pub dir: PathBuf,
    /// The plugins that contracts may name.
    pub plugins: PluginHost,
    /// The models that contracts may name the routes of.
    pub models: Models,
    /// Where changes are counted.
    pub metrics: Metrics,
    /// Whether to take nothing that may let more through.
    pub locked: bool,
}

/// What became of one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The role.
    pub role: String,
    /// What was done.
    pub outcome: Outcome,
    /// What changed, if both versions are sound.
    pub change: Option<Change>,
    /// Why something was not taken, one sentence without a full stop.
    pub reason: Option<String>,
}

/// What was done with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is in force.
    Taken,
    /// The role is new.
    Added,
    /// The role is gone.
    Removed,
    /// The new contract has errors.
    Refused,
    /// It may let more through, and contracts are locked.
    Locked,
}

impl Outcome {
    /// As metrics and logs name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Refused => "refused",
            Self::Locked => "locked",
        }
    }
}

/// Files whose changes are noticed, imported ones included; more are as good as unread.
const MAX_FILES: usize = 20_000;

/// The contracts of a folder as they may come into force; the plugins are not asked yet.
#[derive(Clone)]
pub(crate) struct Candidate {
    old: Arc<Set>,
    checked: Checked,
    read: blake3::Hash,
}

/// A set of contracts that is to come into force with these plugins.
pub(crate) struct Prepared {
    set: Set,
    events: Vec<Event>,
}

impl Prepared {
    /// The contracts that will be in force.
    pub(crate) fn roles(&self) -> Vec<Arc<Contract>> {
        self.set.roles.values().cloned().collect()
    }
}

type Texts = Vec<Result<Source, Box<Finding>>>;

impl Reloader {
    /// Looks once.
    ///
    /// # Errors
    /// When the folder cannot be read; then nothing changes.
    pub async fn reload(&self) -> Result<Vec<Event>, ContractsError> {
        Ok(match self.read(false).await? {
            Some(candidate) => self.commit(self.prepare(candidate, &self.plugins).await),
            None => Vec::new(),
        })
    }

    /// Reads the folder; `None` when it is as before and not wanted `again`.
    pub(crate) async fn read(&self, again: bool) -> Result<Option<Candidate>, ContractsError> {
        let (dir, old) = (self.dir.clone(), self.contracts.0.load_full());
        let before = old.read.filter(|_| !again);
        let folders = Folders::of(std::slice::from_ref(&dir));
        let known = folders.clone();
        let Some((texts, read)) = blocking(move || changed(&dir, &known, before)).await.transpose()? else {
            return Ok(None);
        };
        let checked = blocking(move || check_sources(&texts, &folders)).await;
        Ok(Some(Candidate { old, checked, read }))
    }

    /// Decides what would be in force with these plugins.
    pub(crate) async fn prepare(&self, candidate: Candidate, plugins: &PluginHost) -> Prepared {
        let Candidate { old, mut checked, read } = candidate;
        ask_plugins(&mut checked, plugins).await;
        let locked = self.locked;
        let (mut set, events) = blocking(move || decide(&old, &checked, locked, Change::between)).await;
        set.read = Some(read);
        Prepared { set, events }
    }

    /// Takes it into force.
    pub(crate) fn commit(&self, Prepared { set, events }: Prepared) -> Vec<Event> {
        let set = Arc::new(set);
        self.contracts.0.store(Arc::clone(&set));
        for event in &events {
            self.tell(event);
            let changed = matches!(event.outcome, Outcome::Taken | Outcome::Added);
            let missing = set.roles.get(&event.role).filter(|_| changed).and_then(|it| self.models.missing_route(it));
            if let Some(finding) = missing {
                tracing::warn!(role = event.role, code = %finding.code, "{}", finding.message);
            }
        }
        events
    }

    fn tell(&self, event: &Event) {
        let relation = event.change.as_ref().map_or("none", |change| relation_name(change.relation));
        self.metrics.contract_change(&event.role, event.outcome.name(), relation);
        let opening = event.change.as_ref().and_then(Change::opening);
        let scenario = opening.and_then(|it| it.scenario.as_deref()).unwrap_or_default();
        let reply = opening.and_then(|it| it.only_new.as_deref()).unwrap_or_default();
        let refused_by = opening.and_then(|it| it.loosened.as_deref()).unwrap_or_default();
        let undecided = opening.and_then(|it| it.undecided.as_deref()).unwrap_or_default();
        let reason = event.reason.as_deref().unwrap_or_default();
        let role = event.role.as_str();
        match event.outcome {
            Outcome::Taken if opening.is_some() => {
                tracing::warn!(
                    role,
                    relation,
                    scenario,
                    lets_through = reply,
                    refused_by,
                    undecided,
                    "a changed contract is in force"
                );
            }
            Outcome::Taken => tracing::info!(role, relation, "a changed contract is in force"),
            Outcome::Added => tracing::info!(role, "a new role is in force"),
            Outcome::Removed => tracing::info!(role, "a role is no longer in force"),
            Outcome::Refused if self.contracts.get(role).is_none() => {
                tracing::warn!(role, reason, "a new contract has errors and is not taken");
            }
            Outcome::Refused => tracing::warn!(role, reason, "a changed contract has errors; what is in force stays"),
            Outcome::Locked => {
                tracing::warn!(
                    role,
                    relation,
                    scenario,
                    lets_through = reply,
                    refused_by,
                    undecided,
                    reason,
                    "contracts are locked; what is in force stays"
                );
            }
        }
    }
}

async fn ask_plugins(checked: &mut Checked, plugins: &PluginHost) {
    let roles: Vec<Arc<Contract>> = checked.roles.values().cloned().collect();
    for contract in roles {
        let mut findings = check_policies(&contract, plugins).await;
        findings.retain(|finding| finding.severity == Severity::Error);
        if !findings.is_empty() {
            checked.roles.remove(&contract.name);
            let refused = RefusedRole { role: contract.name.clone(), findings };
            checked.refused.insert(contract.name.clone(), Arc::new(refused));
        }
    }
}

/// The texts of a folder, unless they are the ones that were read before.
fn changed(
    dir: &Path,
    folders: &Folders,
    before: Option<blake3::Hash>,
) -> Option<Result<(Texts, blake3::Hash), ContractsError>> {
    let files = match role_files(dir) {
        Ok(files) => files,
        Err(error) => return Some(Err(error)),
    };
    let texts: Texts = files.iter().map(|file| read_source(file)).collect();
    let read = fingerprint(&texts, folders);
    (before != Some(read)).then_some(Ok((texts, read)))
}

/// A hash of the texts and their names, and of what they import; what cannot be read counts by why.
pub(super) fn fingerprint(texts: &[Result<Source, Box<Finding>>], folders: &Folders) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let mut add = |part: &str| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    };
    let mut files = Vec::new();
    for text in texts {
        match text {
            Ok(source) => files.push(source.clone()),
            Err(finding) => [finding.source.name(), finding.message.as_str()].into_iter().for_each(&mut add),
        }
    }
    // Imports can lie where contracts are not read from: in a hidden folder, or beside a single file.
    let mut seen: BTreeSet<String> = files.iter().map(|file| file.name().to_owned()).collect();
    let mut next = 0;
    while let Some(file) = files.get(next).cloned() {
        next += 1;
        [file.name(), file.text()].into_iter().for_each(&mut add);
        for imported in folders.imported(&file) {
            match imported {
                Ok(imported) if seen.len() >= MAX_FILES || !seen.insert(imported.name().to_owned()) => {}
                Ok(imported) => files.push(imported),
                Err(error) => add(&error.to_string()),
            }
        }
    }
    hasher.finalize()
}

/// The new state, and what became of each role that is not as before.
fn decide(
    old: &Set,
    checked: &Checked,
    locked: bool,
    between: impl Fn(&Contract, &Contract) -> Change,
) -> (Set, Vec<Event>) {
    let mut set =
        Set { roles: BTreeMap::new(), refused: checked.refused.clone(), waiting: BTreeMap::new(), read: None };
    let mut events = Vec::new();
    for (name, before) in &old.roles {
        let Some(after) = checked.roles.get(name) else {
            if let Some(reason) = broken(before, checked) {
                set.refused.remove(name);
                set.keep(before, Outcome::Refused, None, reason, old, &mut events);
            } else {
                events.push(Event { role: name.clone(), outcome: Outcome::Removed, change: None, reason: None });
            }
            continue;
        };
        let change = between(before, after);
        if locked && change.loosens() {
            let reason = why_locked(&change);
            set.keep(before, Outcome::Locked, Some(change), reason, old, &mut events);
            continue;
        }
        set.roles.insert(name.clone(), Arc::clone(after));
        if before.digest != after.digest || change.relation != rolecall_dsl::conflict::Relation::Equal {
            events.push(Event { role: name.clone(), outcome: Outcome::Taken, change: Some(change), reason: None });
        }
    }
    for (name, after) in checked.roles.iter().filter(|(name, _)| !old.roles.contains_key(*name)) {
        let reason = "the role was not in force when the contracts were locked".to_owned();
        if locked {
            set.wait(name, Outcome::Locked, None, reason, old, &mut events);
        } else {
            set.roles.insert(name.clone(), Arc::clone(after));
            events.push(Event { role: name.clone(), outcome: Outcome::Added, change: None, reason: None });
        }
    }
    for (name, refused) in checked.refused.iter().filter(|(name, _)| !old.roles.contains_key(*name)) {
        let reason = told(&refused.findings);
        if old.refused.get(name).is_none_or(|before| told(&before.findings) != reason) {
            let reason = Some(reason);
            events.push(Event { role: name.clone(), outcome: Outcome::Refused, change: None, reason });
        }
    }
    (set, events)
}

impl Set {
    /// Keeps the contract in force although its file has changed.
    fn keep(
        &mut self,
        before: &Arc<Contract>,
        outcome: Outcome,
        change: Option<Change>,
        reason: String,
        old: &Self,
        events: &mut Vec<Event>,
    ) {
        self.roles.insert(before.name.clone(), Arc::clone(before));
        self.wait(&before.name, outcome, change, reason, old, events);
    }

    /// Notes why a change is not in force, and tells it once.
    fn wait(
        &mut self,
        role: &str,
        outcome: Outcome,
        change: Option<Change>,
        reason: String,
        old: &Self,
        events: &mut Vec<Event>,
    ) {
        if old.waiting.get(role).is_none_or(|before| **before != *reason) {
            events.push(Event { role: role.to_owned(), outcome, change, reason: Some(reason.clone()) });
        }
        self.waiting.insert(role.to_owned(), reason.into());
    }
}

/// Why a role that is in force is not among the sound ones any more; `None` when its file is gone or
/// does not declare it. A file with errors may be one whose role cannot even be named.
fn broken(before: &Contract, checked: &Checked) -> Option<String> {
    if let Some(refused) = checked.refused.get(&before.name) {
        return Some(told(&refused.findings));
    }
    let own = |finding: &&Finding| finding.severity == Severity::Error && finding.source.name() == before.source.name();
    checked.findings.iter().find(own).map(|finding| told(std::slice::from_ref(finding)))
}

/// The first error, and how many follow.
pub(crate) fn told(findings: &[Finding]) -> String {
    let mut errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let Some(first) = errors.next() else { return "it has errors".to_owned() };
    let at = first.source.position(first.span.start);
    let line = format!("{}:{}:{}: {}: {}", first.source.name(), at.line, at.column, first.code, first.message);
    match errors.count() {
        0 => line,
        more => format!("{line} (and {more} more)"),
    }
}

fn why_locked(change: &Change) -> String {
    let relation = relation_name(change.relation);
    let Some(opening) = change.opening() else { return format!("the change is {relation}") };
    let scenario = opening.scenario.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
    format!("the change is {relation}{scenario}: {}", opening_words(opening))
}

/// Runs work without pauses on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        // Only the end of the runtime takes such a thread away: then this task ends with it.
        Err(error) if error.is_cancelled() => std::future::pending().await,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests;
