//! The way to a reader of the store, who must take what it asked for: what it reads is kept for it meanwhile.
//!
//! Time counts in which the server waits for the reader, not in which it reads the disk. Rejected: a limit for each write,
//! which a reader keeps that takes a byte now and then; and one for everything, which a large store does not.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a write may block before it is looked whether the server ends; the stream's own limit.
pub(super) const TICK: Duration = Duration::from_millis(200);
/// How long the server waits in all while a reader takes [`SHARE`] bytes.
const PATIENCE_MS: u64 = 30_000;
/// With the patience, 140 kB/s at least.
const SHARE: u64 = 4 << 20;

/// Writes to a reader until it has tried the server's patience.
pub(super) struct Outlet<'a, W> {
    to: W,
    ending: &'a AtomicBool,
    now_ms: fn() -> u64,
    waited_ms: u64,
    taken: u64,
}

impl<'a, W: Write> Outlet<'a, W> {
    /// Writes there until the server ends. A write there must not block for much longer than a [`TICK`].
    pub(super) fn new(to: W, ending: &'a AtomicBool, now_ms: fn() -> u64) -> Self {
        Self { to, ending, now_ms, waited_ms: 0, taken: 0 }
    }

    /// Counts a try to write, and begins to count anew with each share.
    fn counts(&mut self, waited_ms: u64, taken: usize) -> io::Result<()> {
        self.waited_ms = self.waited_ms.saturating_add(waited_ms);
        self.taken = self.taken.saturating_add(taken as u64);
        if self.taken >= SHARE {
            (self.waited_ms, self.taken) = (0, 0);
        }
        if self.ending.load(Ordering::SeqCst) {
            return Err(io::Error::other("the server is ending"));
        }
        if self.waited_ms >= PATIENCE_MS {
            return Err(io::Error::new(ErrorKind::TimedOut, "it takes too little"));
        }
        Ok(())
    }
}

impl<W: Write> Write for Outlet<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let began_ms = (self.now_ms)();
            let outcome = self.to.write(bytes);
            let waited_ms = (self.now_ms)().saturating_sub(began_ms);
            match outcome {
                Ok(taken) => return self.counts(waited_ms, taken).map(|()| taken),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    self.counts(waited_ms, 0)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static NOW_MS: Cell<u64> = const { Cell::new(0) };
    }

    fn now_ms() -> u64 {
        NOW_MS.get()
    }

    /// Takes so many bytes at a time, each time after so long; none is a write that ran into its limit.
    struct Reader<'a> {
        takes: usize,
        after_ms: u64,
        tries: usize,
        ends: Option<&'a AtomicBool>,
    }

    impl Write for Reader<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.tries += 1;
            assert!(self.tries < 10_000, "it is waited for without end");
            NOW_MS.set(NOW_MS.get() + self.after_ms);
            if let Some(ending) = self.ends {
                ending.store(true, Ordering::SeqCst);
            }
            if self.takes == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(bytes.len().min(self.takes)) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn write_to(reader: Reader<'_>, ending: &AtomicBool) -> io::Result<()> {
        let mut outlet = Outlet::new(reader, ending, now_ms);
        let chunk = vec![7; 1 << 16];
        (0..256).try_for_each(|_| outlet.write_all(&chunk))
    }

    // Fails when a reader that takes a byte now and then, or nothing, keeps its view of the store for as long as it likes;
    // or one that is only slow does not get everything.
    #[test]
    fn a_reader_must_take_its_share() {
        let ending = AtomicBool::new(false);
        let reader = |takes, after_ms| Reader { takes, after_ms, tries: 0, ends: None };
        for (takes, after_ms) in [(1, 1_000), (0, 200), (1 << 10, 10)] {
            let let_go = write_to(reader(takes, after_ms), &ending).unwrap_err();
            assert_eq!(let_go.kind(), ErrorKind::TimedOut, "{takes} bytes after {after_ms} ms");
        }
        for (takes, after_ms) in [(1 << 16, 0), (1 << 16, 400), (1 << 12, 20)] {
            write_to(reader(takes, after_ms), &ending).unwrap();
        }
    }

    // Fails when a server that ends waits for a reader that takes nothing.
    #[test]
    fn nobody_is_waited_for_at_the_end() {
        let ending = AtomicBool::new(false);
        let reader = Reader { takes: 0, after_ms: 200, tries: 0, ends: Some(&ending) };
        assert!(write_to(reader, &ending).unwrap_err().to_string().contains("ending"));
    }
}
