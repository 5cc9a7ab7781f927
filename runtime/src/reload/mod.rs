//! Contracts and plugins that change while they are served.
//!
//! ```text
//! something changed ─► look: plugins loaded aside, contracts compiled
//!                   ─► the contracts' own texts under each new plugin ─► exchanged, or the old one stays
//!                   ─► contracts against the plugins now in force     ─► taken, or the old one stays
//! ```
//!
//! Both are looked at together, so that a plugin and a contract that need each other can be deployed
//! together: a plugin is tried by the contracts as they will be. A reply that is on its way keeps the
//! contract and the plugins that it began with.

mod cases;
mod plugins;
mod watch;

use tokio_util::sync::CancellationToken;

pub use plugins::{PluginEvent, Plugins};
pub use watch::{Place, Watch};

use crate::contracts::{Candidate, Event, Reloader};

/// Takes over what changes in the folders.
#[derive(Debug)]
pub struct Reload {
    /// The contracts.
    pub contracts: Reloader,
    /// The plugins.
    pub plugins: Plugins,
}

/// What became of what had changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Of the plugins.
    pub plugins: Vec<PluginEvent>,
    /// Of the contracts.
    pub contracts: Vec<Event>,
}

impl Reload {
    /// Looks whenever something may have changed, until the stop signal.
    pub async fn run(mut self, mut watch: Watch, stop: CancellationToken) {
        loop {
            // First a look: something may have changed between loading and watching.
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _events = self.look() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = watch.changed() => {}
            }
        }
    }

    /// Looks once. A folder that cannot be read is told in the log, and what is in force of it stays.
    pub async fn look(&mut self) -> Events {
        let look = self.plugins.look().await;
        let mut candidate = self.read(false).await;
        let mut events = Events::default();
        if !look.is_empty() || (candidate.is_some() && self.plugins.waits()) {
            let contracts = candidate.as_ref().map_or_else(|| self.contracts.contracts.list(), Candidate::roles);
            events.plugins = self.plugins.exchange(look, &contracts).await;
            if candidate.is_none() && events.plugins.iter().any(PluginEvent::is_a_change) {
                candidate = self.read(true).await;
            }
        }
        if let Some(candidate) = candidate {
            events.contracts = self.contracts.apply(candidate).await;
        }
        events
    }

    async fn read(&self, again: bool) -> Option<Candidate> {
        let read = self.contracts.read(again).await;
        read.unwrap_or_else(|error| {
            tracing::warn!(%error, "the contract folder cannot be read; what is in force stays");
            None
        })
    }
}
