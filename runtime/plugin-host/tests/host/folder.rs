use std::fs;

use rolecall_plugin_host::{AbiVersion, Isolation, inspect, pack};

use crate::guests::{component, config, folder, module, start};

/// The same component with every occurrence of a string replaced by one of the same length.
pub(crate) fn patched(component: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = component.to_vec();
    let mut replaced = 0;
    for at in 0..bytes.len() - from.len() {
        if &bytes[at..at + from.len()] == from.as_bytes() {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
            replaced += 1;
        }
    }
    assert!(replaced > 0, "nothing to patch: {from}");
    bytes
}

/// A bad file is named with its reason, and the good one beside it works.
#[test]
fn every_bad_file_is_named_and_none_is_fatal() {
    let tone = component("classical_tone");
    let dir = folder(&[
        ("classical_tone.wasm", &tone),
        ("core.wasm", &module("classical_tone")),
        ("cut.wasm", &tone[..tone.len() / 2]),
        ("empty.wasm", b""),
        ("other_name.wasm", &tone),
        ("text.wasm", b"not a plugin"),
        ("future.wasm", &patched(&tone, "@1.0.0", "@2.0.0")),
        ("greedy.wasm", &patched(&tone, "rolecall:policy/log@", "rolecall:policy/net@")),
        ("no_world.wasm", &patched(&tone, "policy/constraint@", "policy/konstraint@")),
        ("changed.wasm", &patched(&tone, "suggestion", "suggestiom")),
        ("README.md", b"not meant as a plugin"),
    ]);
    fs::create_dir(dir.path().join("folder.wasm")).expect("a folder");
    let big = fs::File::create(dir.path().join("big.wasm")).expect("a file");
    big.set_len((32 << 20) + 1).expect("a large file");

    let (host, report) = start(config(dir.path()));
    assert_eq!(report.loaded.iter().map(|manifest| manifest.name.as_str()).collect::<Vec<_>>(), ["classical_tone"]);
    let expected = [
        ("big", "larger than 32 MiB"),
        ("changed", "does not fit this server"),
        ("core", "rolecall plugin pack"),
        ("cut", "cut off"),
        ("empty", "not a WebAssembly file"),
        ("folder", "directory"),
        ("future", "speaks rolecall:policy 2.0.0; this server speaks 0.9.0 and 1.0.0"),
        ("greedy", "imports rolecall:policy/net@1.0.0, which this server does not offer"),
        ("no_world", "exports no policy"),
        ("other_name", "name the file classical_tone.wasm"),
        ("text", "not a WebAssembly file"),
    ];
    let refused: Vec<(String, String)> = report
        .refused
        .iter()
        .map(|(path, reason)| (path.file_stem().expect("a stem").to_string_lossy().into_owned(), reason.to_string()))
        .collect();
    assert_eq!(refused.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expected.map(|(name, _)| name));
    for ((name, reason), (_, part)) in refused.iter().zip(expected) {
        assert!(reason.contains(part), "{name}: {reason}");
    }
    assert!(host.manifest("classical_tone").is_some());
}

#[test]
fn no_folder_is_no_plugins() {
    let dir = folder(&[]);
    let (host, report) = start(config(&dir.path().join("missing")));
    assert!(report.loaded.is_empty() && report.refused.is_empty() && host.manifests().is_empty());
}

#[test]
fn inspect_shows_worlds_needs_and_manifest() {
    let dir = folder(&[("hostile.wasm", &component("hostile"))]);
    let seen = inspect(&dir.path().join("hostile.wasm")).expect("a component");
    assert_eq!(
        seen.worlds.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["constraint-policy", "delivery-policy"]
    );
    assert!(seen.imports.contains(&"rolecall:policy/log@1.0.0".to_owned()), "{:?}", seen.imports);
    assert!(seen.imports.iter().all(|name| name.starts_with("rolecall:policy/")), "no WASI: {:?}", seen.imports);
    assert_eq!(seen.abi, Some(AbiVersion::V1));
    let manifest = seen.manifest.expect("admissible");
    assert_eq!((manifest.name.as_str(), manifest.isolation), ("hostile", Isolation::Session));
    assert!(inspect(&dir.path().join("missing.wasm")).expect_err("missing").contains("cannot be read"));
}

#[test]
fn pack_makes_components_and_lets_them_pass() {
    let packed = component("digest");
    assert_eq!(pack(&packed).expect("a component"), packed);
    assert!(pack(b"text").expect_err("text").to_string().contains("not a WebAssembly file"));
    assert!(pack(&module("digest")[..100]).is_err());
}
