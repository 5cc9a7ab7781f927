//! How many calls an upstream answers at once, and who waits for their turn.

use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ModelError;
use crate::telemetry::{Metrics, Raised};

/// What an upstream may be asked at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rations {
    /// Turns answered at once; further ones wait.
    pub places: usize,
    /// Turns that may wait; beyond it, [`ModelError::Busy`].
    pub waiting: usize,
    /// How long one waits; beyond it, [`ModelError::Busy`].
    pub wait: Duration,
}

impl Default for Rations {
    fn default() -> Self {
        Self { places: 512, waiting: 1024, wait: Duration::from_secs(10) }
    }
}

/// When a caller who was not let in may come back.
const COME_BACK: Duration = Duration::from_secs(2);

/// The places of one upstream. Who waits is let in in the order of arrival; a turn that has a place
/// keeps it to its end, so that a reply that has begun does not queue again for its repair.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    queue: Semaphore,
    /// How many there are, and how many may wait.
    sizes: (usize, usize),
    wait: Duration,
    taken: IntGauge,
    waiting: IntGauge,
}

/// A place at an upstream. Dropping it lets the next in.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _taken: Raised,
}

impl Places {
    pub(super) fn new(rations: Rations, route: &str, metrics: &Metrics) -> Self {
        let (taken, waiting) = metrics.model_places(route);
        Self {
            free: Arc::new(Semaphore::new(rations.places.min(Semaphore::MAX_PERMITS))),
            queue: Semaphore::new(rations.waiting.min(Semaphore::MAX_PERMITS)),
            sizes: (rations.places, rations.waiting),
            wait: rations.wait,
            taken,
            waiting,
        }
    }

    /// A place, at once or when it is this caller's turn. Dropping the future leaves the queue.
    ///
    /// # Errors
    /// [`ModelError::Busy`] when the queue is full, or the wait too long.
    pub(super) async fn enter(&self) -> Result<Place, ModelError> {
        let busy = ModelError::Busy { retry_after: COME_BACK };
        // While anybody waits nothing is free: what is given back goes to them.
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(self.place(permit));
        }
        let Ok(_queued) = self.queue.try_acquire() else { return Err(busy) };
        let _waiting = Raised::new(&self.waiting);
        match tokio::time::timeout(self.wait, Arc::clone(&self.free).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(self.place(permit)),
            _ => Err(busy),
        }
    }

    /// Whether there is a place for what nobody waits for: more than a quarter is free, which is kept for people, and nobody
    /// waits.
    pub(super) fn has_room(&self) -> bool {
        let (places, waiting) = self.sizes;
        self.free.available_permits() > places / 4
            && self.queue.available_permits() >= waiting.min(Semaphore::MAX_PERMITS)
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Place {
        Place { _permit: permit, _taken: Raised::new(&self.taken) }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn places(places: usize, waiting: usize) -> (Places, Metrics) {
        let metrics = Metrics::new().unwrap();
        let rations = Rations { places, waiting, wait: Duration::from_secs(10) };
        (Places::new(rations, "fast", &metrics), metrics)
    }

    fn shows(metrics: &Metrics, line: &str) -> bool {
        metrics.render().unwrap().lines().any(|shown| shown == line)
    }

    // Fails when more are let in than there are places, or one who came later is let in first.
    #[tokio::test(start_paused = true)]
    async fn places_are_given_in_the_order_of_arrival() {
        let (places, metrics) = places(1, 2);
        let first = places.enter().await.unwrap();
        let (mut second, mut third) = (Box::pin(places.enter()), Box::pin(places.enter()));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        assert!(shows(&metrics, "model_calls_in_flight{route=\"fast\"} 1"));
        assert!(shows(&metrics, "model_calls_waiting{route=\"fast\"} 2"));
        assert_eq!(places.enter().await.unwrap_err().code(), "model_busy", "the queue is full");
        drop(first);
        assert!(third.as_mut().now_or_never().is_none(), "the third overtakes the second");
        let second = second.await.unwrap();
        drop(second);
        let third = third.await.unwrap();
        assert!(shows(&metrics, "model_calls_waiting{route=\"fast\"} 0"));
        drop(third);
        assert!(shows(&metrics, "model_calls_in_flight{route=\"fast\"} 0"));
    }

    // Fails when what nobody waits for takes the last quarter of the places, or goes before somebody who waits.
    #[tokio::test(start_paused = true)]
    async fn there_is_room_beside_people_only() {
        let (four, _metrics) = places(4, 2);
        let mut taken = Vec::new();
        for room in [true, true, true] {
            assert_eq!(four.has_room(), room);
            taken.push(four.enter().await.unwrap());
        }
        assert!(!four.has_room(), "the last quarter is for people");
        let (one, _metrics) = places(1, 2);
        assert!(one.has_room());
        let first = one.enter().await.unwrap();
        let mut waits = Box::pin(one.enter());
        assert!(waits.as_mut().now_or_never().is_none() && !one.has_room());
        drop((first, waits));
        assert!(one.has_room());
    }

    // Fails when somebody waits for ever, or one who left still holds a place in the queue.
    #[tokio::test(start_paused = true)]
    async fn waiting_ends_by_itself_and_can_be_left() {
        let (places, _metrics) = places(1, 1);
        let _first = places.enter().await.unwrap();
        let mut left = Box::pin(places.enter());
        assert!(left.as_mut().now_or_never().is_none());
        drop(left);
        let error = places.enter().await.unwrap_err();
        assert_eq!((error.code(), error.status()), ("model_busy", 503));
        assert_eq!(error.retry_after(), Some(COME_BACK));
    }
}
