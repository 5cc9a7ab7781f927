//! The threads that run guests, fed in turn from one bounded queue per plugin.
//!
//! Plugins take turns, so that a plugin with many waiting calls, or slow ones, delays another by
//! one call at most per thread; and where there are several plugins and threads, one plugin never
//! has them all. A call that has waited too long is answered at its turn without being run: the queue
//! empties at once, where each of its calls would else have come too late.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::config::WORKER_STACK_BYTES;
use crate::ticker::{Running, Ticker};
use crate::{Limits, clock};

/// What a worker runs.
pub(crate) type Job = Box<dyn FnOnce(Turn) + Send>;

/// How a job's wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It may run.
    Come,
    /// It has waited too long: it must only say so.
    TooLate,
}

/// The threads. They end when this is dropped; calls that still wait are dropped with it.
pub(crate) struct Workers(Arc<Shared>);

/// The queue is full; it has this many calls.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full(pub(crate) usize);

struct Shared {
    queues: Mutex<Queues>,
    wake: Condvar,
    count: usize,
    /// Calls that may wait for each plugin, and how long.
    limit: usize,
    wait: Duration,
    ticker: Ticker,
}

struct Queues {
    by_plugin: HashMap<usize, Queue>,
    /// Plugins with waiting calls that may run one more, in turn.
    turns: VecDeque<usize>,
    /// Threads that one plugin may have at once.
    share: usize,
    closed: bool,
}

/// The calls of one plugin.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    running: usize,
}

struct Waiting {
    since: Instant,
    job: Job,
}

impl Workers {
    /// Starts the threads.
    pub(crate) fn start(count: usize, limits: &Limits, ticker: Ticker) -> std::io::Result<Self> {
        let count = count.max(1);
        let queues = Queues { by_plugin: HashMap::new(), turns: VecDeque::new(), share: count, closed: false };
        let (queues, wake, limit, wait) = (Mutex::new(queues), Condvar::new(), limits.queue, limits.wait);
        let workers = Self(Arc::new(Shared { queues, wake, count, limit, wait, ticker }));
        for number in 0..count {
            let shared = Arc::clone(&workers.0);
            std::thread::Builder::new()
                .name(format!("plugin-{number}"))
                .stack_size(WORKER_STACK_BYTES)
                .spawn(move || shared.work())?;
        }
        Ok(workers)
    }

    /// Divides the threads among so many plugins: one of several leaves a thread to the others, if there
    /// is more than one.
    pub(crate) fn divide(&self, plugins: usize) {
        let count = self.0.count;
        self.0.queues.lock().divide(if plugins > 1 { count.saturating_sub(1).max(1) } else { count });
        self.0.wake.notify_all();
    }

    /// Queues a call of a plugin.
    pub(crate) fn submit(&self, plugin: usize, job: Job) -> Result<(), Full> {
        let mut queues = self.0.queues.lock();
        queues.push(plugin, Waiting { since: clock::now(), job }, self.0.limit)?;
        drop(queues);
        self.0.wake.notify_one();
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut queues = self.0.queues.lock();
        queues.closed = true;
        let dropped = std::mem::take(&mut queues.by_plugin);
        queues.turns.clear();
        drop(queues);
        drop(dropped);
        self.0.wake.notify_all();
        self.0.ticker.close();
    }
}

impl Shared {
    fn work(&self) {
        while let Some((plugin, job, turn, ticks)) = self.next() {
            if catch_unwind(AssertUnwindSafe(|| job(turn))).is_err() {
                tracing::error!("the plugin host panicked during a call; the call is aborted");
            }
            drop(ticks);
            self.queues.lock().done(plugin);
        }
    }

    /// Waits for the next call; `None` at the end. The ticks are counted before the lock goes: a
    /// host that is dropped right then must not leave a guest without them.
    fn next(&self) -> Option<(usize, Job, Turn, Running<'_>)> {
        let mut queues = self.queues.lock();
        loop {
            if queues.closed {
                return None;
            }
            if let Some((plugin, Waiting { since, job })) = queues.take() {
                let turn = if since.elapsed() > self.wait { Turn::TooLate } else { Turn::Come };
                return Some((plugin, job, turn, self.ticker.running()));
            }
            self.wake.wait(&mut queues);
        }
    }
}

