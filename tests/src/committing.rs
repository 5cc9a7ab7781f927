//! What a process that commits messages is told, and what it tells (`rolecall-stores`): the benches of stores have every store
//! in a process of its own, whose processor time is then that of the store.
//!
//! It reads a [`Part`] as the first line of its input, then a [`Task`] per line, and answers each line with one.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What takes the messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Subject {
    /// The store in memory.
    Memory,
    /// The store in a directory, with fsync.
    Embedded(PathBuf),
    /// The store on a Redis server.
    Redis {
        /// Which server.
        url: String,
        /// When a write counts as done, as `--redis-durability` takes it.
        durability: String,
    },
    /// The Redis server without rolecall: one `XADD` per message over one connection.
    Raw {
        /// Which server.
        url: String,
        /// Whether a message is sent while others are under way.
        pipelined: bool,
    },
}

/// What a process does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// Where the messages go.
    pub subject: Subject,
    /// Sessions that commit at the same time, each one message after the other.
    pub sessions: usize,
    /// Bytes of a message.
    pub message: usize,
    /// Bytes of the session's state that a commit carries; with 0 it carries none.
    pub state: usize,
    /// Whether every other commit leaves a reply unfinished, which the next one ends, as turns do.
    pub turns: bool,
    /// The Redis server's process.
    pub server: Option<i32>,
}

/// What it is to do next.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Task {
    /// Commit for so many seconds. Answered with a [`Round`].
    Commit(f64),
    /// Close the store. Answered with [`Left`]; then the process ends.
    Close,
}

/// What came of committing.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Round {
    /// Commits that were acknowledged, one message each.
    pub messages: u64,
    /// Until the last of them was.
    pub seconds: f64,
    /// Processor seconds of the process with the store.
    pub cpu: f64,
    /// Those of the Redis server; 0 where there is none.
    pub server_cpu: f64,
    /// Bytes written to disks by both.
    pub written: f64,
    /// From the call to its answer, in microseconds: half of the commits.
    pub p50: f64,
    /// 99 of 100.
    pub p99: f64,
}

/// What is left on the disk.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Left {
    /// Bytes of the directory when the store was closed.
    pub closed: f64,
    /// Bytes of a copy of it as `rolecall store backup` makes it: all records and nothing that was written over.
    pub compacted: f64,
}
