//! What a process uses, and may use.

pub(crate) use rolecall_tests::process::{cpu, open_files, rss};
