//! Versions of the ABI side by side.

use std::fs;
use std::path::Path;

use rolecall_plugin_host::{
    AbiVersion, CallError, Context, Isolation, PluginHost, PolicyViolation, Refusal, Severity, Verdict, World, inspect,
};

use crate::folder::patched;
use crate::guests::{component, config, folder, host, mode, params, start};
use crate::same::{features, message};

/// A host with a component of each version.
fn both() -> PluginHost {
    host(&["legacy", "hostile"])
}

/// Fails when a version's default is another, or a version is taken for the other.
#[test]
fn what_an_older_version_does_not_say_has_its_default() {
    let host = both();
    let [new, old] = ["hostile", "legacy"].map(|name| host.manifest(name).expect("loaded"));
    assert_eq!((new.abi, new.isolation), (AbiVersion::V1, Isolation::Session));
    assert_eq!((old.abi, old.isolation), (AbiVersion::V0, Isolation::Call));
    assert_eq!((old.version.as_str(), old.streaming), ("0.3.1", true));
    assert_eq!(old.worlds, [World::ConstraintPolicy, World::DeliveryPolicy]);

    let dir = folder(&[("legacy.wasm", &component("legacy"))]);
    let seen = inspect(&dir.path().join("legacy.wasm")).expect("a component");
    assert_eq!((seen.abi, seen.worlds), (Some(AbiVersion::V0), old.worlds.clone()));
    assert!(seen.exports.contains(&"rolecall:policy/constraint@0.9.0".to_owned()), "{:?}", seen.exports);
}

/// Both versions judge whole replies and streams in one host, at the same time.
#[tokio::test]
async fn both_judge_replies() {
    let host = both();
    let policies = [("legacy", params(r#"{"word": "bad"}"#)), ("hostile", mode("honest"))];
    let places = |found: &[PolicyViolation]| found.iter().map(|v| (v.spans[0].clone(), v.severity)).collect::<Vec<_>>();
    let expected = [(4..7, Severity::Error), (12..15, Severity::Error)];
    let mut streams = Vec::new();
    for (name, params) in &policies {
        let found = host.check(name, params, &Context::default(), "好 bad and bad").await.expect("a judgement");
        assert_eq!(places(&found), expected, "{name}");
        let stream = host.open(name, params, &Context::default()).await.expect("an instance");
        streams.push((name, stream.expect("a streaming plugin"), Vec::new()));
    }
    for piece in ["好 ba", "d and b", "ad"] {
        for (name, stream, found) in &mut streams {
            found.extend(stream.push(piece).await.unwrap_or_else(|error| panic!("{name}: {error}")));
        }
    }
    for (name, stream, mut found) in streams {
        found.extend(stream.finish().await.expect("a judgement"));
        assert_eq!(places(&found), expected, "{name}");
    }
}

/// Both versions merge; only one compares, and the other is not blamed for it.
#[tokio::test]
async fn both_shape_deliveries() {
    let host = both();
    let word = params(r#"{"word": "bad"}"#);
    let window = [message("one"), message("two")];
    for (name, params, text) in [("legacy", &word, "one + two"), ("hostile", &mode("honest"), "all")] {
        let groups = host.merge(name, params, &window).await.expect("a merge");
        assert_eq!((groups[0].members.as_slice(), groups[0].text.as_deref()), (&[0, 1][..], Some(text)));
    }
    let [a, b] = &window;
    assert_eq!(host.same("hostile", &mode("honest"), a, a, &features("7", "7")).await, Ok(Verdict::Same));
    for _ in 0..6 {
        let error = host.same("legacy", &word, a, b, &features("7", "7")).await.expect_err("nothing compares");
        assert_eq!(error, CallError::Unsupported { plugin: "legacy".into(), export: "same" });
        assert!(error.reason() == "unsupported" && error.to_string().contains("1.0.0"), "{error}");
    }
    assert_eq!(host.merge("legacy", &word, &window).await.expect("no rest").len(), 1);
}

/// Fails when the failures of an older version have other names.
#[tokio::test]
async fn an_older_version_fails_by_the_same_names() {
    let host = both();
    let refused = CallError::BadParams {
        plugin: "legacy".into(),
        param: "word".into(),
        message: "there is no word to find".into(),
    };
    let none = params("{}");
    assert_eq!(host.check("legacy", &none, &Context::default(), "x").await, Err(refused.clone()));
    assert_eq!(host.merge("legacy", &none, &[]).await, Err(refused));
    assert_eq!(host.validate("legacy", &none).await, Err(vec![("word".into(), "there is no word to find".into())]));
}

/// A component of a version that is not hosted is refused by type, with what was found.
#[test]
fn unknown_versions_are_refused_by_type() {
    let (old, new) = (component("legacy"), component("classical_tone"));
    let dir = folder(&[
        ("ancient.wasm", &patched(&old, "@0.9.0", "@0.8.0")),
        ("future.wasm", &patched(&new, "@1.0.0", "@1.1.0")),
        ("disguised.wasm", &patched(&old, "@0.9.0", "@1.0.0")),
    ]);
    let (_, report) = start(config(dir.path()));
    let refused: Vec<&Refusal> = report.refused.iter().map(|(_, reason)| reason).collect();
    let unknown = |version: &str| Refusal::UnknownAbi { found: vec![version.into()] };
    assert_eq!(refused[0], &unknown("0.8.0"));
    assert!(refused[1].to_string().contains("does not fit this server"), "{}", refused[1]);
    assert_eq!(refused[2], &unknown("1.1.0"));
    let seen = inspect(&dir.path().join("future.wasm")).expect("a component");
    assert_eq!((seen.abi, seen.worlds, seen.manifest), (None, Vec::new(), Err(unknown("1.1.0"))));
}

/// Fails when the text of a published version changes, comments aside. What is new belongs into a
/// folder of its own: components built for the old text would fail in the hands of whoever runs them.
#[test]
fn published_texts_do_not_change() {
    let published = [("v0", "4732e9bbd295c078"), ("v1", "34e4166ac40fc20b")];
    for (folder, digest) in published {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/wit").join(folder);
        let mut files: Vec<_> =
            fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        let mut text = blake3::Hasher::new();
        for file in &files {
            let said = fs::read_to_string(file).expect("a text");
            let words = said.lines().map(|line| line.split("//").next().unwrap_or_default());
            words.flat_map(str::split_whitespace).for_each(|word| {
                text.update(word.as_bytes()).update(b" ");
            });
        }
        assert_eq!(text.finalize().to_hex()[..16], *digest, "{files:?}");
    }
}
