//! Which version of the ABI a component speaks: the names of its exports say it.

use std::collections::BTreeSet;

use crate::{AbiVersion, Capability, Refusal, World, wasi};

const PACKAGE: &str = "rolecall:policy/";
/// What every policy may import; `types` has no functions.
const GIVEN: &[&str] = &["log", "types"];

/// What a component is spoken to in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spoken {
    pub(super) abi: AbiVersion,
    /// In an order of their own: exports stand in the order of the linker.
    pub(super) worlds: Vec<World>,
}

/// Chooses the version: the newest that the host speaks and in which the component exports a world. A
/// component may export further versions, hosted or not, so that one file serves old servers and
/// new; but no world of it may be left out for that.
pub(super) fn of(exports: &[String]) -> Result<Spoken, Refusal> {
    let policies: Vec<(World, &str)> = exports.iter().filter_map(|name| policy(name)).collect();
    if policies.is_empty() {
        return Err(Refusal::NoPolicy { exports: exports.to_vec() });
    }
    let worlds = |abi: AbiVersion| {
        let of_it = policies.iter().filter(|(_, version)| *version == abi.as_str());
        let mut worlds: Vec<World> = of_it.map(|(world, _)| *world).collect();
        worlds.sort_unstable();
        worlds
    };
    let newest_first = AbiVersion::HOSTED.into_iter().rev();
    let spoken = newest_first.map(|abi| Spoken { abi, worlds: worlds(abi) }).find(|spoken| !spoken.worlds.is_empty());
    let Some(spoken) = spoken else {
        let mut found: Vec<String> = policies.iter().map(|(_, version)| (*version).to_owned()).collect();
        found.sort_unstable();
        found.dedup();
        return Err(Refusal::UnknownAbi { found });
    };
    match policies.iter().find(|(world, _)| !spoken.worlds.contains(world)) {
        Some((world, found)) => Err(Refusal::SplitAbi { abi: spoken.abi, world: *world, found: (*found).to_owned() }),
        None => Ok(spoken),
    }
}

/// What a component needs of the host besides its log; refuses one that imports what there is not. What
/// it may import of the ABI is of any hosted version, for one file may serve several.
pub(super) fn needed(imports: &[String]) -> Result<BTreeSet<Capability>, Refusal> {
    let mut needed = BTreeSet::new();
    let mut missing = Vec::new();
    for import in imports {
        match Capability::of_import(import) {
            Some(capability) => drop(needed.insert(capability)),
            None if is_given(import) || wasi::is_linked(import) => {}
            None => missing.push(import.clone()),
        }
    }
    if missing.is_empty() { Ok(needed) } else { Err(Refusal::NotOffered { imports: missing }) }
}

fn is_given(import: &str) -> bool {
    interface(import).is_some_and(|(name, version)| GIVEN.contains(&name) && AbiVersion::of(version).is_some())
}

/// World and version of an export, if it is a policy of ours.
fn policy(export: &str) -> Option<(World, &str)> {
    match interface(export)? {
        ("constraint", version) => Some((World::ConstraintPolicy, version)),
        ("delivery", version) => Some((World::DeliveryPolicy, version)),
        _ => None,
    }
}

/// Name and version of one of our interfaces.
fn interface(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE)?.split_once('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("rolecall:policy/{name}")).collect()
    }

    fn spoken(exports: &[&str]) -> Result<(AbiVersion, Vec<World>), Refusal> {
        of(&names(exports)).map(|spoken| (spoken.abi, spoken.worlds))
    }

    #[test]
    fn the_newest_hosted_version_is_spoken() {
        use World::{ConstraintPolicy as C, DeliveryPolicy as D};
        assert_eq!(spoken(&["constraint@0.9.0"]), Ok((AbiVersion::V0, vec![C])));
        assert_eq!(spoken(&["delivery@1.0.0", "constraint@1.0.0"]), Ok((AbiVersion::V1, vec![C, D])));
        assert_eq!(spoken(&["delivery@1.0.0", "delivery@0.9.0"]), Ok((AbiVersion::V1, vec![D])));
        // Built for a server yet to come as well.
        assert_eq!(spoken(&["delivery@2.0.0", "delivery@0.9.0"]), Ok((AbiVersion::V0, vec![D])));
    }

    /// Fails when the version found or those hosted are not named, or a near version is taken for one.
    #[test]
    fn unknown_versions_are_named() {
        let refused = spoken(&["constraint@1.0.1", "delivery@1.0.1", "delivery@2.0.0"]).unwrap_err();
        assert_eq!(refused, Refusal::UnknownAbi { found: vec!["1.0.1".into(), "2.0.0".into()] });
        let said = refused.to_string();
        assert!(said.contains("speaks rolecall:policy 1.0.1 and 2.0.0; this server speaks 0.9.0 and 1.0.0"), "{said}");
    }

    /// Fails when a world of a component is silently not used.
    #[test]
    fn worlds_of_different_versions_are_refused() {
        for other in ["0.9.0", "2.0.0"] {
            let refused = spoken(&[&format!("constraint@{other}"), "delivery@1.0.0"]).unwrap_err();
            let (abi, world) = (AbiVersion::V1, World::ConstraintPolicy);
            assert_eq!(refused, Refusal::SplitAbi { abi, world, found: other.into() });
        }
    }

    #[test]
    fn what_is_not_offered_is_named() {
        assert_eq!(needed(&names(&["log@0.9.0", "types@1.0.0", "log@1.0.0"])), Ok(BTreeSet::new()));
        let imports = ["rolecall:host/kv@1.0.0", "wasi:cli/stdout@0.2.6", "rolecall:host/clock@1.0.0"];
        let imports = imports.map(str::to_owned);
        assert_eq!(needed(&imports), Ok([Capability::Clock, Capability::Kv].into()));
        let mut imports = names(&["log@1.0.1", "net@1.0.0", "log"]);
        imports
            .extend(["rolecall:host/kv@1.1.0", "rolecall:host/net@1.0.0", "wasi:cli/stdout@0.3.0"].map(str::to_owned));
        assert_eq!(needed(&imports), Err(Refusal::NotOffered { imports }));
    }
}
