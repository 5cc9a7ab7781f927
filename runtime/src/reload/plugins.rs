//! Plugins in exchange for others.

use std::collections::BTreeMap;

use rolecall_plugin_host::{Look, PluginHost, Staged};

use super::cases::{self, Lost};
use crate::contracts::{Candidate, Outcome, Reloader, blocking};
use crate::telemetry::Metrics;

/// Takes over what changes in the plugin folder.
#[derive(Debug)]
pub struct Plugins {
    host: PluginHost,
    metrics: Metrics,
    locked: bool,
    /// Loaded, but not taken; a changed contract may make room for them.
    waiting: BTreeMap<String, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    staged: Staged,
    /// Why it was not taken, once that is told.
    reason: Option<String>,
    /// Whether another try may end otherwise although no file has changed.
    passing: bool,
}

/// What became of one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginEvent {
    /// Its name; of a file that is no plugin, the file's name without `.wasm`.
    pub plugin: String,
    /// What was done.
    pub outcome: Outcome,
    /// Why something was not taken, one sentence without a full stop.
    pub reason: Option<String>,
}

impl PluginEvent {
    /// Whether other plugins are in force than before.
    #[must_use]
    pub fn is_a_change(&self) -> bool {
        matches!(self.outcome, Outcome::Taken | Outcome::Added | Outcome::Removed)
    }
}

impl Plugins {
    /// The plugins of a host. With `locked` only what the folder's lock pins is exchanged, and nothing where
    /// there is no such lock: what another file lets through cannot be compared.
    #[must_use]
    pub fn new(host: PluginHost, metrics: Metrics, locked: bool) -> Self {
        Self { host, metrics, locked, waiting: BTreeMap::new() }
    }

    /// Whether a plugin was kept out by what may pass: it gave no judgement when it was tried.
    pub(super) fn is_to_try_again(&self) -> bool {
        self.waiting.values().any(|waiting| waiting.passing)
    }

