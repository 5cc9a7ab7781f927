//! `rolecall store export DIR`: JSON lines. All sessions come first, then entries, then messages, each in order:
//!
//! ```text
//! {"type": "session",  "session", "role", "user", "created_ms"}
//! {"type": "position", "session", "epoch", "head", "floor", "running"}
//! {"type": "entry",    "session", "seq", "turn", "at_ms", "body": {"kind": …}}      as `GET /v1/diff` shows it
//! {"type": "waiting",  "session", "biz_id", "expires_ms", "message": {…}}           as it was posted
//! {"type": "delivered", "session", "biz_id", "seq"}
//! {"type": "job",      "job": {…}}                                                  of the inference queue
//! ```
//!
//! A session's state is the server's own and left out.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::check::within;
use super::source;
use crate::cli::{DONE, ERRORS, output};
use crate::offline;
use crate::outbox;
use crate::store::{self, StoreError, Stored};

pub(super) fn run(dir: &Path) -> anyhow::Result<u8> {
    let source = source(dir)?;
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut unreadable = 0u64;
    let mut broken = None;
    let written = store::check(
        source,
        &mut |stored| match line(&stored) {
            Ok(None) => Ok(()),
            Ok(Some(value)) => writeln!(out, "{value}").map_err(|error| {
                let reason = error.to_string();
                broken = Some(error);
                StoreError::Directory { path: "standard output".to_owned(), detail: reason }
            }),
            Err(error) => {
                unreadable = unreadable.saturating_add(1);
                output::complain(&format!("rolecall: {error}"));
                Ok(())
            }
        },
        &mut |damage| output::complain(&format!("rolecall: damaged: {damage}")),
    );
    if let Some(error) = broken {
        // A reader that has enough, such as `head`, is no failure.
        return if error.kind() == io::ErrorKind::BrokenPipe { Ok(DONE) } else { Err(error.into()) };
    }
    let checked = written?;
    if let Err(error) = out.flush()
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(error.into());
    }
    Ok(if checked.damages == 0 && unreadable == 0 { DONE } else { ERRORS })
}

fn line(stored: &Stored) -> Result<Option<Value>, StoreError> {
    Ok(Some(match stored {
        Stored::Session(new) => json!({
            "type": "session", "session": new.id.as_str(), "role": new.role, "user": new.user,
            "created_ms": new.created_ms,
        }),
        Stored::Position { id, epoch, head, floor, running } => json!({
            "type": "position", "session": id.as_str(), "epoch": epoch, "head": head, "floor": floor,
            "running": running,
        }),
        Stored::State(..) => return Ok(None),
        Stored::Entry(id, entry) => {
            let message = outbox::decode(entry).map_err(|error| within(id.as_str(), error))?;
            json!({
                "type": "entry", "session": id.as_str(), "seq": message.seq, "turn": message.turn,
                "at_ms": message.at_ms, "body": message.body,
            })
        }
        Stored::Waiting(id, item) => {
            let message = offline::decode(item).map_err(|error| within(id.as_str(), error))?;
            json!({
                "type": "waiting", "session": id.as_str(), "biz_id": item.biz_id, "expires_ms": item.expires_ms,
                "message": message,
            })
        }
        Stored::Delivered(id, biz_id, seq) => {
            json!({"type": "delivered", "session": id.as_str(), "biz_id": biz_id, "seq": seq})
        }
        Stored::Job(job) => json!({"type": "job", "job": job}),
    }))
}
