//! Plugins in exchange for others, while calls go on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::PluginHost;
use crate::StartError;
use crate::folder::{Look, Staged};
use crate::load;
use crate::plugin::Set;

impl PluginHost {
    /// This host with the plugins of now, whatever is exchanged later: a reply is judged by one version
    /// of each plugin from its beginning to its end.
    #[must_use]
    pub fn pinned(&self) -> Self {
        self.view(self.plugins())
    }

    /// This host for the replies of one session: policies that wish it, and are granted it, may keep their
    /// instances for the session's next reply.
    #[must_use]
    pub fn in_session(&self, session: &str) -> Self {
        Self { session: Some(Arc::from(session)), ..self.clone() }
    }

    /// This host for trials: the breakers neither decide nor hear of its calls, and no call finds what another
    /// has kept.
    #[must_use]
    pub fn on_trial(&self) -> Self {
        Self { trial: true, ..self.clone() }
    }

    /// How many instances wait for the next call of their sessions.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inner.warm.len()
    }

    /// This host with these plugins.
    fn view(&self, plugins: Arc<Set>) -> Self {
        Self { pinned: Some(plugins), ..self.clone() }
    }

    /// This host as it would be with a plugin that is not in force yet.
    #[must_use]
    pub fn with(&self, staged: &Staged) -> Self {
        let mut plugins = Set::clone(&self.plugins());
        plugins.insert(staged.manifest().name.clone(), Arc::clone(&staged.plugin));
        self.view(Arc::new(plugins))
    }

    /// Looks at the folder and loads what is new or changed since the last look, without touching what
    /// is in force. Blocks while plugins compile; looks wait for each other. A plugin that is found is
    /// told once, so whoever looks decides what becomes of it ([`PluginHost::with`], [`PluginHost::without`],
    /// [`PluginHost::adopt`]).
    ///
    /// # Errors
    /// The folder cannot be read, or the machine gives no thread; the next look finds the same changes.
    pub fn look(&self) -> Result<Look, StartError> {
        let (inner, in_force) = (&self.inner, self.inner.live.load_full());
        let look = || inner.folder.lock().look(&inner.loader, &in_force);
        let looked = load::on_guest_thread(&inner.ticker, look)??;
        // What may wait is in the grants, and what has waited long goes even when nobody speaks.
        inner.warm.clear_up();
        if let Some(cache) = &inner.loader.cache
            && looked.staged.iter().any(|staged| staged.compiled)
        {
            cache.trim();
        }
        Ok(looked)
    }

    /// Whether the folder's `plugins.lock` decides what becomes a plugin. Waits for a look that goes on.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.inner.folder.lock().is_pinned()
    }

    /// This host as it would be without a plugin.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut plugins = Set::clone(&self.plugins());
        plugins.remove(name);
        self.view(Arc::new(plugins))
    }

    /// Takes into force what another view of this host has, in one step, for calls that begin from now on.
    pub fn adopt(&self, view: &Self) {
        let plugins = view.plugins();
        let before = self.inner.live.load_full();
        for (name, plugin) in plugins.iter() {
            let older = before.get(name);
            if older.is_none_or(|older| !Arc::ptr_eq(older, plugin)) {
                plugin.succeed(older.map(AsRef::as_ref));
            }
        }
        self.inner.workers.divide(plugins.len());
        before.values().for_each(|plugin| plugin.retired.store(true, Ordering::Release));
        plugins.values().for_each(|plugin| plugin.retired.store(false, Ordering::Release));
        self.inner.live.store(plugins);
        // What waited for a version that has gone; what comes to wait from now on finds that it may not.
        self.inner.warm.clear_up();
    }

    /// Takes a plugin into force, for calls that begin from now on.
    pub fn take(&self, staged: &Staged) {
        let live = Self { pinned: None, ..self.clone() };
        self.adopt(&live.with(staged));
    }

    /// Whether a plugin of these bytes is in force.
    #[must_use]
    pub fn has(&self, staged: &Staged) -> bool {
        let manifest = staged.manifest();
        self.plugins().get(&manifest.name).is_some_and(|plugin| plugin.manifest.digest == manifest.digest)
    }

    /// The plugins to ask.
    pub(super) fn plugins(&self) -> Arc<Set> {
        self.pinned.as_ref().map_or_else(|| self.inner.live.load_full(), Arc::clone)
    }
}
