use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::{Compiler, Embedder, HashedEmbedder};

/// Bytes of a plugin's file; a larger one is refused unread. Python needs 18 MB, JavaScript 12 MB.
pub const MAX_FILE_BYTES: u64 = 32 << 20;
/// Bytes of a text to judge: a whole reply, all pieces of a stream together, or the two messages to
/// compare; a longer one is not judged ([`crate::CallError::InputTooLarge`]).
pub const MAX_TEXT_BYTES: usize = 256 << 10;
/// Messages of a window to merge; a longer one is not merged ([`crate::CallError::InputTooLarge`]).
pub const MAX_WINDOW: usize = 500;
/// Bytes of all texts of a window.
pub(crate) const MAX_WINDOW_BYTES: usize = 1 << 20;
/// Plugins of a host; further files are refused by name.
pub(crate) const MAX_PLUGINS: usize = 64;
/// Files of a folder that are looked into; further ones are counted and left alone.
pub(crate) const MAX_FILES: usize = 256;
/// How long a call of a trial waits for a worker.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// Stack of a guest; enough even for a JavaScript or Python interpreter.
pub(crate) const WASM_STACK_BYTES: usize = 512 << 10;
/// Stack of a worker: the guest's, and what the host's functions under it need.
pub(crate) const WORKER_STACK_BYTES: usize = 4 << 20;

/// Where plugins are and what they may use.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// The folder with `*.wasm`; need not exist.
    pub dir: PathBuf,
    /// Limits of every call.
    pub limits: Limits,
    /// Threads that run guests; the default is the number of cores. 0 counts as 1. Of several plugins,
    /// one gets all threads but one at most.
    pub workers: usize,
    /// Where compiled components are kept; `None` compiles at every start.
    pub cache: Option<PathBuf>,
    /// Whether only files that `plugins.lock` in the folder pins become plugins. Without such a file all may.
    pub locked: bool,
    /// Where what is not in the cache is compiled.
    pub compiler: Compiler,
    /// What embeds the texts of plugins that are granted `embed`.
    pub embedder: Arc<dyn Embedder>,
}

impl HostConfig {
    /// The defaults for a folder of plugins, without a cache.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            dir: dir.into(),
            limits: Limits::default(),
            workers,
            cache: None,
            locked: false,
            compiler: Compiler::Here,
            embedder: Arc::new(HashedEmbedder),
        }
    }

    /// Sets the limits, those of [`HostConfig::for_trials`] too.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// For those who try plugins, and want the same verdict each time: instructions are counted instead of time,
    /// calls wait as long as they must, no breaker decides, and no call finds what another has kept.
    #[must_use]
    pub fn for_trials(mut self) -> Self {
        (self.limits.metering, self.limits.trial, self.limits.wait) = (Metering::Fuel, true, PATIENCE);
        self
    }

    /// Sets the number of threads.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Keeps compiled components in a folder that nobody else can write to.
    #[must_use]
    pub fn with_cache(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cache = Some(dir.into());
        self
    }
}

/// What a guest's time is measured by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Metering {
    /// Time in which it really ran: for servers, where a machine's time is what is scarce.
    #[default]
    Time,
    /// Instructions, a million for a millisecond: a call that ends within its limit here does so on every
    /// machine, and one that does not never does. For tests and `verify`.
    Fuel,
}

/// What one call may use. Each limit has a named outcome in [`crate::CallError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// What the times below are measured by; default time.
    pub metering: Metering,
    /// Whether calls only try the plugins: the breakers neither decide nor hear of them, and each instance
    /// begins with an empty store of its own; default no.
    pub trial: bool,
    /// Guest time of `create`, `describe` and of `merge`; default 250 ms. `create` and the call that
    /// follows on the same instance have together the longer of their two limits.
    pub merge: Duration,
    /// Guest time of a whole-text `check`, of `finish` and of `same`; default 50 ms.
    pub check: Duration,
    /// Guest time of one `push`; default 10 ms.
    pub push: Duration,
    /// Linear memory of an instance; default 32 MiB.
    pub memory_bytes: usize,
    /// What a call may copy out of the guest; default 1 MiB.
    pub result_bytes: usize,
    /// Calls that may wait for a worker, per plugin; default 4,096. One more is [`crate::CallError::Busy`].
    pub queue: usize,
    /// How long a call may wait for a worker; default 2 s. Beyond it, [`crate::CallError::Busy`].
    pub wait: Duration,
    /// Streams that hold an instance to their end; default 4,096, of several plugins half of them each at
    /// most. Further ones go on more slowly. Address space is reserved for all, memory is used as they come.
    pub streams: u32,
    /// Linear memory of all streams together; default 4 GiB, of several plugins half of it each at most.
    /// Without room for one, a stream holds no instance; one that grows beyond fails with
    /// [`crate::CallError::Memory`].
    pub stream_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            metering: Metering::Time,
            trial: false,
            merge: Duration::from_millis(250),
            check: Duration::from_millis(50),
            push: Duration::from_millis(10),
            memory_bytes: 32 << 20,
            result_bytes: 1 << 20,
            queue: 4_096,
            wait: Duration::from_secs(2),
            streams: 4_096,
            stream_bytes: 4 << 30,
        }
    }
}
