//! Looks at the database's journals before it is opened.
//!
//! The database takes the first thing in a journal that it cannot read for the end of a write that was cut short, and
//! drops it with everything behind it. After a kill that is right. After damage it is a silent loss of acknowledged
//! writes: so what cannot be read is damage, unless all that is written there is the beginning of a step and no end. The
//! order of steps, which their checksums leave out, is compared too.
//!
//! When the machine fails within a write, a later page of it may be on the disk and an earlier one not. Nothing tells that
//! from damage to a step that was acknowledged, so it is damage here. It is [`the last step`](Broken::is_last), which
//! [`repair`](super::repair()) drops when it is told to.
//!
//! ```text
//! step:   1, items u32, number u64; items; 3, checksum u64, "FJL\x03"            (little endian)
//! item:   2, kind u8, compression u8, table u64, key u16, value u32, stored u32, key, stored value
//! clear:  4, table u64
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::store::StoreError;

const TRAILER: &[u8] = b"FJL\x03";
/// Numbers that one step may be ahead of the one before. They count writes, those of the database itself among them.
const AHEAD: u64 = 1 << 32;

/// The journals in which there are steps, by the names of their files, oldest first, each with the number of its last step.
pub(super) type Ends = Vec<(String, u64)>;

/// Looks at every journal of a database, and says where they end; one that does not exist yet has none.
///
/// # Errors
/// [`StoreError::Corrupt`] when a journal is damaged, [`StoreError::Directory`] when one cannot be read.
pub(super) fn inspect(database: &Path) -> Result<Ends, StoreError> {
    let (ends, broken) = read(database)?;
    broken.map_or(Ok(ends), |broken| Err(broken.told()))
}

/// Where a journal cannot be read.
pub(super) struct Broken {
    pub(super) journal: PathBuf,
    /// The byte at which the step begins.
    pub(super) at: usize,
    /// What is there, up to the last byte that was written.
    pub(super) bytes: Vec<u8>,
    /// Whether no journal has a step behind it.
    pub(super) is_last: bool,
    detail: String,
}

impl Broken {
    /// What is told of it.
    pub(super) fn told(&self) -> StoreError {
        let remedy = match self.is_last {
            true => "; it is the last step, which `rolecall store repair` drops",
            false => "",
        };
        StoreError::corrupt(format!("the journal {}", self.journal.display()), format!("{}{remedy}", self.detail))
    }
}

/// Finds the first place in the journals of a database that is damaged.
///
/// # Errors
/// [`StoreError::Directory`] when a journal cannot be read.
pub(super) fn broken(database: &Path) -> Result<Option<Broken>, StoreError> {
    read(database).map(|(_, broken)| broken)
}

/// The same, with where the journals end, or can be read no further.
///
/// # Errors
/// [`StoreError::Directory`] when a journal cannot be read.
pub(super) fn read(database: &Path) -> Result<(Ends, Option<Broken>), StoreError> {
    let unreadable = |error: io::Error| StoreError::Directory {
        path: database.display().to_string(),
        detail: format!("cannot be read ({error}); check the disk and the permissions"),
    };
    let journals = match journals(database) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Ends::new(), None)),
        other => other.map_err(unreadable)?,
    };
    let (mut ends, mut number) = (Ends::new(), None);
    let mut journals = journals.into_iter();
    while let Some(path) = journals.next() {
        let bytes = fs::read(&path).map_err(unreadable)?;
        let before = number;
        let scanned = scan(&bytes, &mut number);
        if let Some(last) = number.filter(|_| number != before) {
            ends.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), last));
        }
        let scanned = match scanned {
            Ok(scanned) => scanned,
            Err(Fault { at, torn, detail }) => {
                let mut is_last = torn && !has_step(bytes.get(at.saturating_add(1)..).unwrap_or_default());
                for later in journals {
                    is_last = is_last && !has_step(&fs::read(&later).map_err(unreadable)?);
                }
                let bytes = bytes.get(at..written(&bytes)).unwrap_or_default().to_vec();
                return Ok((ends, Some(Broken { journal: path, at, bytes, is_last, detail })));
            }
        };
        if scanned > 0 {
            tracing::warn!(
                journal = %path.display(),
                bytes = scanned,
                "a write was cut short, as when the server is killed within it, and is dropped; nobody was told that it was done, unless the file lost its end otherwise"
            );
        }
    }
    Ok((ends, None))
}

