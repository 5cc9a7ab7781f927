//! Directories that earlier formats wrote are kept in `fixtures/` and read by every later release.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use super::*;
use crate::store::Delivered;
use crate::store::conformance::{self, START_MS, entries, item};
use crate::store::jobs::{Added, JobFault, JobLimits, NewJob, Priority, Settlement};

/// The session of a fixture.
const SESSION: &str = "s_0123456789abcdefghjkmnpqrs";

/// Writes what a fixture holds: every kind of record, some in tables and some in the journal. A new format adds a folder
/// that was written by this, and opened and closed once more, which gives back the room at the journal's end.
async fn write_fixture(directory: &Path) {
    let id: SessionId = SESSION.parse().unwrap();
    let clock = StoreClock::Manual(Arc::new(AtomicU64::new(START_MS)));
    let store = EmbeddedStore::open_with_clock(directory, clock.clone()).unwrap();
    let new = NewSession { id: id.clone(), role: "学者".to_owned(), user: "u1".to_owned(), created_ms: START_MS };
    store.create(new).await.unwrap();
    for biz_id in ["waits", "订单-3"] {
        store.enqueue(&id, item(biz_id, u64::MAX)).await.unwrap();
    }
    let delivered = vec![Delivered { biz_id: "订单-3".to_owned(), entry: 1 }];
    let running = Some(true);
    store.commit(&id, 1, Commit { delivered, running, ..entries(&["one", "two"]) }).await.unwrap();
    for name in JOBS {
        assert!(matches!(store.jobs().add(job(name), LIMITS).await.unwrap(), Added::Fresh(_)));
    }
    let dies = store.jobs().take("token", std::time::Duration::from_secs(60)).await.unwrap().unwrap();
    let fault = JobFault { code: "contract_refused".to_owned(), message: "规则".to_owned() };
    store.jobs().settle(&dies.claim("token"), Settlement::Dead(fault)).await.unwrap();
    store.close().await;
    drop(store);
    let tables = Tables::open(&directory.join("db")).unwrap();
    for table in walk::TABLES {
        tables.table(table).rotate_memtable_and_wait().unwrap();
    }
    drop(tables);
    let store = EmbeddedStore::open_with_clock(directory, clock).unwrap();
    store.advance_epoch(&id, 1, Leap::beyond(1, 7)).await.unwrap();
    let last = Commit { state: Some("state".into()), running: Some(true), ..entries(&["seven"]) };
    store.commit(&id, 2, last).await.unwrap();
    store.close().await;
}

/// Jobs of a fixture: the first becomes a dead letter, the other one waits.
const JOBS: [&str; 2] = ["dies", "等"];
const LIMITS: JobLimits = JobLimits { all: 9, session: 9 };

fn job(name: &str) -> NewJob {
    let (session, id, text) = (SESSION.parse().unwrap(), name.to_owned(), format!("{name}?"));
    NewJob { session, id, text, priority: Priority::Normal, expires_in: None, max_attempts: 3 }
}

/// Everything that is visible of the jobs.
async fn read_jobs(directory: &Path) -> String {
    let id: SessionId = SESSION.parse().unwrap();
    let store = EmbeddedStore::open(directory).unwrap();
    let mut seen = format!("{:?}", store.jobs().depth().await.unwrap().counts);
    for name in JOBS {
        seen.push_str(&format!("\n{:?}", store.jobs().job(&id, name).await.unwrap()));
    }
    store.close().await;
    seen
}

/// Everything that is visible of the session.
async fn read(directory: &Path) -> String {
    let id: SessionId = SESSION.parse().unwrap();
    let clock = StoreClock::Manual(Arc::new(AtomicU64::new(START_MS)));
    let store = EmbeddedStore::open_with_clock(directory, clock).unwrap();
    let row = store.session(&id).await.unwrap();
    let (log, inbox) = (store.read(&id, 0, 99).await.unwrap(), store.inbox(&id, 0, 99).await.unwrap());
    let again = store.enqueue(&id, item("订单-3", u64::MAX)).await.unwrap();
    let seen = format!("{row:?}\n{log:?}\n{inbox:?}\n{again:?}\n{:?}", store.interrupted().await.unwrap());
    store.close().await;
    seen
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn fixture(format: u32) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/embedded/fixtures").join(format!("format-{format}"));
    assert!(folder.join("rolecall-store").is_file(), "{} is missing; get it from the repository", folder.display());
    folder
}

