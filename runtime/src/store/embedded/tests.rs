use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::store::conformance::{self, START_MS, Subject, entries, item, new_session};
use crate::store::{DONE_KEPT_MS, Delivered, MemoryStore};

fn open(path: &Path, clock: &Arc<AtomicU64>) -> Arc<EmbeddedStore> {
    Arc::new(EmbeddedStore::open_with_clock(path, StoreClock::Manual(clock.clone())).unwrap())
}

fn refusal(path: &Path) -> String {
    let error = EmbeddedStore::open(path).unwrap_err();
    assert!(matches!(error, StoreError::Directory { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&*path.display().to_string()), "names the directory: {text}");
    text
}

#[tokio::test]
async fn conforms() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicU64::new(START_MS));
    let subject = Subject { store: open(directory.path(), &clock), clock };
    conformance::all(&subject).await;
    conformance::closed(&subject).await;
}

// Fails when anything acknowledged is only in memory, or the directory is not let go by `close`.
#[tokio::test]
async fn keeps_everything_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicU64::new(START_MS));
    let new = new_session();
    let store = open(directory.path(), &clock);
    store.create(new.clone()).await.unwrap();
    store.enqueue(&new.id, item("waits", u64::MAX)).await.unwrap();
    store.enqueue(&new.id, item("done", u64::MAX)).await.unwrap();
    let delivered = vec![Delivered { biz_id: "done".to_owned(), entry: 1 }];
    let commit =
        Commit { state: Some(Bytes::from_static(b"state")), running: Some(true), delivered, ..entries(&["a", "b"]) };
    store.commit(&new.id, 1, commit).await.unwrap();
    store.advance_epoch(&new.id, 1, 7).await.unwrap();
    let row = store.session(&new.id).await.unwrap().unwrap();
    store.close().await;

    let store = open(directory.path(), &clock);
    assert_eq!(store.session(&new.id).await.unwrap().unwrap(), row);
    assert_eq!((row.epoch, row.head, row.state.as_ref(), row.running), (2, 6, b"state".as_slice(), true));
    assert_eq!(store.read(&new.id, 1, 9).await.unwrap().len(), 2);
    assert_eq!(store.interrupted().await.unwrap(), std::slice::from_ref(&new.id));
    assert_eq!(store.enqueue(&new.id, item("done", 1)).await.unwrap(), Enqueued::Delivered(2));
    assert_eq!(store.inbox(&new.id, START_MS, 9).await.unwrap(), [item("waits", u64::MAX)]);
}

// Fails when two processes could write to one directory.
#[tokio::test]
async fn a_directory_has_one_user() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    assert!(refusal(directory.path()).contains("in use by another process"));
    store.close().await;
    EmbeddedStore::open(directory.path()).unwrap();
}

// Fails when somebody's files are taken for a store, or the error names no remedy.
#[test]
fn refuses_directories_that_are_not_stores() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(refusal(&file).contains("is a file; name a directory"));
    assert!(refusal(directory.path()).contains("other files (`file`)"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing was written there");
    assert!(refusal(&file.join("below")).contains("check its permissions"));

    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("rolecall-store"), "rolecall store, format 9\n").unwrap();
    assert!(refusal(other.path()).contains("format 9"));
}