/// Whether a step can be read anywhere in a piece of a journal.
fn has_step(journal: &[u8]) -> bool {
    let written = written(journal);
    let begins = journal.iter().enumerate().take(written).filter(|(_, byte)| **byte == 1);
    begins.map(|(at, _)| at).any(|at| {
        let rest = journal.get(at..).unwrap_or_default();
        Step { rest, length: rest.len(), written: written.saturating_sub(at) }.read().is_ok()
    })
}

/// Bytes up to the last one that was written: behind the last step the file may be filled with zeros.
fn written(journal: &[u8]) -> usize {
    journal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1))
}

/// Journals, oldest first.
fn journals(database: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(database)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|extension| extension == "jnl")) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Waits until the journals of a database are on the disk as they are.
pub(super) fn sync(database: &Path) -> io::Result<()> {
    journals(database)?.into_iter().try_for_each(|journal| fs::File::open(journal)?.sync_all())
}

/// What stands for the journals of a database that has none. A database makes its first one with itself, and the next before it
/// removes one, so what it had written last is gone; it would begin an empty journal and say nothing.
pub(super) fn missing(database: &Path) -> Option<PathBuf> {
    let has_none = journals(database).is_ok_and(|journals| journals.is_empty());
    has_none.then(|| database.join("*.jnl"))
}

/// What is wrong with a journal, and from which byte on.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    at: usize,
    /// Whether a step cannot be read, instead of being where it should not be.
    torn: bool,
    detail: String,
}

/// Reads a journal. Says how many bytes of a step that was cut short are at its end, or what is wrong.
fn scan(journal: &[u8], number: &mut Option<u64>) -> Result<usize, Fault> {
    let written = written(journal);
    let mut at = 0;
    loop {
        let rest = journal.get(at..).unwrap_or_default();
        let mut step = Step { rest, length: rest.len(), written: written.saturating_sub(at) };
        match step.read() {
            Ok(next) => {
                if number.is_some_and(|last| next <= last || next.saturating_sub(last) > AHEAD) {
                    return Err(Fault { at, torn: false, detail: format!("step {next} at byte {at} is out of order") });
                }
                *number = Some(next);
                at = at.saturating_add(step.at());
            }
            // Where a length is damaged, a step seems to go on behind everything that follows it.
            Err(Unreadable::Cut) if !journal.get(at..written).unwrap_or_default().ends_with(TRAILER) => {
                return Ok(written.saturating_sub(at));
            }
            Err(_) => {
                let detail = format!(
                    "the step at byte {at} cannot be read, and it is not the end of a write that was cut short"
                );
                return Err(Fault { at, torn: true, detail });
            }
        }
    }
}

/// Why a step cannot be read.
enum Unreadable {
    /// All that was written of it is its beginning.
    Cut,
    /// What was written is not the beginning of a step.
    Damaged,
}

/// A step that is being read.
struct Step<'a> {
    rest: &'a [u8],
    length: usize,
    /// Bytes from its beginning to the last one that was written.
    written: usize,
}

