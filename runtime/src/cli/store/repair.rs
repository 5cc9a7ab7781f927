//! `rolecall store repair DIR`.

use std::path::Path;

use crate::cli::{DONE, print_line};
use crate::store::{self, Dropped, Repaired};

pub(super) fn run(dir: &Path) -> anyhow::Result<u8> {
    super::is_directory(dir)?;
    let Dropped { journal, at, bytes, kept, missing } = match store::repair(&dir.join("store"))? {
        None => {
            print_line("every write can be read: nothing to repair")?;
            return Ok(DONE);
        }
        Some(Repaired::Shortened(missing)) => {
            print_line(&missing)?;
            print_line(
                "It goes on with what is left, from now on. What the rest held is lost; each session begins a new epoch before it \
                 goes on, and clients that have seen more are told",
            )?;
            return Ok(DONE);
        }
        Some(Repaired::Dropped(dropped)) => dropped,
    };
    print_line(&format!(
        "dropped the last write: {bytes} bytes of {} from byte {at} on, kept in {}",
        journal.display(),
        kept.display()
    ))?;
    if let Some(missing) = missing {
        print_line(&missing)?;
    }
    print_line(
        "If the machine failed in the middle of it, nobody was told that it was done. If not, what it held is lost. In case \
         of that, each session begins a new epoch before it goes on, and clients that have seen more are told",
    )?;
    Ok(DONE)
}
