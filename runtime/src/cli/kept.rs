//! What commands that only read keep for the next call, and where.

use std::path::PathBuf;

use crate::config::{Config, cache_home};

/// Folders of what can be made anew. They make no data directory, which would look like a server's: where there is none,
/// the user's own folder for caches has them, and where there is not even that, nothing is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// Compiled plugins.
    pub(super) plugins: Option<PathBuf>,
    /// What `verify` found.
    pub(super) results: Option<PathBuf>,
}

impl Kept {
    /// The folders under these settings.
    pub(super) fn of(config: &Config) -> Self {
        if config.data.is_dir() {
            let (plugins, results) = (config.data.join("plugin-cache"), config.data.join("cache/verify"));
            return Self { plugins: Some(plugins), results: Some(results) };
        }
        let Some(base) = cache_home().map(|base| base.join("rolecall")) else { return Self::default() };
        Self { plugins: Some(base.join("plugins")), results: Some(base.join("verify")) }
    }
}
