//! Plugins in exchange for others, by what happens to their files and while replies are judged.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rolecall_plugin_host::{CallError, Context, HostConfig, Lock, Look, Pinned, PluginHost};
use serde_json::Map;
use tokio::task::JoinSet;

use crate::folder::patched;
use crate::guests::{component, config, folder, start};

const NAME: &str = "classical_tone";
/// What the two versions say of a modern word, in as many bytes.
const SAYINGS: [&str; 2] = ["this role speaks classically", "this role talks  classically"];

/// Two versions of one policy.
fn versions() -> &'static [Vec<u8>; 2] {
    static VERSIONS: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    VERSIONS.get_or_init(|| {
        let first = component(NAME);
        let second = patched(&first, SAYINGS[0], SAYINGS[1]);
        [first, second]
    })
}

/// Puts a file in place in one step.
fn put(dir: &Path, name: &str, bytes: &[u8]) {
    let temporary = dir.join(format!("{name}.tmp"));
    fs::write(&temporary, bytes).expect("a file");
    fs::rename(&temporary, dir.join(name)).expect("to rename it");
}

fn names(look: &Look) -> (Vec<&str>, Vec<String>, Vec<&str>) {
    let staged = look.staged.iter().map(|staged| staged.manifest().name.as_str()).collect();
    let stem = |path: &Path| path.file_stem().expect("a stem").to_string_lossy().into_owned();
    let refused = look.refused.iter().map(|(path, _)| stem(path)).collect();
    (staged, refused, look.gone.iter().map(String::as_str).collect())
}

/// Which version spoke: of a text with one modern word.
async fn version(host: &PluginHost) -> Result<usize, CallError> {
    let context = Context { role: "sage".into(), language: "zh".into() };
    let found = host.check(NAME, &Map::new(), &context, "吾用手机。").await?;
    assert_eq!(found.len(), 1, "{found:?}");
    Ok(saying(&found[0].message))
}

fn saying(message: &str) -> usize {
    SAYINGS.iter().position(|saying| message.contains(saying)).expect("one of the versions")
}

/// Fails when a change is not seen, a bad file unseats a good one, or something is told twice.
#[tokio::test]
async fn what_happens_to_files_is_told_once_and_changes_nothing_by_itself() {
    let [first, second] = versions();
    let dir = folder(&[("classical_tone.wasm", first)]);
    let (host, _) = start(config(dir.path()));
    assert!(host.look().expect("a look").is_empty());

    put(dir.path(), "classical_tone.wasm", second);
    let look = host.look().expect("a look");
    assert_eq!(names(&look), (vec![NAME], vec![], vec![]));
    let (pinned, preview) = (host.pinned(), host.with(&look.staged[0]));
    assert_eq!((version(&host).await, version(&preview).await), (Ok(0), Ok(1)), "nothing is taken yet");
    assert!(host.look().expect("a look").is_empty(), "told once");
    host.take(&look.staged[0]);
    assert_eq!((version(&host).await, version(&pinned).await), (Ok(1), Ok(0)));
    assert!(host.has(&look.staged[0]));

    // A copy that is cut off, then whole again.
    put(dir.path(), "classical_tone.wasm", &first[..first.len() / 2]);
    assert_eq!(names(&host.look().expect("a look")), (vec![], vec![NAME.to_owned()], vec![]));
    assert_eq!(version(&host).await, Ok(1));
    put(dir.path(), "classical_tone.wasm", second);
    let look = host.look().expect("a look");
    assert!(look.staged.len() == 1 && host.has(&look.staged[0]), "it is what is in force");

    put(dir.path(), "digest.wasm", &component("digest"));
    fs::remove_file(dir.path().join("classical_tone.wasm")).expect("the file is there");
    let look = host.look().expect("a look");
    assert_eq!(names(&look), (vec!["digest"], vec![], vec![NAME]));
    host.adopt(&host.without(NAME));
    assert_eq!(version(&host).await, Err(CallError::Missing(NAME.to_owned())));
    assert_eq!(version(&pinned).await, Ok(0));
}

