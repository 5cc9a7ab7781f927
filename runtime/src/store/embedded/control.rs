//! How a command reads a store while a server has it: a socket in the data directory.
//!
//! Whoever may write there may connect. A connection gets every record as it was when it connected, then the number of
//! records, so that one that breaks off is noticed. One is served at a time, and one that takes too little is let go
//! ([`outlet`](super::outlet)). Rejected: copying the files while they change, which is right only as long as nobody
//! changes how the database writes them; and a call of the HTTP interface, which would need an address and a key for what
//! is at hand.
//!
//! ```text
//! "rolecall store 1\n", then frames:  'r' table:u8 key:u32+bytes value:u32+bytes | 'd' text:u32+bytes | 'e' records:u64
//! ```

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Shared;
use super::outlet::{Outlet, TICK};
use super::tables::Table;
use super::walk::{Piece, walk};

/// The socket's name in the store's directory.
const SOCKET: &str = "control";
const GREETING: &[u8] = b"rolecall store 1\n";
/// How long a command waits for the next frame; another one may be served first.
const PATIENCE: Duration = Duration::from_secs(120);
/// Most bytes of a key or a value that a command believes.
const FIELD_BYTES: u32 = 1 << 30;

/// The thread that serves. Dropping it ends the thread.
pub(super) struct Control {
    path: PathBuf,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Starts serving. A directory where no socket can be is served by nobody, which the log says.
    pub(super) fn start(directory: &Path, shared: &Arc<Shared>) -> Option<Self> {
        let path = directory.join(SOCKET);
        let ending = Arc::new(AtomicBool::new(false));
        let started = listen(&path).and_then(|listener| {
            let (shared, ending) = (Arc::downgrade(shared), Arc::clone(&ending));
            thread::Builder::new().name("store-control".to_owned()).spawn(move || serve(&listener, &shared, &ending))
        });
        match started {
            Ok(thread) => Some(Self { path, ending, thread: Some(thread) }),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "`rolecall store` cannot read this store while the server runs");
                None
            }
        }
    }

    /// Ends the thread and waits for it.
    pub(super) fn end(mut self) {
        self.wake();
        // A panic in it was told by the panic itself; nothing that is kept depends on the thread.
        let _ended = self.thread.take().map(JoinHandle::join);
    }

    fn wake(&self) {
        self.ending.store(true, Ordering::SeqCst);
        // The connection alone wakes it.
        drop(UnixStream::connect(&self.path));
        let _gone = std::fs::remove_file(&self.path);
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.wake();
        }
    }
}

/// The caller holds the directory, so a socket that is there was left by a process that was killed.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn serve(listener: &UnixListener, shared: &Weak<Shared>, ending: &AtomicBool) {
    for stream in listener.incoming() {
        if ending.load(Ordering::SeqCst) {
            return;
        }
        let Some(shared) = shared.upgrade() else { return };
        let sent = stream.and_then(|stream| send(&stream, &shared, ending));
        if let Err(error) = sent {
            tracing::warn!(%error, "a reader of the store was let go before its end");
            // Where accepting fails again and again, it must not take a processor.
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn send(stream: &UnixStream, shared: &Shared, ending: &AtomicBool) -> io::Result<()> {
    stream.set_write_timeout(Some(TICK))?;
    let mut out = BufWriter::with_capacity(1 << 16, Outlet::new(stream, ending, crate::clock::monotonic_ms));
    out.write_all(GREETING)?;
    let view = shared.tables.view();
    let mut records: u64 = 0;
    walk(&view, &mut |piece| {
        if ending.load(Ordering::SeqCst) {
            return Err(io::Error::other("the server is ending"));
        }
        match piece {
            Piece::Record { table, key, value } => {
                records = records.saturating_add(1);
                out.write_all(&[b'r', table.code()])?;
                put(&mut out, key)?;
                put(&mut out, value)
            }
            Piece::Damage(text) => {
                out.write_all(b"d")?;
                put(&mut out, text.as_bytes())
            }
        }
    })?;
    out.write_all(b"e")?;
    out.write_all(&records.to_be_bytes())?;
    out.flush()
}

fn put(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= FIELD_BYTES);
    let length = length.ok_or_else(|| io::Error::other("a record is too large"))?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(bytes)
}

/// Connects to the process that has the directory.
pub(super) fn ask(directory: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(directory.join(SOCKET))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads everything that the other process sends. The outer error is the connection's, the inner one the sink's.
pub(super) fn receive<E>(
    stream: &UnixStream,
    sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
) -> io::Result<Result<(), E>> {
    let mut input = BufReader::with_capacity(1 << 16, stream);
    let mut greeting = [0; GREETING.len()];
    input.read_exact(&mut greeting)?;
    if greeting != GREETING {
        return Err(io::Error::other("it speaks another version of this; use the server's own release"));
    }
    let (mut key, mut value, mut records) = (Vec::new(), Vec::new(), 0u64);
    loop {
        let given = match byte(&mut input)? {
            b'r' => {
                let table = Table::of(byte(&mut input)?).ok_or_else(|| io::Error::other("it sent an unknown table"))?;
                take(&mut input, &mut key)?;
                take(&mut input, &mut value)?;
                records = records.saturating_add(1);
                sink(Piece::Record { table, key: &key, value: &value })
            }
            b'd' => {
                take(&mut input, &mut value)?;
                sink(Piece::Damage(String::from_utf8_lossy(&value).into_owned()))
            }
            b'e' => {
                let mut sent = [0; 8];
                input.read_exact(&mut sent)?;
                let whole = u64::from_be_bytes(sent) == records;
                return if whole { Ok(Ok(())) } else { Err(io::Error::other("records got lost on the way")) };
            }
            _ => return Err(io::Error::other("it sent what this release does not know")),
        };
        if let Err(error) = given {
            return Ok(Err(error));
        }
    }
}

fn byte(input: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(u8::from_be_bytes(byte))
}

fn take(input: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > FIELD_BYTES {
        return Err(io::Error::other("it sent a record that is too large"));
    }
    bytes.clear();
    // Read as it comes: a length alone makes nobody set memory aside.
    let read = input.take(u64::from(length)).read_to_end(bytes)?;
    if read as u64 == u64::from(length) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
