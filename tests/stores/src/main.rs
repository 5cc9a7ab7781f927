//! `rolecall-stores`: a process that has a store and commits messages into it for the benches (`rolecall-bench stores`), or that
//! drives a Redis server without rolecall. What it is told and tells: `rolecall_tests::committing`.

mod content;
mod load;
mod raw;
mod stored;

use std::path::Path;

use anyhow::{Context, Result};
use load::{Load, Target};
use rolecall_tests::committing::{Left, Part, Subject, Task};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// As the server has it.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut out = tokio::io::stdout();
    let part = lines.next_line().await?.context("the benches start this program: run `rolecall-bench stores`")?;
    let part: Part = serde_json::from_str(&part)?;
    let target = Target::open(&part).await?;
    let mut load = Load::new(target, &part)?;
    out.write_all(b"null\n").await?;
    out.flush().await?;
    while let Some(line) = lines.next_line().await? {
        let (answer, last) = match serde_json::from_str(&line)? {
            Task::Commit(seconds) => (serde_json::to_string(&load.round(seconds).await?)?, false),
            Task::Close => {
                load.close().await;
                (serde_json::to_string(&left(&part.subject)?)?, true)
            }
        };
        out.write_all(format!("{answer}\n").as_bytes()).await?;
        out.flush().await?;
        if last {
            break;
        }
    }
    Ok(())
}

/// What a store that was closed takes on the disk.
fn left(subject: &Subject) -> Result<Left> {
    let Subject::Embedded(directory) = subject else { return Ok(Left::default()) };
    let closed = occupied(directory)?;
    let copies = tempfile::tempdir_in(directory.parent().context("a store has a parent folder")?)?;
    let copy = copies.path().join("copy");
    rolecall::store::backup(rolecall::store::StoreSource::open(directory)?, &copy)?;
    Ok(Left { closed, compacted: occupied(&copy)? })
}

/// Bytes that a folder takes on its disk; room that a file has set aside and not used is none.
fn occupied(folder: &Path) -> Result<f64> {
    use std::os::unix::fs::MetadataExt;
    let (mut folders, mut bytes) = (vec![folder.to_path_buf()], 0.0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let data = entry.metadata()?;
            if data.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += data.blocks() as f64 * 512.0;
            }
        }
    }
    Ok(bytes)
}
