//! `rolecall store check DIR`.

use std::cell::Cell;
use std::path::Path;

use super::source;
use crate::cli::output::complain;
use crate::cli::{DONE, ERRORS, print_line};
use crate::offline;
use crate::outbox;
use crate::store::{self, Checked, StoreError, Stored};

/// Damages told one by one; where everything is damaged, more of them say nothing new.
const TOLD: u64 = 1_000;

pub(super) fn run(dir: &Path) -> anyhow::Result<u8> {
    let damages = Damages::default();
    let checked = store::check(
        source(dir)?,
        &mut |stored| {
            if let Err(error) = content(&stored) {
                damages.tell(&error.to_string());
            }
            Ok(())
        },
        &mut |damage| damages.tell(damage),
    )?;
    let checked = Checked { damages: damages.0.get(), ..checked };
    let Checked { sessions, entries, waiting, jobs, records, damages } = checked;
    let counted = format!(
        "{sessions} sessions, {entries} log entries, {waiting} waiting messages, {jobs} jobs, {records} records"
    );
    if damages == 0 {
        print_line(&format!("{counted}: all read, nothing damaged"))?;
        return Ok(DONE);
    }
    print_line(&format!(
        "{counted}: {damages} damaged. `rolecall store export` writes what can be read; to mend it, stop the server and start \
         it on a backup"
    ))?;
    Ok(ERRORS)
}

/// Counts damages and tells the first ones, as they are met.
#[derive(Debug, Default)]
struct Damages(Cell<u64>);

impl Damages {
    fn tell(&self, damage: &str) {
        self.0.set(self.0.get().saturating_add(1));
        if self.0.get() <= TOLD {
            complain(&format!("damaged: {damage}"));
        }
    }
}

/// Whether what a record holds is what the server writes.
fn content(stored: &Stored) -> Result<(), StoreError> {
    match stored {
        Stored::Entry(id, entry) => outbox::decode(entry).map(drop).map_err(|error| within(id.as_str(), error)),
        Stored::Waiting(id, item) => offline::decode(item).map(drop).map_err(|error| within(id.as_str(), error)),
        _ => Ok(()),
    }
}

/// Names the session of a message that cannot be read.
pub(super) fn within(id: &str, error: StoreError) -> StoreError {
    match error {
        StoreError::Corrupt { what, detail } => StoreError::Corrupt { what: format!("{what} of session {id}"), detail },
        other => other,
    }
}