/// Fails when a locked host takes a file that is not pinned, or does not notice that it is pinned by now.
#[tokio::test]
async fn a_locked_folder_takes_what_is_pinned() {
    let [first, second] = versions();
    let dir = folder(&[("classical_tone.wasm", first), ("digest.wasm", &component("digest"))]);
    let locked = || HostConfig { locked: true, ..config(dir.path()) };
    let (host, report) = start(locked());
    assert_eq!((report.loaded.len(), host.is_pinned()), (2, false), "there is no lock");
    let manifest = host.manifest(NAME).expect("loaded");
    let pin = |bytes: &[u8]| Lock { plugins: vec![Pinned::of(&manifest, bytes)] };
    pin(second).write(dir.path()).expect("a lock");
    let (host, report) = start(locked());
    assert!(report.loaded.is_empty() && host.is_pinned(), "{report:?}");
    let said: Vec<String> = report.refused.iter().map(|(_, reason)| reason.to_string()).collect();
    assert!(said[0].contains("pins classical_tone 0.1.0 with SHA-256") && said[1].contains("does not name digest"));
    pin(first).write(dir.path()).expect("a lock");
    assert_eq!(names(&host.look().expect("a look")).0, [NAME]);
    fs::write(dir.path().join("plugins.lock"), "nonsense").expect("a file");
    assert!(host.look().expect_err("no lock").to_string().contains("rolecall plugin lock"));
}

/// Fails when a full folder keeps the host busy, or pushes out what is in force.
#[test]
fn ten_thousand_files_are_counted_and_push_nothing_out() {
    let [first, second] = versions();
    let dir = folder(&[("classical_tone.wasm", first)]);
    let (host, _) = start(config(dir.path()));
    for number in 0..10_000 {
        fs::write(dir.path().join(format!("a{number:05}.wasm")), "no plugin").expect("a file");
    }
    let look = host.look().expect("a look");
    assert_eq!((look.staged.len(), look.refused.len(), look.ignored), (0, 255, 9_745));
    put(dir.path(), "classical_tone.wasm", second);
    assert_eq!(names(&host.look().expect("a look")), (vec![NAME], vec![], vec![]));
    assert!(host.manifest(NAME).is_some());
}

/// A thousand exchanges by file under a hundred replies. Fails when a reply is judged by two versions, a
/// judgement is lost, or one is not made by a version that was in force.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_exchanges_disturb_no_reply() {
    const SWAPS: usize = 1_000;
    let dir = folder(&[("classical_tone.wasm", &versions()[0])]);
    let (host, _) = start(config(dir.path()));
    let (over, judged) = (Arc::new(AtomicBool::new(false)), Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]));
    let mut replies = JoinSet::new();
    for _ in 0..100 {
        let (host, over, judged) = (host.clone(), Arc::clone(&over), Arc::clone(&judged));
        replies.spawn(async move {
            while !over.load(Ordering::SeqCst) {
                let spoke = reply(&host.pinned()).await;
                judged[spoke].fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    let swapping = tokio::task::spawn_blocking(move || {
        for swap in 1..=SWAPS {
            put(dir.path(), "classical_tone.wasm", &versions()[swap % 2]);
            let look = host.look().expect("a look");
            assert_eq!(names(&look), (vec![NAME], vec![], vec![]), "swap {swap}");
            host.take(&look.staged[0]);
        }
    });
    swapping.await.expect("a thousand exchanges");
    over.store(true, Ordering::SeqCst);
    while let Some(reply) = replies.join_next().await {
        reply.expect("a reply that was judged to its end");
    }
    let judged = judged.each_ref().map(|count| count.load(Ordering::SeqCst));
    assert!(judged.iter().all(|count| *count > 0), "both versions judged: {judged:?}");
}

/// A reply in pieces, and once more whole, on the plugins of its beginning: which version spoke.
async fn reply(host: &PluginHost) -> usize {
    let context = Context { role: "sage".into(), language: "zh".into() };
    let mut stream = host.open(NAME, &Map::new(), &context).await.expect("to open").expect("it streams");
    let mut spoke = Vec::new();
    for piece in ["吾用手", "机。汝", "亦用手机", "乎？"] {
        let found = stream.push(piece).await.expect("a judgement");
        spoke.extend(found.iter().map(|found| saying(&found.message)));
        tokio::task::yield_now().await;
    }
    spoke.extend(stream.finish().await.expect("a judgement").iter().map(|found| saying(&found.message)));
    assert_eq!(spoke.len(), 2, "both words are found");
    spoke.push(version(host).await.expect("a judgement"));
    assert!(spoke.iter().all(|one| *one == spoke[0]), "two versions judged one reply: {spoke:?}");
    spoke[0]
}
