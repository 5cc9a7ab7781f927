use std::collections::BTreeSet;

use serde::Serialize;

use crate::grants::{self, names};
use crate::{AbiVersion, Capability, Pinned, World};

/// Why a file is no plugin of this server. Messages speak to the plugin's author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// It speaks versions of the ABI only that this host does not.
    #[error(
        "the plugin speaks rolecall:policy {}; this server speaks {}: build the plugin for one of these, or take a \
         server that speaks its version", .found.join(" and "), hosted()
    )]
    UnknownAbi {
        /// The versions that it exports.
        found: Vec<String>,
    },
    /// Its worlds are of different versions.
    #[error(
        "the plugin exports {world} in rolecall:policy {found}, but not in {abi}, which its other world speaks: export \
         both worlds in one version"
    )]
    SplitAbi {
        /// The version that it would be spoken to in.
        abi: AbiVersion,
        /// The world that it does not have in this version.
        world: World,
        /// The version in which it has it.
        found: String,
    },
    /// It exports neither world.
    #[error(
        "the component exports no policy (rolecall:policy/constraint or rolecall:policy/delivery) but {}",
        listed(.exports)
    )]
    NoPolicy {
        /// What it exports.
        exports: Vec<String>,
    },
    /// It imports what this host does not have.
    #[error(
        "the plugin imports {}, which this server does not offer; it offers rolecall:policy's log, of \
         rolecall:host {}, and WASI 0.2 without its powers", .imports.join(", "), names(&Capability::all())
    )]
    NotOffered {
        /// What there is not.
        imports: Vec<String>,
    },
    /// It needs what the operator has not granted to it.
    #[error("{}", not_granted(.plugin, .missing, .needed))]
    NotGranted {
        /// The plugin.
        plugin: String,
        /// What is missing.
        missing: BTreeSet<Capability>,
        /// All that it needs.
        needed: BTreeSet<Capability>,
    },
    /// The folder is locked, and this file is not pinned.
    #[error("{}", not_pinned(.found, .pinned.as_deref()))]
    NotPinned {
        /// What the file is.
        found: Box<Pinned>,
        /// What is pinned under its name.
        pinned: Option<Box<Pinned>>,
    },
    /// It could not be tried now; it is tried again at the next look.
    #[error("{0}; it is tried again")]
    Passing(String),
    /// The file, its code or what it says of itself cannot be used.
    #[error("{0}")]
    Unusable(String),
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self::Unusable(why)
    }
}

impl From<&str> for Refusal {
    fn from(why: &str) -> Self {
        Self::Unusable(why.to_owned())
    }
}

fn not_granted(plugin: &str, missing: &BTreeSet<Capability>, needed: &BTreeSet<Capability>) -> String {
    let (missing, file) = (names(missing), grants::NAME);
    let needed: Vec<String> = needed.iter().map(|capability| format!("\"{capability}\"")).collect();
    format!(
        "the plugin needs {missing}, which is not granted; if it is to have that, set in {file} beside it, below \
         [{plugin}]: capabilities = [{}]",
        needed.join(", ")
    )
}

fn not_pinned(found: &Pinned, pinned: Option<&Pinned>) -> String {
    let remedy = "if it is meant to be, write the lock anew: rolecall plugin lock";
    let Pinned { name, version, sha256 } = found;
    match pinned {
        None => format!("plugins.lock does not name {name}; {remedy}"),
        Some(pinned) => format!(
            "plugins.lock pins {name} {} with SHA-256 {}, and this file is {}{sha256}; {remedy}",
            pinned.version,
            pinned.sha256,
            // The file is not looked into before its digest fits.
            if version.is_empty() { String::new() } else { format!("{version} with ") }
        ),
    }
}

fn hosted() -> String {
    AbiVersion::HOSTED.map(AbiVersion::as_str).join(" and ")
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
