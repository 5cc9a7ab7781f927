//! What the operator grants, and what plugins make of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rolecall_plugin_host::{CallError, Capability, Context, PluginHost, Refusal, Staged};
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::guests::{component, config, folder, params, start};

const ALL: &str = "[sampler]\ncapabilities = [\"clock\", \"kv\", \"similarity\", \"embed\"]\n";

pub(crate) fn taste(taste: &str) -> Map<String, Value> {
    params(&format!(r#"{{"taste": "{taste}"}}"#))
}

/// What the sampler says of a reply.
pub(crate) async fn tasted(host: &PluginHost, what: &str, reply: &str) -> Result<String, CallError> {
    let found = host.check("sampler", &taste(what), &Context::default(), reply).await?;
    Ok(found[0].message.clone())
}

/// The sampler under these grants.
pub(crate) fn granted(component: &[u8], grants: &str) -> (PluginHost, TempDir) {
    let dir = folder(&[("sampler.wasm", component), ("grants.toml", grants.as_bytes())]);
    let (host, report) = start(config(dir.path()));
    assert_eq!(report.refused, []);
    (host, dir)
}

fn grant(dir: &Path, text: &str) {
    fs::write(dir.join("grants.toml"), text).expect("a file");
}

/// Fails when a plugin comes into force that needs what is not granted, or the operator is not told what to write.
#[test]
fn what_is_not_granted_is_refused_by_name() {
    let module = component("sampler");
    for (grants, missing) in [
        ("", "clock, kv, similarity, embed"),
        ("[sampler]\ncapabilities = [\"kv\", \"clock\"]", "similarity, embed"),
        ("[other]\ncapabilities = [\"clock\", \"kv\", \"similarity\", \"embed\"]", "clock, kv, similarity, embed"),
    ] {
        let dir = folder(&[("sampler.wasm", &module), ("grants.toml", grants.as_bytes())]);
        let (host, report) = start(config(dir.path()));
        assert!(host.manifests().is_empty());
        let said = report.refused[0].1.to_string();
        let remedy =
            "grants.toml beside it, below [sampler]: capabilities = [\"clock\", \"kv\", \"similarity\", \"embed\"]";
        assert!(said.contains(&format!("needs {missing}, which is not granted")) && said.contains(remedy), "{said}");
    }
    let (host, _dir) = granted(&module, ALL);
    assert_eq!(host.manifest("sampler").expect("loaded").capabilities, BTreeSet::from(Capability::ALL));
}

/// A file of grants that cannot be read grants nothing in silence.
#[test]
fn broken_grants_stop_the_start() {
    let dir = folder(&[("grants.toml", b"[sampler]\ncapabilities = [\"files\"]")]);
    let error = PluginHost::start(config(dir.path()), std::sync::Arc::new(rolecall_plugin_host::NoObserver));
    let said = error.expect_err("refused").to_string();
    assert!(said.contains("grants.toml") && said.contains("unknown variant `files`"), "{said}");
}

#[tokio::test]
async fn what_is_granted_works() {
    let (host, _dir) = granted(&component("sampler"), ALL);
    let now: u64 = tasted(&host, "clock", "").await.expect("the time").parse().expect("a number");
    assert!(now > 1_700_000_000_000, "{now}");
    assert_eq!(tasted(&host, "similar", "你好吗|你好").await.expect("a number")[..6], *"0.6666");
    let long = "字".repeat(2_049);
    assert!(tasted(&host, "similar", &format!("{long}|")).await.expect("words").contains("2,048 characters"));
    let vector = tasted(&host, "embed", "你好").await.expect("a vector");
    assert!(vector.starts_with("(256, Some("), "{vector}");
    assert_eq!(
        (tasted(&host, "count", "n").await, tasted(&host, "count", "n").await),
        (Ok("1".into()), Ok("2".into()))
    );
    assert_eq!(tasted(&host, "fill", "").await.as_deref(), Ok("523: the policy's store is full: 1,024 keys, 1 MiB"));
}

/// Fails when the host's work for a guest is not counted as the guest's time.
#[tokio::test]
async fn the_hosts_work_is_the_guests_time() {
    let (host, _dir) = granted(&component("sampler"), ALL);
    let long = "字".repeat(2_000);
    let error = tasted(&host, "similar_for_ever", &format!("{long}|{long}")).await.expect_err("stopped");
    assert_eq!(error.reason(), "deadline", "{error}");
}

fn staged(host: &PluginHost) -> Vec<Staged> {
    host.look().expect("a look").staged
}

/// Fails when what a plugin keeps is lost with an exchange, when a trial of it writes to what is in force, or
/// when another plugin, or the same one in another life, reads it.
#[tokio::test]
async fn what_a_plugin_keeps_is_its_own() {
    let original = component("sampler");
    let (host, dir) = granted(&original, ALL);
    tasted(&host, "keep", "a secret").await.expect("kept");
    let next = crate::folder::patched(&original, "Tries what a host offers;", "Tried what a host offers;");
    fs::write(dir.path().join("sampler.wasm"), next).expect("a new version");
    let next = staged(&host).remove(0);
    let trial = host.with(&next);
    assert_eq!(tasted(&trial, "recall", "a").await.as_deref(), Ok("nothing"), "of the version in force");
    tasted(&trial, "keep", "a trial").await.expect("kept");
    assert_eq!(tasted(&host, "recall", "a").await.as_deref(), Ok("a secret"));
    host.take(&next);
    assert_eq!(tasted(&host, "recall", "a").await.as_deref(), Ok("a secret"), "after the exchange");
    // A trial of something else, such as a contract's cases, neither reads nor writes what is in force.
    let trial = host.on_trial();
    assert_eq!(tasted(&trial, "recall", "a").await.as_deref(), Ok("nothing"));
    tasted(&trial, "keep", "a trial").await.expect("kept");
    assert_eq!(tasted(&host, "recall", "a").await.as_deref(), Ok("a secret"));
    host.adopt(&host.without("sampler"));
    host.take(&next);
    assert_eq!(tasted(&host, "recall", "a").await.as_deref(), Ok("nothing"), "it was gone");
}

/// Fails when grants count only at the start, or a plugin keeps what was taken away from it.
#[test]
fn grants_are_looked_at_again() {
    let dir = folder(&[("sampler.wasm", &component("sampler"))]);
    let (host, report) = start(config(dir.path()));
    assert!(matches!(report.refused[0].1, Refusal::NotGranted { .. }));
    grant(dir.path(), ALL);
    let granted = staged(&host).remove(0);
    host.take(&granted);
    assert!(host.look().expect("a look").is_empty());

    grant(dir.path(), "[sampler]\ncapabilities = [\"clock\", \"kv\", \"similarity\"]\n");
    let look = host.look().expect("a look");
    assert_eq!((look.withdrawn, look.refused.len()), (vec!["sampler".to_owned()], 1));

    // A slip takes nothing away, gives nothing, and holds up nothing else.
    grant(dir.path(), "[sampler");
    fs::write(dir.path().join("digest.wasm"), component("digest")).expect("a file");
    let look = host.look().expect("a look");
    assert_eq!((look.withdrawn.len(), look.staged.len()), (1, 1));
    grant(dir.path(), ALL);
    let look = host.look().expect("a look");
    assert!(look.withdrawn.is_empty() && look.staged.iter().all(|staged| host.has(staged)), "{look:?}");
}

/// Fails when a folder that is locked grants more than it did at the start, or does not take away.
#[test]
fn a_locked_folder_grants_no_more() {
    let dir = folder(&[("sampler.wasm", &component("sampler")), ("grants.toml", ALL.as_bytes())]);
    let locked = || rolecall_plugin_host::HostConfig { locked: true, ..config(dir.path()) };
    let (host, _report) = start(locked());
    grant(dir.path(), "");
    assert_eq!(host.look().expect("a look").withdrawn, ["sampler"]);
    grant(dir.path(), ALL);
    assert_eq!(host.look().expect("a look").withdrawn, ["sampler"]);
    let (host, _report) = start(locked());
    assert!(host.manifest("sampler").is_some(), "the next start");
}
