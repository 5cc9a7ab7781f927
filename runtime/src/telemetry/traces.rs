//! Traces of replies on which a rule acted, kept in the data directory as JSON lines.
//!
//! Two files of at most [`MAX_FILE_BYTES`] each: the newest traces are appended to one, and when it is
//! full it takes the place of the other, whose traces are gone. They outlive the process, and
//! `rolecall explain --trace ID` reads them beside a running server or without one. A trace quotes what
//! a contract forbids, so the files are their owner's only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::enforce::Trace;

/// The size at which a file of traces is full (8 MiB).
pub const MAX_FILE_BYTES: u64 = 8 << 20;

/// Traces that may wait to be written; further ones are dropped, and the log says so. A reply never
/// waits for its trace.
const WAITING: usize = 256;

/// The longest id that is looked for: no reply has a longer one.
const MAX_ID_BYTES: usize = 128;

/// The place for the one search that runs. A search holds a whole file in memory, so many at once would
/// cost as many files' worth of it; the others wait here instead.
static SEARCHING: Semaphore = Semaphore::const_new(1);

/// What the ids of responses begin with: chat completions, Responses, Messages.
const RESPONSES: [&str; 3] = ["chatcmpl-", "resp_", "msg_"];

const FOLDER: &str = "traces";
const CURRENT: &str = "current.jsonl";
const PREVIOUS: &str = "previous.jsonl";

/// Where traces go. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Traces {
    kept: Option<Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    sender: mpsc::Sender<Trace>,
    files: Arc<Mutex<Files>>,
}

/// Writes what [`Traces`] takes. Owned by one task.
#[derive(Debug)]
pub struct TraceWriter {
    waiting: mpsc::Receiver<Trace>,
    files: Arc<Mutex<Files>>,
}

/// The files of traces. The writer and the replies that end after it append to them in turn.
#[derive(Debug)]
struct Files {
    folder: PathBuf,
    /// The current file and its length.
    current: Option<(File, u64)>,
}

impl Traces {
    /// Keeps nothing.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::default()
    }

    /// Keeps traces below a data directory, once the writer runs.
    #[must_use]
    pub fn below(data: &Path) -> (Self, TraceWriter) {
        let (sender, waiting) = mpsc::channel(WAITING);
        let files = Arc::new(Mutex::new(Files { folder: data.join(FOLDER), current: None }));
        let kept = Kept { sender, files: Arc::clone(&files) };
        (Self { kept: Some(kept) }, TraceWriter { waiting, files })
    }

    /// Keeps a trace. Does not wait, except while the process ends: the writer stops at the stop signal,
    /// and a reply that ends later writes its trace itself.
    pub fn keep(&self, trace: Trace) {
        let Some(Kept { sender, files }) = &self.kept else { return };
        match sender.try_send(trace) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                tracing::warn!("a trace is dropped: they come faster than they are written");
            }
            Err(TrySendError::Closed(trace)) => files.lock().keep(&trace),
        }
    }
}

/// The newest trace of this id below a data directory; `None` when there is none, or none any more.
///
/// # Errors
/// When a file of traces is there and cannot be read.
pub async fn find(data: &Path, id: &str) -> io::Result<Option<Trace>> {
    if id.len() > MAX_ID_BYTES {
        return Ok(None);
    }
    // Surfaces put a word in front of the id of a response.
    let bare = RESPONSES.iter().find_map(|word| id.strip_prefix(word)).unwrap_or(id);
    let (folder, id) = (data.join(FOLDER), bare.to_owned());
    let place = SEARCHING.acquire().await.map_err(io::Error::other)?;
    let searching = spawn_blocking(move || {
        let found = search(&folder, &id);
        // Given back here and not by the caller: the search runs on when nobody waits for it any more.
        drop(place);
        found
    });
    searching.await?
}

/// Searches the files, the newest trace first.
fn search(folder: &Path, id: &str) -> io::Result<Option<Trace>> {
    // The id is the first field of a trace. Only lines that begin with it are worth reading.
    let start = format!("{{\"id\":{},", serde_json::to_string(id)?);
    for name in [CURRENT, PREVIOUS] {
        let text = match fs::read(folder.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let lines = text.split(|byte| *byte == b'\n').rev().filter(|line| line.starts_with(start.as_bytes()));
        // A line that was being written when the process ended is no trace.
        let mut traces = lines.filter_map(|line| serde_json::from_slice::<Trace>(line).ok());
        if let Some(trace) = traces.find(|trace| trace.id == id) {
            return Ok(Some(trace));
        }
    }
    Ok(None)
}

/// What to say when there is no trace of this id.
#[must_use]
pub fn absent(id: &str) -> String {
    format!(
        "there is no trace of `{id}`: no rule acted on that reply, or newer traces took its place; the id is the \
         response's, or SESSION.TURN"
    )
}

impl TraceWriter {
    /// Writes until the stop signal, and what waits then.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let trace = tokio::select! {
                biased;
                trace = self.waiting.recv() => trace,
                () = stop.cancelled() => {
                    self.waiting.close();
                    self.waiting.recv().await
                }
            };
            let Some(trace) = trace else { return };
            let files = Arc::clone(&self.files);
            if let Err(error) = spawn_blocking(move || files.lock().keep(&trace)).await {
                tracing::warn!(%error, "a trace is dropped: its writing was cut off");
            }
        }
    }
}

impl Files {
    /// Appends a trace. One that cannot be written is dropped, and the log says so.
    fn keep(&mut self, trace: &Trace) {
        if let Err(error) = self.append(trace) {
            tracing::warn!(folder = %self.folder.display(), %error, "a trace cannot be written and is dropped");
        }
    }

