//! When messages are due. Where latency is measured they come at a rate, whether the server keeps up or not, and count from the
//! moment they were due: counted from when they were sent, a server that stalls would be asked less and look quicker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rolecall_tests::clock;
use tokio::sync::Semaphore;

use super::payload;
use super::publisher::Task;

/// The plan of a task whose requests take turns in lanes.
pub(crate) struct Schedule {
    start: Instant,
    /// The start by [`payload::micros`].
    stamp: u64,
    rate: Option<f64>,
    /// For each lane, how many requests are due and not begun.
    due: Vec<Semaphore>,
}

impl Schedule {
    /// Starts now.
    pub(crate) fn start(task: &Task, batch: usize, lanes: usize) -> Arc<Self> {
        let due = if task.rate.is_some() { 0 } else { Semaphore::MAX_PERMITS };
        let due = (0..lanes).map(|_| Semaphore::new(due)).collect();
        let schedule = Arc::new(Self { start: clock::now(), stamp: payload::micros(), rate: task.rate, due });
        if task.rate.is_some() {
            schedule.tick(task.clone(), batch);
        }
        schedule
    }

    /// Waits until the next request of a lane is due, and takes it.
    pub(crate) async fn next(&self, lane: usize) -> Result<()> {
        self.due.get(lane).context("no such lane")?.acquire().await?.forget();
        Ok(())
    }

    /// Takes the next request of a lane if it is due already.
    pub(crate) fn next_at_once(&self, lane: usize) -> bool {
        let due = self.due.get(lane).and_then(|due| due.try_acquire().ok());
        due.map(tokio::sync::SemaphorePermit::forget).is_some()
    }

    /// What the message of this place in the order says about when it was sent.
    pub(crate) fn stamp(&self, place: usize) -> u64 {
        match self.offset(place) {
            Some(offset) => self.stamp + u64::try_from(offset.as_micros()).unwrap_or(u64::MAX - self.stamp),
            None => payload::micros(),
        }
    }

    fn offset(&self, place: usize) -> Option<Duration> {
        self.rate.map(|rate| Duration::from_secs_f64(place as f64 / rate))
    }

    /// Says in time what is due. From a thread of its own: the runtime's timers are late by up to two milliseconds, which would be
    /// in every figure.
    fn tick(self: &Arc<Self>, task: Task, batch: usize) {
        let schedule = Arc::downgrade(self);
        std::thread::spawn(move || {
            for round in 0..task.numbers.count() {
                for first in (0..task.sessions).step_by(batch) {
                    // Nobody waits any more when publishing has failed.
                    let Some(schedule) = schedule.upgrade() else { return };
                    let offset = schedule.offset(round * task.sessions + first).unwrap_or_default();
                    std::thread::sleep(offset.saturating_sub(schedule.start.elapsed()));
                    if let Some(due) = schedule.due.get(first / batch % schedule.due.len()) {
                        due.add_permits(1);
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a message that is sent late counts from then, or is sent before it is due.
    #[tokio::test]
    async fn a_late_message_counts_from_when_it_was_due() {
        let task = Task { sessions: 2, numbers: 1..=2, batch: 1, rate: Some(100.0) };
        let schedule = Schedule::start(&task, 1, 2);
        schedule.next(1).await.unwrap();
        assert!(schedule.start.elapsed() >= Duration::from_millis(10));
        schedule.next(1).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(schedule.stamp(3) - schedule.stamp, 30_000);
        assert!(!schedule.next_at_once(1));
    }

    // Fails when messages without a rate wait for one another.
    #[tokio::test]
    async fn without_a_rate_everything_is_due() {
        let schedule = Schedule::start(&Task { sessions: 2, numbers: 1..=2, batch: 1, rate: None }, 1, 1);
        assert!((0..4).all(|_| schedule.next_at_once(0)));
        assert!(schedule.stamp(3) >= schedule.stamp);
    }
}
