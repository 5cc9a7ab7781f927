//! What happened in a run: always as a hash, and as lines when somebody reads them.

use std::hash::Hasher;

use rustc_hash::FxHasher;

/// The record of a run. Two runs of one seed have the same hash, or the run does not follow from its
/// seed.
pub(crate) struct Trace {
    hash: FxHasher,
    steps: u64,
    now: u64,
    lines: Option<Vec<String>>,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trace of {} steps", self.steps)
    }
}

impl Trace {
    pub(crate) fn new(lines: bool) -> Self {
        Self { hash: FxHasher::default(), steps: 0, now: 0, lines: lines.then(Vec::new) }
    }

    /// A step begins.
    pub(crate) fn step(&mut self, now: u64, what: &'static str, whom: u64) {
        self.steps += 1;
        self.now = now;
        self.hash.write_u64(now);
        self.note(what, whom, 0);
    }

    /// Something happened, with two numbers that tell it from its like.
    pub(crate) fn note(&mut self, what: &'static str, whom: u64, number: u64) {
        self.hash.write(what.as_bytes());
        self.hash.write_u64(whom);
        self.hash.write_u64(number);
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>5} {:>8} ms  {what} {whom} {number}", self.steps, self.now));
        }
    }

    /// Bytes went over a connection; `text` says what they are.
    pub(crate) fn bytes(&mut self, connection: u64, bytes: &[u8], text: impl FnOnce() -> String) {
        self.hash.write_u64(connection);
        self.hash.write(bytes);
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>5} {:>8} ms    #{connection} {}", self.steps, self.now, text()));
        }
    }

    /// A line that only readers get; what it says must follow from what is hashed.
    pub(crate) fn say(&mut self, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>5} {:>8} ms    {}", self.steps, self.now, text()));
        }
    }

    pub(crate) const fn steps(&self) -> u64 {
        self.steps
    }

    /// The hash and the lines.
    pub(crate) fn finish(self) -> (u64, Vec<String>) {
        (self.hash.finish(), self.lines.unwrap_or_default())
    }
}