/// A plugin is in `turns`, once, exactly while it has waiting calls and threads left of its share.
impl Queues {
    fn push(&mut self, plugin: usize, call: Waiting, limit: usize) -> Result<(), Full> {
        let queue = self.by_plugin.entry(plugin).or_default();
        if queue.waiting.len() >= limit {
            return Err(Full(queue.waiting.len()));
        }
        queue.waiting.push_back(call);
        if queue.waiting.len() == 1 && queue.running < self.share {
            self.turns.push_back(plugin);
        }
        Ok(())
    }

    /// Sets the share, and who may run one more under it.
    fn divide(&mut self, share: usize) {
        self.share = share;
        let may = |queue: &Queue| !queue.waiting.is_empty() && queue.running < share;
        self.turns.retain(|plugin| self.by_plugin.get(plugin).is_some_and(may));
        let left = self.by_plugin.iter().filter(|(plugin, queue)| may(queue) && !self.turns.contains(plugin));
        let left: Vec<usize> = left.map(|(plugin, _)| *plugin).collect();
        self.turns.extend(left);
    }

    fn take(&mut self) -> Option<(usize, Waiting)> {
        let plugin = self.turns.pop_front()?;
        let queue = self.by_plugin.get_mut(&plugin)?;
        let call = queue.waiting.pop_front()?;
        queue.running += 1;
        if !queue.waiting.is_empty() && queue.running < self.share {
            self.turns.push_back(plugin);
        }
        Some((plugin, call))
    }

    /// A call ended. The thread that ran it looks for the next one itself, so nobody is woken.
    fn done(&mut self, plugin: usize) {
        let Some(queue) = self.by_plugin.get_mut(&plugin) else { return };
        if queue.running == self.share && !queue.waiting.is_empty() {
            self.turns.push_back(plugin);
        }
        queue.running = queue.running.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(share: usize) -> Queues {
        Queues { by_plugin: HashMap::new(), turns: VecDeque::new(), share, closed: false }
    }

    fn call() -> Waiting {
        Waiting { since: clock::now(), job: Box::new(|_| {}) }
    }

    fn push(queues: &mut Queues, plugins: &[usize]) {
        for plugin in plugins {
            queues.push(*plugin, call(), 3).expect("room");
        }
    }

    fn take(queues: &mut Queues) -> Option<usize> {
        queues.take().map(|(plugin, _)| plugin)
    }

    /// Fails when a plugin gets more than its share, or when a call is forgotten that waited because
    /// the share was used up.
    #[test]
    fn a_plugin_runs_no_more_than_its_share() {
        let mut queues = queues(2);
        push(&mut queues, &[7, 7, 7, 8]);
        assert_eq!((take(&mut queues), take(&mut queues), take(&mut queues)), (Some(7), Some(8), Some(7)));
        assert_eq!(take(&mut queues), None, "two of three calls run");
        queues.done(8);
        assert_eq!(take(&mut queues), None);
        push(&mut queues, &[7]);
        assert_eq!(take(&mut queues), None);
        queues.done(7);
        assert_eq!((take(&mut queues), take(&mut queues)), (Some(7), None));
        queues.done(7);
        queues.done(7);
        assert_eq!((take(&mut queues), take(&mut queues)), (Some(7), None));
    }

    /// Fails when a call waits for ever, or runs beyond the share, because plugins came or went.
    #[test]
    fn a_share_that_changes_holds_for_what_waits() {
        let mut queues = queues(2);
        push(&mut queues, &[7, 7, 7, 8]);
        assert_eq!((take(&mut queues), take(&mut queues)), (Some(7), Some(8)));
        queues.divide(1);
        assert_eq!(take(&mut queues), None, "7 has its one");
        queues.divide(3);
        assert_eq!((take(&mut queues), take(&mut queues), take(&mut queues)), (Some(7), Some(7), None));
        push(&mut queues, &[7]);
        queues.divide(1);
        queues.done(7);
        queues.done(7);
        assert_eq!(take(&mut queues), None, "one of three still runs");
        queues.done(7);
        assert_eq!((take(&mut queues), take(&mut queues)), (Some(7), None));
    }

    #[test]
    fn a_full_queue_says_so() {
        let mut queues = queues(1);
        push(&mut queues, &[1, 1, 1]);
        assert_eq!(queues.push(1, call(), 3), Err(Full(3)));
        assert_eq!(queues.push(2, call(), 3), Ok(()));
    }
}