// Fails when this release cannot read, or reads otherwise, what a release wrote whose directories are in use.
#[tokio::test]
async fn every_format_that_was_ever_written_is_read() {
    let home = tempfile::tempdir().unwrap();
    let now = home.path().join("now");
    write_fixture(&now).await;
    let expected = read(&now).await;
    assert!(expected.contains("head: 7") && expected.contains("Delivered(2)"), "{expected}");
    let jobs = read_jobs(&now).await;
    assert!(jobs.contains("contract_refused") && jobs.contains("等?"), "{jobs}");
    for format in [2, 3] {
        let copied = home.path().join(format!("format-{format}"));
        copy(&fixture(format), &copied);
        assert_eq!(read(&copied).await, expected, "format {format}");
        // It is marked, so that an earlier release does not work on a part of it; written, too, and what is written stays.
        assert_eq!(fs::read_to_string(copied.join("rolecall-store")).unwrap(), "rolecall store, format 3\n");
        let store = EmbeddedStore::open(&copied).unwrap();
        let id: SessionId = SESSION.parse().unwrap();
        assert_eq!(store.commit(&id, 2, entries(&["eight"])).await.unwrap().head, 8);
        store.close().await;
        drop(store);
        // Jobs came with format 3.
        let there = if format < 3 { "{}\nNone\nNone" } else { &jobs };
        assert_eq!(read_jobs(&copied).await, there, "format {format}");
        let store = EmbeddedStore::open(&copied).unwrap();
        assert!(matches!(store.jobs().add(job("first"), LIMITS).await.unwrap(), Added::Fresh(_)));
        store.close().await;
        drop(store);
        let store = EmbeddedStore::open(&copied).unwrap();
        assert!(store.jobs().job(&id, "first").await.unwrap().is_some());
        store.close().await;
        drop(store);
        // From here on it is damage when their part is missing.
        fs::remove_dir_all(copied.join("db/keyspaces/5")).unwrap();
        assert!(matches!(EmbeddedStore::open(&copied), Err(StoreError::Corrupt { .. })));
    }
}

// Fails when a record of a later release is taken for damage, read as if it were known, or nobody is told what to start.
#[tokio::test]
async fn a_later_format_is_refused_with_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("store");
    copy(&fixture(2), &directory);
    let id: SessionId = SESSION.parse().unwrap();
    let tables = Tables::open(&directory.join("db")).unwrap();
    let (sessions, key) = (tables.table(tables::Table::Sessions), tables::position_key(&id));
    let mut position = sessions.get(&key).unwrap().unwrap().to_vec();
    *position.first_mut().unwrap() = 4;
    sessions.insert(key, position).unwrap();
    tables.database.persist(fjall::PersistMode::SyncAll).unwrap();
    drop(tables);
    let store = EmbeddedStore::open(&directory).unwrap();
    let outcomes = [
        store.session(&id).await.map(drop),
        store.commit(&id, 2, entries(&["x"])).await.map(drop),
        store.read(&id, 0, 9).await.map(drop),
    ];
    for outcome in outcomes {
        let told = outcome.unwrap_err();
        assert!(matches!(&told, StoreError::Newer { format: 4, .. }), "{told}");
        assert!(told.to_string().contains("start the release that wrote it"), "{told}");
    }
    store.close().await;
    fs::write(directory.join("rolecall-store"), "rolecall store, format 4\n").unwrap();
    let told = EmbeddedStore::open(&directory).unwrap_err().to_string();
    assert!(told.contains("format 4") && told.contains("use the matching release"), "{told}");
}

// Fails when a commit leaves entries that are behind the limit on the disk for good, or journals are not given back.
#[tokio::test]
async fn a_session_that_goes_on_and_on_takes_bounded_room() {
    const ENTRY: usize = 2_048;
    const PAGE: usize = 1_000;
    let live = ENTRY as u64 * crate::store::LOG_LIMIT;
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("store");
    let store = EmbeddedStore::open(&directory).unwrap();
    let new = conformance::new_session();
    store.create(new.clone()).await.unwrap();
    let mut most = 0;
    for page in 0..150_u8 {
        let entries = (0..PAGE).map(|n| noise(page.into(), n, ENTRY)).collect();
        store.commit(&new.id, 1, Commit { entries, ..Commit::default() }).await.unwrap();
        most = most.max(blocks(&directory));
    }
    store.close().await;
    let row_bound = 4 * live + ROOM;
    assert!(most <= row_bound, "{most} bytes for {live} that are kept, more than {row_bound}");
    assert!(most > live, "nothing was measured");
}

/// Bytes that do not compress.
pub(super) fn noise(page: usize, n: usize, len: usize) -> bytes::Bytes {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&page.to_be_bytes()).update(&n.to_be_bytes());
    let mut entry = vec![0; len];
    hasher.finalize_xof().fill(&mut entry);
    entry.into()
}

/// Room that a store takes besides what it keeps: journals, and write buffers on their way into tables.
pub(super) const ROOM: u64 = 256 << 20;

/// Bytes that a directory takes on the disk.
pub(super) fn blocks(directory: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => blocks(&entry.path()),
            Ok(found) => found.blocks() * 512,
            // Removed meanwhile.
            Err(_) => 0,
        })
        .sum()
}
