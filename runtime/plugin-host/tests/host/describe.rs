//! A plugin that misbehaves before it has said its name.

use crate::folder::patched;
use crate::guests::{component, config, folder, start};

/// Fails when a plugin that lies, panics or loops while it is loaded gets in, or keeps others out.
#[test]
fn who_misbehaves_in_describe_is_refused_by_name() {
    let hostile = component("hostile");
    for (conduct, reason) in [
        ("conduct:spins!", "`describe` ran longer than 250 ms"),
        ("conduct:panics", "deliberate panic in describe"),
        ("conduct:differ", "the two worlds of the plugin describe different policies"),
        ("conduct:gossip", "more than"),
    ] {
        let liar = patched(&hostile, "conduct:honest", conduct);
        let dir = folder(&[("hostile.wasm", &liar), ("digest.wasm", &component("digest"))]);
        let (host, report) = start(config(dir.path()));
        assert!(host.manifest("digest").is_some() && host.manifest("hostile").is_none(), "{conduct}");
        let said = report.refused[0].1.to_string();
        assert!(said.contains(reason), "{conduct}: {said}");
    }
}
