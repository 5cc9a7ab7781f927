//! Orderly ends: one stop signal, and a tracker that sees every task off.

use std::future::Future;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::telemetry::Metrics;

/// The process's stop signal and its tasks. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Shutdown {
    stop: CancellationToken,
    tasks: TaskTracker,
    metrics: Metrics,
}

impl Shutdown {
    /// A running process.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self { stop: CancellationToken::new(), tasks: TaskTracker::new(), metrics }
    }

    /// The stop signal; a task that holds a clone ends soon after it is cancelled.
    #[must_use]
    pub fn signal(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs an owned task: [`finish`](Self::finish) waits for it, `tasks_live` counts it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let metrics = self.metrics.clone();
        metrics.task_started();
        // Counted down by a guard, so that a panicking task is counted too. An async block would hold the task twice: as
        // what it captures, and as what it waits for.
        let guard = TaskGuard(metrics);
        self.tasks.spawn(task.map(move |()| drop(guard)));
    }

    /// Gives the stop signal and waits for the tasks, at most `patience`. Says whether all ended.
    pub async fn finish(&self, patience: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(patience, self.tasks.wait()).await.is_ok()
    }
}

struct TaskGuard(Metrics);

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.0.task_ended();
    }
}