    /// Looks at the folder.
    pub(super) async fn look(&self) -> Look {
        let host = self.host.clone();
        blocking(move || host.look()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the plugins cannot be looked at; what is in force stays");
            Look::default()
        })
    }

    /// Tries what changed: the plugins that are to be in force, and what becomes of each. Nothing is lost by
    /// them that the contracts hold which would then be in force.
    pub(super) async fn try_out(
        &mut self,
        look: Look,
        contracts: &Reloader,
        candidate: Option<&Candidate>,
    ) -> (PluginHost, Vec<PluginEvent>) {
        let (mut view, mut events) = (self.host.pinned().on_trial(), Vec::new());
        for name in look.withdrawn {
            self.waiting.remove(&name);
            events.extend(self.withdrawn(&name, &mut view, contracts));
        }
        if !events.is_empty() {
            // Now, and not after what is compiled and tried below.
            self.host.adopt(&view);
        }
        for name in look.gone {
            self.waiting.remove(&name);
            events.extend(self.gone(&name, &mut view, contracts));
        }
        for (file, reason) in look.refused {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            self.waiting.remove(&name);
            events.push(PluginEvent { plugin: name, outcome: Outcome::Refused, reason: Some(reason.to_string()) });
        }
        for staged in look.staged {
            let name = staged.manifest().name.clone();
            self.waiting.insert(name, Waiting { staged, reason: None, passing: false });
        }
        for (name, waiting) in std::mem::take(&mut self.waiting) {
            events.extend(self.stage(name, waiting, &mut view, contracts, candidate).await);
        }
        (view, events)
    }

    /// Takes into force what was tried.
    pub(super) fn adopt(&self, view: &PluginHost, events: &[PluginEvent]) {
        if events.iter().any(PluginEvent::is_a_change) {
            self.host.adopt(view);
        }
        for event in events {
            self.tell(event);
        }
    }

    fn gone(&self, name: &str, view: &mut PluginHost, contracts: &Reloader) -> Option<PluginEvent> {
        view.manifest(name)?;
        let event = |outcome, reason| Some(PluginEvent { plugin: name.to_owned(), outcome, reason });
        if self.locked {
            return event(Outcome::Locked, Some("its file is gone, and contracts are locked".to_owned()));
        }
        *view = view.without(name);
        event(Outcome::Removed, Self::missed(name, contracts))
    }

    /// What an operator takes away is taken away at once, locked or not.
    fn withdrawn(&self, name: &str, view: &mut PluginHost, contracts: &Reloader) -> Option<PluginEvent> {
        view.manifest(name)?;
        *view = view.without(name);
        let needs = "it needs what is no longer granted to it";
        let reason =
            Self::missed(name, contracts).map_or_else(|| needs.to_owned(), |missed| format!("{needs}; {missed}"));
        Some(PluginEvent { plugin: name.to_owned(), outcome: Outcome::Removed, reason: Some(reason) })
    }

    /// Who has no such plugin any more.
    fn missed(name: &str, contracts: &Reloader) -> Option<String> {
        let users = contracts.contracts.list();
        let users: Vec<&str> = users.iter().filter(|it| cases::names(it, name)).map(|it| it.name.as_str()).collect();
        let reason = format!("it was named by {}; their `on_failure` decides what is said", users.join(", "));
        Some(reason).filter(|_| !users.is_empty())
    }

    async fn stage(
        &mut self,
        name: String,
        waiting: Waiting,
        view: &mut PluginHost,
        contracts: &Reloader,
        candidate: Option<&Candidate>,
    ) -> Option<PluginEvent> {
        let Waiting { staged, reason: told, .. } = waiting;
        if view.has(&staged) {
            return None;
        }
        let then = view.with(&staged);
        let lost = if self.locked && !self.host.is_pinned() {
            let reason = "contracts are locked, and no plugins.lock pins what may come".to_owned();
            Some((Outcome::Locked, Lost { reason, passing: false }))
        } else {
            let roles = match candidate {
                Some(candidate) => contracts.prepare(candidate.clone(), &then).await.roles(),
                None => contracts.contracts.list(),
            };
            cases::lost(&name, view, &then, &roles).await.map(|lost| (Outcome::Refused, lost))
        };
        let Some((outcome, Lost { reason, passing })) = lost else {
            let known = view.manifest(&name).is_some();
            *view = then;
            let outcome = if known { Outcome::Taken } else { Outcome::Added };
            return Some(PluginEvent { plugin: name, outcome, reason: None });
        };
        let is_news = told.as_ref() != Some(&reason);
        self.waiting.insert(name.clone(), Waiting { staged, reason: Some(reason.clone()), passing });
        is_news.then_some(PluginEvent { plugin: name, outcome, reason: Some(reason) })
    }

    fn tell(&self, event: &PluginEvent) {
        // A file may have any name, and a metric has its labels for ever.
        let known = self.host.manifest(&event.plugin).is_some() || event.is_a_change();
        self.metrics.plugin_change(if known { &event.plugin } else { "" }, event.outcome.name());
        let (plugin, reason) = (event.plugin.as_str(), event.reason.as_deref().unwrap_or_default());
        let version = self.host.manifest(plugin).map(|manifest| manifest.version.clone()).unwrap_or_default();
        match event.outcome {
            Outcome::Taken => tracing::info!(plugin, version, "a changed plugin is in force"),
            Outcome::Added => tracing::info!(plugin, version, "a new plugin is in force"),
            Outcome::Removed if reason.is_empty() => tracing::info!(plugin, "a plugin is no longer in force"),
            Outcome::Removed => tracing::warn!(plugin, reason, "a plugin is no longer in force"),
            Outcome::Refused | Outcome::Locked if version.is_empty() => {
                tracing::warn!(plugin, reason, "a plugin is not taken");
            }
            Outcome::Refused | Outcome::Locked => {
                tracing::warn!(plugin, version, reason, "a changed plugin is not taken; the version in force stays");
            }
        }
    }
}
