//! Traces of replies on which a rule acted, kept in the data directory as JSON lines.
//!
//! Two files of at most [`MAX_FILE_BYTES`] each: the newest traces are appended to one, and when it is
//! full it takes the place of the other, whose traces are gone. They outlive the process, and
//! `rolecall explain --trace ID` reads them beside a running server or without one. A trace quotes what
//! a contract forbids, so the files are their owner's only.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::fs::{self, File, OpenOptions};
use tokio::io::{self, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::enforce::Trace;

/// The size at which a file of traces is full (8 MiB).
pub const MAX_FILE_BYTES: u64 = 8 << 20;

/// Traces that may wait to be written; further ones are dropped, and the log says so. A reply never
/// waits for its trace.
const WAITING: usize = 256;

const FOLDER: &str = "traces";
const CURRENT: &str = "current.jsonl";
const PREVIOUS: &str = "previous.jsonl";

/// Where traces go. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Traces {
    sender: Option<mpsc::Sender<Arc<Trace>>>,
}

/// Writes what [`Traces`] takes. Owned by one task.
#[derive(Debug)]
pub struct TraceWriter {
    folder: PathBuf,
    waiting: mpsc::Receiver<Arc<Trace>>,
    file: Option<(File, u64)>,
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
        (Self { sender: Some(sender) }, TraceWriter { folder: data.join(FOLDER), waiting, file: None })
    }

    /// Keeps a trace. Never waits.
    pub fn keep(&self, trace: Trace) {
        let Some(sender) = &self.sender else { return };
        if let Err(error) = sender.try_send(Arc::new(trace)) {
            tracing::warn!(%error, "a trace is dropped: they come faster than they are written");
        }
    }
}

/// The newest trace of this id below a data directory; `None` when there is none, or none any more.
///
/// # Errors
/// When a file of traces is there and cannot be read.
pub async fn find(data: &Path, id: &str) -> io::Result<Option<Trace>> {
    for name in [CURRENT, PREVIOUS] {
        let text = match fs::read(data.join(FOLDER).join(name)).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // A line that was being written when the process ended is no trace.
        let lines = text.split(|byte| *byte == b'\n').rev();
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
    /// Writes until the process stops, and what waits then.
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
            if let Err(error) = self.write(&trace).await {
                tracing::warn!(folder = %self.folder.display(), %error, "a trace cannot be written and is dropped");
                self.file = None;
            }
        }
    }

    async fn write(&mut self, trace: &Trace) -> io::Result<()> {
        let mut line = serde_json::to_vec(trace)?;
        line.push(b'\n');
        let (mut file, mut length) = match self.file.take() {
            Some(open) => open,
            None => self.open().await?,
        };
        if length > 0 && length.saturating_add(line.len() as u64) > MAX_FILE_BYTES {
            fs::rename(self.folder.join(CURRENT), self.folder.join(PREVIOUS)).await?;
            (file, length) = self.open().await?;
        }
        file.write_all(&line).await?;
        file.flush().await?;
        self.file = Some((file, length + line.len() as u64));
        Ok(())
    }

    /// The current file, behind its last whole line.
    async fn open(&self) -> io::Result<(File, u64)> {
        fs::create_dir_all(&self.folder).await?;
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(self.folder.join(CURRENT)).await?;
        let mut length = file.metadata().await?.len();
        if length > 0 {
            file.seek(io::SeekFrom::End(-1)).await?;
            if file.read_u8().await? != b'\n' {
                file.write_all(b"\n").await?;
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
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.extend(b"{\"id\":\"c\",\"ro");
        std::fs::write(&file, bytes).unwrap();
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
        let sizes: Vec<u64> = [CURRENT, PREVIOUS]
            .map(|name| std::fs::metadata(data.path().join(FOLDER).join(name)).unwrap().len())
            .to_vec();
        assert!(sizes.iter().all(|size| *size <= MAX_FILE_BYTES), "{sizes:?}");
        assert!(find(data.path(), "199").await.unwrap().is_some());
        assert!(find(data.path(), "0").await.unwrap().is_none());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_reads_traces() {
        use std::os::unix::fs::PermissionsExt as _;
        let data = tempfile::tempdir().unwrap();
        written(data.path(), [trace("a", "one")]).await;
        let mode = std::fs::metadata(data.path().join(FOLDER).join(CURRENT)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