// Fails when damage takes the process down instead of being reported.
#[tokio::test]
async fn reports_a_damaged_database() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    store.create(new_session()).await.unwrap();
    store.close().await;
    let mut damaged = 0;
    for entry in fs::read_dir(directory.path().join("db")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path.file_name().unwrap() != "lock" {
            fs::write(&path, [0xff; 64]).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0);
    let error = EmbeddedStore::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Commit {
        session: usize,
        stale: bool,
        entries: usize,
        delivered: Vec<(u8, usize)>,
        state: Option<u8>,
        running: Option<bool>,
    },
    Enqueue {
        session: usize,
        biz_id: u8,
        keeps_ms: u64,
    },
    Advance {
        session: usize,
        by: u64,
    },
    Wait {
        ms: u64,
    },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let entries = prop_oneof![8 => 0usize..4, 1 => Just(6_000usize)];
    let delivered = prop::collection::vec((0u8..12, 0usize..4), 0..3);
    prop_oneof![
        8 => (0usize..3, prop::bool::weighted(0.1), entries, delivered, any::<Option<u8>>(), any::<Option<bool>>()).prop_map(
            |(session, stale, entries, delivered, state, running)| Step::Commit { session, stale, entries, delivered, state, running }
        ),
        8 => (0usize..3, 0u8..12, prop_oneof![Just(5u64), Just(DONE_KEPT_MS * 3)])
            .prop_map(|(session, biz_id, keeps_ms)| Step::Enqueue { session, biz_id, keeps_ms }),
        1 => (0usize..3, 0u64..9).prop_map(|(session, by)| Step::Advance { session, by }),
        2 => prop_oneof![Just(3u64), Just(DONE_KEPT_MS / 2), Just(DONE_KEPT_MS)].prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Reopen),
    ]
}

/// What a step answers and what is then visible, as text that two stores must agree on.
async fn apply(store: &dyn Store, ids: &[SessionId], step: &Step, now_ms: u64) -> String {
    let answer = match step {
        Step::Commit { session, stale, entries, delivered, state, running } => {
            let id = &ids[*session];
            let epoch = store.session(id).await.unwrap().unwrap().epoch;
            let commit = Commit {
                entries: (0..*entries).map(|n| Bytes::from(format!("entry {n}"))).collect(),
                delivered: delivered
                    .iter()
                    .map(|(id, entry)| Delivered { biz_id: format!("m{id}"), entry: *entry })
                    .collect(),
                state: state.map(|byte| Bytes::from(vec![byte; 3])),
                running: *running,
            };
            format!("{:?}", store.commit(id, epoch - u32::from(*stale), commit).await)
        }
        Step::Enqueue { session, biz_id, keeps_ms } => {
            format!("{:?}", store.enqueue(&ids[*session], item(&format!("m{biz_id}"), now_ms + keeps_ms)).await)
        }
        Step::Advance { session, by } => {
            let row = store.session(&ids[*session]).await.unwrap().unwrap();
            format!("{:?}", store.advance_epoch(&row.created.id, row.epoch, row.head + by).await)
        }
        Step::Wait { .. } | Step::Reopen => String::new(),
    };
    let mut seen = answer;
    for id in ids {
        let row = store.session(id).await.unwrap().unwrap();
        let log = store.read(id, row.floor.max(row.head.saturating_sub(20)), 50).await.unwrap();
        let inbox = store.inbox(id, now_ms, 50).await.unwrap();
        seen.push_str(&format!("\n{row:?} {log:?} {inbox:?}"));
    }
    seen.push_str(&format!("\n{:?}", store.interrupted().await.unwrap()));
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // Fails when the embedded store differs from the model in any answer or visible effect, restarts included.
    #[test]
    fn agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let clock = Arc::new(AtomicU64::new(START_MS));
            let model = MemoryStore::with_clock(StoreClock::Manual(clock.clone()));
            let mut embedded = open(directory.path(), &clock);
            let mut ids = Vec::new();
            for _ in 0..3 {
                let new = new_session();
                model.create(new.clone()).await.unwrap();
                embedded.create(new.clone()).await.unwrap();
                ids.push(new.id);
            }
            for step in steps {
                if let Step::Wait { ms } = step { clock.fetch_add(ms, Ordering::SeqCst); }
                if matches!(step, Step::Reopen) {
                    embedded.close().await;
                    embedded = open(directory.path(), &clock);
                }
                let now_ms = clock.load(Ordering::SeqCst);
                assert_eq!(apply(&*embedded, &ids, &step, now_ms).await, apply(&model, &ids, &step, now_ms).await, "after {step:?}");
            }
            embedded.close().await;
        });
    }
}
