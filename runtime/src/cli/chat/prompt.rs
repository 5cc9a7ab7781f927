//! Writing while the user may be typing at a prompt.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rustyline::{DefaultEditor, ExternalPrinter};

/// How many texts wait for a busy editor; those beyond are written across its line.
const WAITING: usize = 256;

/// Whether a prompt is open, and the way to write above it.
#[derive(Debug, Clone, Default)]
pub(super) struct Prompt {
    open: Arc<AtomicBool>,
    above: Option<SyncSender<String>>,
}

impl Prompt {
    /// The prompt of an editor. An output that is no terminal has no "above".
    pub(super) fn of(editor: &mut DefaultEditor) -> io::Result<Self> {
        let Ok(printer) = editor.create_external_printer() else { return Ok(Self::default()) };
        let (above, texts) = sync_channel(WAITING);
        // The printer waits for an editor that has just closed, so it has its own thread.
        std::thread::Builder::new().name("printer".into()).spawn(move || print(printer, &texts))?;
        Ok(Self { open: Arc::default(), above: Some(above) })
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub(super) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }

    /// An output that keeps clear of this prompt.
    pub(super) fn around<W: Write>(&self, out: W) -> Around<W> {
        Around { out, prompt: self.clone(), held: Vec::new() }
    }
}

fn print(mut printer: impl ExternalPrinter, texts: &Receiver<String>) {
    for text in texts {
        if printer.print(text).is_err() {
            return;
        }
    }
}

/// An output; while a prompt is open, whole lines go above it.
#[derive(Debug)]
pub(super) struct Around<W> {
    out: W,
    prompt: Prompt,
    /// Written, not flushed yet or not a whole line yet.
    held: Vec<u8>,
}

impl<W: Write> Write for Around<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut rest = Vec::new();
        if let Some(above) = self.prompt.above.as_ref().filter(|_| self.prompt.is_open()) {
            let whole = self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            rest = self.held.split_off(whole);
            if self.held.is_empty() || above.try_send(String::from_utf8_lossy(&self.held).into_owned()).is_ok() {
                self.held = rest;
                return Ok(());
            }
        }
        self.out.write_all(&self.held)?;
        self.held = rest;
        self.out.flush()
    }
}
