//! Settings: one declaration, four sources, one origin for each value.
//!
//! A value comes from the last of these that names it: the default, `rolecall.toml`, the
//! environment (`ROLECALL_<FLAG>`), the command line. Relative paths count from the working
//! directory, wherever they are written. Every problem is collected, so that a file with three
//! mistakes is corrected once. This is the only module that reads the environment.

mod allowance;
mod contradictions;
mod error;
mod file;
mod flags;
mod kinds;
mod origin;
mod redis;
mod resolve;
mod routes;
mod secret;
mod settings;
mod values;

pub use allowance::Allowance;
pub use error::{ConfigError, ConfigErrors, Place};
pub use flags::SettingFlags;
pub use kinds::{LogFormat, ModelKind, ReloadKind, StoreKind};
pub(crate) use origin::is_loopback_name;
pub use origin::{Origin, OriginRule};
pub use resolve::{Resolved, Shown, Sources};
pub use routes::Route;
pub use secret::Secret;
pub use settings::{Config, misdeeds};

/// The configuration file that is read when it exists and no other is named.
pub const DEFAULT_FILE: &str = "rolecall.toml";

/// The prefix of every environment variable that is read.
pub const ENV_PREFIX: &str = "ROLECALL_";

/// Where programs keep what they can make anew (XDG Base Directory Specification), if this machine says so.
#[must_use]
pub fn cache_home() -> Option<std::path::PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(std::path::PathBuf::from).filter(|path| path.is_absolute());
    named.or_else(|| std::env::var_os("HOME").map(|home| std::path::PathBuf::from(home).join(".cache")))
}

#[cfg(test)]
mod tests;