    fn append(&mut self, trace: &Trace) -> io::Result<()> {
        let mut line = serde_json::to_vec(trace)?;
        line.push(b'\n');
        // Put back only when all went well: after an error the file is opened anew.
        let (mut file, mut length) = match self.current.take() {
            Some(open) => open,
            None => self.open()?,
        };
        if length > 0 && length.saturating_add(line.len() as u64) > MAX_FILE_BYTES {
            fs::rename(self.folder.join(CURRENT), self.folder.join(PREVIOUS))?;
            (file, length) = self.open()?;
        }
        file.write_all(&line)?;
        self.current = Some((file, length + line.len() as u64));
        Ok(())
    }

    /// The current file, behind its last whole line.
    fn open(&self) -> io::Result<(File, u64)> {
        fs::create_dir_all(&self.folder)?;
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(self.folder.join(CURRENT))?;
        let mut length = file.metadata()?.len();
        if length > 0 {
            let mut last = [0_u8];
            file.seek(io::SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                length += 1;
            }
        }
        Ok((file, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(id: &str, role: &str) -> Trace {
        Trace {
            id: id.to_owned(),
            role: role.to_owned(),
            version: "1.0.0".to_owned(),
            digest: "d".repeat(64),
            mode: "token".to_owned(),
            outcome: None,
            at_ms: 0,
            acts: Vec::new(),
            cut: false,
        }
    }

    async fn written(data: &Path, all: impl IntoIterator<Item = Trace>) {
        let (traces, writer) = Traces::below(data);
        let stop = CancellationToken::new();
        let writing = writer.run(stop.clone());
        let sending = async {
            for trace in all {
                traces.keep(trace);
                tokio::task::yield_now().await;
            }
            stop.cancel();
        };
        tokio::join!(writing, sending);
    }

    // Fails when a trace is lost at an orderly end, or by a line that a killed process left torn.
    #[tokio::test]
    async fn traces_outlive_the_process_and_torn_lines() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(find(data.path(), "a").await.unwrap(), None);
        written(data.path(), [trace("a", "one"), trace("b", "one")]).await;
        let file = data.path().join(FOLDER).join(CURRENT);
        let mut bytes = fs::read(&file).unwrap();
        bytes.extend(b"{\"id\":\"c\",\"ro");
        fs::write(&file, bytes).unwrap();
        written(data.path(), [trace("a", "two")]).await;
        let role = |found: Option<Trace>| found.map(|trace| trace.role);
        assert_eq!(role(find(data.path(), "a").await.unwrap()).as_deref(), Some("two"));
        assert_eq!(role(find(data.path(), "b").await.unwrap()).as_deref(), Some("one"));
        assert_eq!(role(find(data.path(), "c").await.unwrap()), None);
    }

    // Fails when the files grow without bound, or the newest traces are the ones that go.
    #[tokio::test]
    async fn the_oldest_traces_make_room() {
        let data = tempfile::tempdir().unwrap();
        let long = "r".repeat(100_000);
        written(data.path(), (0..200).map(|n| trace(&n.to_string(), &long))).await;
        let sizes: Vec<u64> =
            [CURRENT, PREVIOUS].map(|name| fs::metadata(data.path().join(FOLDER).join(name)).unwrap().len()).to_vec();
        assert!(sizes.iter().all(|size| *size <= MAX_FILE_BYTES), "{sizes:?}");
        assert!(find(data.path(), "199").await.unwrap().is_some());
        assert!(find(data.path(), "0").await.unwrap().is_none());
    }

    // Fails when a reply that ends after the writer loses its trace, or writes it by other rules.
    #[tokio::test]
    async fn traces_of_late_replies_are_kept() {
        let data = tempfile::tempdir().unwrap();
        let (traces, writer) = Traces::below(data.path());
        traces.keep(trace("early", "one"));
        let stop = CancellationToken::new();
        stop.cancel();
        writer.run(stop).await;
        traces.keep(trace("late", "two"));
        traces.clone().keep(trace("later", "three"));
        for (id, role) in [("early", "one"), ("late", "two"), ("later", "three")] {
            assert_eq!(find(data.path(), id).await.unwrap().map(|trace| trace.role).as_deref(), Some(role));
        }
        let long = "r".repeat(100_000);
        (0..200).for_each(|n| traces.keep(trace(&n.to_string(), &long)));
        let sizes = [CURRENT, PREVIOUS].map(|name| fs::metadata(data.path().join(FOLDER).join(name)).unwrap().len());
        assert!(sizes.iter().all(|size| *size <= MAX_FILE_BYTES), "{sizes:?}");
    }

    // Fails when an id is taken for another, one that needs escapes is not found, or a place is never given back.
    #[tokio::test]
    async fn an_id_is_found_whole() {
        let data = tempfile::tempdir().unwrap();
        let longest = "x".repeat(MAX_ID_BYTES);
        let ids = ["a", "a.1", "a\"b\\", "会话.1", longest.as_str()];
        written(data.path(), ids.map(|id| trace(id, id))).await;
        let found = futures_util::future::join_all(ids.map(|id| find(data.path(), id))).await;
        for (id, found) in ids.iter().zip(found) {
            assert_eq!(found.unwrap().map(|trace| trace.role).as_deref(), Some(*id));
        }
        let too_long = "x".repeat(MAX_ID_BYTES + 1);
        written(data.path(), [trace(&too_long, "one")]).await;
        for id in ["", "a\"", "b", too_long.as_str()] {
            assert_eq!(find(data.path(), id).await.unwrap(), None, "{id}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_reads_traces() {
        use std::os::unix::fs::PermissionsExt as _;
        let data = tempfile::tempdir().unwrap();
        written(data.path(), [trace("a", "one")]).await;
        let mode = fs::metadata(data.path().join(FOLDER).join(CURRENT)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