impl Step<'_> {
    /// Reads to the end. Says the step's number.
    fn read(&mut self) -> Result<u64, Unreadable> {
        let begins = self.number::<1>()? == 1;
        self.expect(begins)?;
        let (items, number) = (self.number::<4>()?, self.number::<8>()?);
        let content = self.rest;
        for _ in 0..items {
            self.item()?;
        }
        let content = content.get(..content.len().saturating_sub(self.rest.len())).unwrap_or_default();
        let end = [&[3], xxh3_64(content).to_le_bytes().as_slice(), TRAILER].concat();
        let ends = self.rest.starts_with(&end);
        self.skip(end.len() as u64)?;
        self.expect(ends)?;
        Ok(number)
    }

    fn item(&mut self) -> Result<(), Unreadable> {
        match self.number::<1>()? {
            2 => {
                self.skip(1)?;
                let compressed = self.number::<1>()? != 0;
                self.skip(8)?;
                let (key, value, stored) = (self.number::<2>()?, self.number::<4>()?, self.number::<4>()?);
                // Compression is used where it saves, and does not add more than this where it does not.
                let fits = if compressed {
                    stored <= value.saturating_add(value / 8).saturating_add(64)
                } else {
                    stored == value
                };
                self.expect(fits)?;
                self.skip(key.saturating_add(stored))
            }
            4 => self.skip(8),
            _ => {
                self.expect(false)?;
                Ok(())
            }
        }
    }

    /// Bytes read.
    fn at(&self) -> usize {
        self.length.saturating_sub(self.rest.len())
    }

    /// What was just read is as it must be, or was never written to its end.
    fn expect(&self, right: bool) -> Result<(), Unreadable> {
        match right {
            true => Ok(()),
            false if self.at() > self.written => Err(Unreadable::Cut),
            false => Err(Unreadable::Damaged),
        }
    }

    fn skip(&mut self, length: u64) -> Result<(), Unreadable> {
        let rest = usize::try_from(length).ok().and_then(|length| self.rest.get(length..));
        self.rest = rest.ok_or(Unreadable::Cut)?;
        Ok(())
    }

    /// A little-endian number.
    fn number<const N: usize>(&mut self) -> Result<u64, Unreadable> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Unreadable::Cut)?;
        self.rest = rest;
        Ok(taken.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: u64, values: &[&[u8]]) -> Vec<u8> {
        let mut items = Vec::new();
        for value in values {
            items.extend_from_slice(&[2, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0]);
            let length = u32::try_from(value.len()).unwrap().to_le_bytes();
            items.extend_from_slice(&[length, length].concat());
            items.extend_from_slice(b"key");
            items.extend_from_slice(value);
        }
        let begin =
            [&[1], u32::try_from(values.len()).unwrap().to_le_bytes().as_slice(), &number.to_le_bytes()].concat();
        [begin.as_slice(), &items, &[3], &xxh3_64(&items).to_le_bytes(), TRAILER].concat()
    }

    // Fails when a kill within a write, whatever was being written, keeps a server from starting, or drops a whole step.
    #[test]
    fn a_write_that_was_cut_short_is_none() {
        // Without the last byte: one that is cut exactly there passes for damage.
        let nested = step(7, &[b"as if it were a step"]);
        let nested = &nested[..nested.len() - 1];
        let (first, last) = (step(3, &[b"one", b""]), step(4, &[b"value", nested, &[0; 9]]));
        for cut in 0..last.len() {
            for room in [0, 1, 5_000] {
                let journal = [&first, &last[..cut], &vec![0; room]].concat();
                let dropped = scan(&journal, &mut None).unwrap();
                assert!(dropped <= cut && last[dropped..cut].iter().all(|byte| *byte == 0), "{cut} with {room}");
            }
        }
        let whole = [first.as_slice(), &last, &[0; 99]].concat();
        let mut number = None;
        assert_eq!((scan(&whole, &mut number), number), (Ok(0), Some(4)));
        assert!(scan(&whole, &mut number).is_err(), "steps are repeated");
    }

    // Fails when damage passes for the end of a write that was cut short: every step behind it would be lost in silence.
    #[test]
    fn a_flipped_bit_is_damage() {
        let steps = [step(3, &[b"one", b"two"]), step(4, &[&[7; 300]]), step(5, &[b"three"])];
        // The first and the last step may be given another number, with which they stay the first and the last.
        let last = steps[0].len() + steps[1].len();
        let numbers = [5..13, last + 5..last + 13];
        let journal = [steps.concat(), vec![0; 64]].concat();
        for at in 0..last + steps[2].len() {
            for bit in 0..8 {
                let mut flipped = journal.clone();
                flipped[at] ^= 1 << bit;
                let outcome = scan(&flipped, &mut None);
                let renumbered = outcome == Ok(0) && numbers.iter().any(|number| number.contains(&at));
                assert!(outcome.is_err() || renumbered, "bit {bit} of byte {at}: {outcome:?}");
            }
        }
    }
}
