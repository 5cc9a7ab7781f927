//! Every file of a store damaged: found out or without effect, never silent and never the end of the process.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::store::Delivered;
use crate::store::conformance::{entries, item, new_session};

/// Places tried in each file.
const PLACES: usize = 14;

/// A store with tables and a journal, small enough to be copied often.
async fn prepared(directory: &Path) -> Vec<SessionId> {
    let mut ids = Vec::new();
    for part in 0..3 {
        let store = EmbeddedStore::open(directory).unwrap();
        for _ in 0..3 {
            let new = new_session();
            store.create(new.clone()).await.unwrap();
            ids.push(new.id);
        }
        for id in &ids {
            for n in 0..4 {
                let biz_id = format!("m{part}-{n}");
                store.enqueue(id, item(&biz_id, u64::MAX)).await.unwrap();
                let delivered = if n < 2 { vec![Delivered { biz_id, entry: 1 }] } else { Vec::new() };
                let text = format!("entry {n} of part {part} in {id}");
                let state = Some(text.clone().into());
                let running = Some(n == 3);
                store.commit(id, 1, Commit { state, running, delivered, ..entries(&[&text, "and"]) }).await.unwrap();
            }
        }
        store.close().await;
        drop(store);
        if part < 2 {
            write_out(&directory.join("db"));
        }
    }
    // Opened once more, the journal has no room set aside at its end.
    EmbeddedStore::open(directory).unwrap().close().await;
    ids
}

/// Makes tables of what is in the journal.
fn write_out(database: &Path) {
    let tables = Tables::open(database).unwrap();
    for table in walk::TABLES {
        tables.table(table).rotate_memtable_and_wait().unwrap();
    }
}

async fn content(store: &EmbeddedStore, ids: &[SessionId]) -> Result<String, StoreError> {
    let mut seen = format!("{:?}", store.interrupted().await?);
    for id in ids {
        let row = store.session(id).await?;
        let (log, inbox) = (store.read(id, 0, usize::MAX).await?, store.inbox(id, 0, usize::MAX).await?);
        seen.push_str(&format!("\n{row:?} {log:?} {inbox:?}"));
        for part in 0..3 {
            let again = store.enqueue(id, item(&format!("m{part}-0"), u64::MAX)).await?;
            seen.push_str(&format!(" {again:?}"));
        }
    }
    Ok(seen)
}

/// What an operator sees of a damaged copy: its content, or an error.
async fn look(directory: &Path, ids: &[SessionId]) -> Result<String, StoreError> {
    let store = EmbeddedStore::open(directory)?;
    let seen = content(&store, ids).await;
    store.close().await;
    seen
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.metadata().unwrap().len() > 0 {
                found.push(entry.path().strip_prefix(directory).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy(&entry.path(), &target),
            kind if kind.is_file() => drop(fs::copy(entry.path(), target).unwrap()),
            _ => {}
        }
    }
}

/// Damages each file of a store in turn and collects where nobody noticed.
async fn unnoticed(damage: impl Fn(&Path, usize) -> Option<String>) -> (Vec<String>, usize) {
    let home = tempfile::tempdir().unwrap();
    let whole = home.path().join("whole");
    let ids = prepared(&whole).await;
    let files = files(&whole);
    assert!(files.len() >= 12 && files.iter().any(|file| file.components().any(|part| part.as_os_str() == "tables")));
    let (mut silent, mut told) = (Vec::new(), 0);
    let before = {
        let copied = home.path().join("before");
        copy(&whole, &copied);
        look(&copied, &ids).await.unwrap()
    };
    for file in &files {
        for place in 0..PLACES {
            let copied = home.path().join("copy");
            copy(&whole, &copied);
            if let Some(what) = damage(&copied.join(file), place) {
                match look(&copied, &ids).await {
                    Ok(seen) if seen == before => {}
                    Ok(_) => silent.push(format!("{}: {what}", file.display())),
                    Err(StoreError::Corrupt { .. } | StoreError::Directory { .. } | StoreError::Newer { .. }) => {
                        told += 1;
                    }
                    Err(other) => silent.push(format!("{}: {what}: {other}", file.display())),
                }
            }
            fs::remove_dir_all(&copied).unwrap();
        }
    }
    (silent, told)
}

// Fails when a flipped bit anywhere makes the store show other content than was written, without an error.
#[tokio::test]
async fn a_flipped_bit_is_found_or_without_effect() {
    let (silent, told) = unnoticed(|path, place| {
        let mut bytes = fs::read(path).unwrap();
        let at = bytes.len() * place / PLACES;
        *bytes.get_mut(at)? ^= 1 << (place % 8);
        fs::write(path, bytes).unwrap();
        Some(format!("bit {} of byte {at}", place % 8))
    })
    .await;
    assert!(silent.is_empty(), "{silent:#?}");
    assert!(told > 60, "only {told} damages were found");
}

// Fails when a file that lost its end, or that is gone, makes the store show other content without an error.
#[tokio::test]
async fn a_file_that_is_cut_short_or_gone_is_found() {
    let (silent, told) = unnoticed(|path, place| {
        let length = fs::metadata(path).unwrap().len();
        if place == 0 {
            fs::remove_file(path).unwrap();
            return Some("gone".to_owned());
        }
        let kept = length * (place as u64 - 1) / PLACES as u64;
        fs::File::options().write(true).open(path).unwrap().set_len(kept).unwrap();
        Some(format!("cut to {kept} of {length} bytes"))
    })
    .await;
    assert!(silent.is_empty(), "{silent:#?}");
    assert!(told > 60, "only {told} damages were found");
}
