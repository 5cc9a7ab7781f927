//! Contracts and plugins that change while they are served.
//!
//! ```text
//! something changed ─► look: plugins loaded aside, contracts compiled
//!                   ─► per new plugin: the contracts that would be in force with it judge their own texts
//!                   ─► both sets exchanged; whatever is refused, the old one of it stays
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
        // Contracts that did not fit the plugins before may fit them now.
        let again = !look.is_empty() || self.plugins.is_to_try_again();
        let candidate = self.read(again).await;
        if candidate.is_none() && look.is_empty() {
            return Events::default();
        }
        let (plugins, events) = self.plugins.try_out(look, &self.contracts, candidate.as_ref()).await;
        let contracts = match candidate {
            Some(candidate) => Some(self.contracts.prepare(candidate, &plugins).await),
            None => None,
        };
        // Both at once, as near as two pointers can be: whoever begins now has the new contract and the new
        // plugins.
        self.plugins.adopt(&plugins, &events);
        let contracts = contracts.map(|prepared| self.contracts.commit(prepared)).unwrap_or_default();
        Events { plugins: events, contracts }
    }

    async fn read(&self, again: bool) -> Option<Candidate> {
        let read = self.contracts.read(again).await;
        read.unwrap_or_else(|error| {
            tracing::warn!(%error, "the contract folder cannot be read; what is in force stays");
            None
        })
    }
}
