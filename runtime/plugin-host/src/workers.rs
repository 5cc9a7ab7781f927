//! The threads that run guests, fed in turn from one bounded queue per plugin.
//!
//! Plugins take turns, so that a plugin with many waiting calls, or slow ones, delays another by
//! one call at most per thread.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::config::WORKER_STACK_BYTES;
use crate::ticker::Ticker;

/// What a worker runs.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The threads. They end when this is dropped; calls that still wait are dropped with it.
pub(crate) struct Workers {
    shared: Arc<Shared>,
    ticker: Ticker,
}

/// The queue is full; it has this many calls.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full(pub(crate) usize);

struct Shared {
    queues: Mutex<Queues>,
    wake: Condvar,
    limit: usize,
}

#[derive(Default)]
struct Queues {
    by_plugin: HashMap<usize, VecDeque<Job>>,
    /// Plugins with waiting calls, in turn.
    turns: VecDeque<usize>,
    closed: bool,
}

impl Workers {
    /// Starts the threads; `limit` calls may wait per plugin.
    pub(crate) fn start(count: usize, limit: usize, ticker: Ticker) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queues: Mutex::default(), wake: Condvar::new(), limit });
        let workers = Self { shared, ticker };
        for number in 0..count.max(1) {
            let (shared, ticker) = (Arc::clone(&workers.shared), workers.ticker.clone());
            std::thread::Builder::new()
                .name(format!("plugin-{number}"))
                .stack_size(WORKER_STACK_BYTES)
                .spawn(move || shared.work(&ticker))?;
        }
        Ok(workers)
    }

    /// Queues a call of a plugin.
    pub(crate) fn submit(&self, plugin: usize, job: Job) -> Result<(), Full> {
        let mut queues = self.shared.queues.lock();
        let queue = queues.by_plugin.entry(plugin).or_default();
        if queue.len() >= self.shared.limit {
            return Err(Full(queue.len()));
        }
        queue.push_back(job);
        if queue.len() == 1 {
            queues.turns.push_back(plugin);
        }
        drop(queues);
        self.shared.wake.notify_one();
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut queues = self.shared.queues.lock();
        queues.closed = true;
        let dropped = std::mem::take(&mut queues.by_plugin);
        queues.turns.clear();
        drop(queues);
        drop(dropped);
        self.shared.wake.notify_all();
        self.ticker.close();
    }
}

impl Shared {
    fn work(&self, ticker: &Ticker) {
        while let Some(job) = self.next() {
            let _ticks = ticker.running();
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("the plugin host panicked during a call; the call is aborted");
            }
        }
    }

    /// Waits for the next call; `None` at the end.
    fn next(&self) -> Option<Job> {
        let mut queues = self.queues.lock();
        loop {
            if queues.closed {
                return None;
            }
            if let Some(job) = queues.take() {
                return Some(job);
            }
            self.wake.wait(&mut queues);
        }
    }
}

impl Queues {
    fn take(&mut self) -> Option<Job> {
        let plugin = self.turns.pop_front()?;
        let queue = self.by_plugin.get_mut(&plugin)?;
        let job = queue.pop_front();
        if !queue.is_empty() {
            self.turns.push_back(plugin);
        }
        job
    }
}
