//! What the writing process tells: one line for each acknowledged write, before its writer goes on.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The directory is open.
    Ready,
    /// A session was made.
    Created {
        /// Its id.
        session: String,
    },
    /// A step was committed.
    Committed {
        /// Where.
        session: String,
        /// Sequence id of its first entry.
        first: u64,
        /// The head behind it.
        head: u64,
        /// Fingerprints of its entries.
        entries: Vec<u64>,
    },
    /// A message was taken in.
    Enqueued {
        /// Where.
        session: String,
        /// Its name.
        biz_id: String,
        /// Fingerprint of its bytes.
        content: u64,
    },
    /// A message was said to be delivered already.
    Delivered {
        /// Where.
        session: String,
        /// Its name.
        biz_id: String,
        /// By which entry.
        seq: u64,
    },
    /// A new epoch began.
    Leapt {
        /// Where.
        session: String,
        /// The epoch.
        epoch: u32,
        /// The next sequence id, at least.
        resume_at: u64,
    },
    /// The store refused what it must not refuse.
    Failed {
        /// What it said.
        error: String,
    },
}

impl Report {
    /// Writes the line at once and as one piece: nothing waits in a buffer when the process is killed.
    ///
    /// # Errors
    /// When nobody listens any more.
    pub fn tell(&self) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        // A line-buffered lock that is flushed before it is given back.
        let mut out = io::stdout().lock();
        out.write_all(&line)?;
        out.flush()
    }
}
