//! What streams may hold, with and without a pool: instances and memory.
//!
//! A stream holds its instance for a whole reply, so one plugin could hold all there is. Of several
//! plugins each may have half at most, and a part is kept free for each of the others, whatever several
//! of them do together. Other calls are not counted: each runs on a worker, the pool has an instance for
//! every worker besides, and their memory goes with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::Limits;
use crate::engine::MAX_MEMORIES;

/// What is held, by plugin. A stream takes a place for each of its instance's memories, of which the pool has
/// as many, and their bytes. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Instances(Arc<Inner>);

struct Inner {
    held: Mutex<BTreeMap<usize, Held>>,
    all: Held,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held {
    places: usize,
    bytes: usize,
}

/// A plugin among the others, whatever version of it: what its streams hold, its queue among the workers.
/// It is given up with the last version and the last stream.
pub(crate) struct Seat {
    instances: Instances,
    id: usize,
}

/// A stream's instance may live as long as this, and holds what is noted here.
pub(crate) struct InstancePermit {
    seat: Arc<Seat>,
    held: Held,
}

impl Instances {
    /// As much as these limits say, and never less than one instance can take.
    pub(crate) fn new(limits: &Limits) -> Self {
        let all = Held {
            places: limits.streams.max(MAX_MEMORIES) as usize,
            bytes: limits.stream_bytes.max(limits.memory_bytes),
        };
        Self(Arc::new(Inner { held: Mutex::default(), all }))
    }

    /// A seat for a further plugin, under the smallest number that is free.
    pub(crate) fn seat(&self) -> Arc<Seat> {
        let mut held = self.0.held.lock();
        let id = (0..).zip(held.keys()).find(|(free, id)| free != *id).map_or(held.len(), |(free, _)| free);
        held.insert(id, Held::default());
        drop(held);
        Arc::new(Seat { instances: self.clone(), id })
    }
}

impl Seat {
    /// Its number, which no other plugin has meanwhile.
    pub(crate) fn id(&self) -> usize {
        self.id
    }

    /// Permission for one more stream with so many memories, of so many bytes together; `None` when there
    /// is no place for it.
    pub(crate) fn permit(self: &Arc<Self>, places: usize, bytes: usize) -> Option<InstancePermit> {
        let wanted = Held { places, bytes };
        self.take(wanted).then(|| InstancePermit { seat: Arc::clone(self), held: wanted })
    }

    /// Notes that more is held, if there is as much.
    fn take(&self, more: Held) -> bool {
        let Inner { held, all } = &*self.instances.0;
        let mut held = held.lock();
        let plugins = held.len();
        let own = held.get(&self.id).copied().unwrap_or_default();
        let others: Vec<Held> = held.iter().filter(|(id, _)| **id != self.id).map(|(_, held)| *held).collect();
        let has_room = |of: fn(&Held) -> usize| {
            let all = of(all);
            let (most, kept) = if plugins > 1 { (all / 2, all / 2 / plugins) } else { (all, 0) };
            // What nobody has yet of the part kept for them counts as taken.
            let reserved: usize = others.iter().map(|held| of(held).max(kept)).sum();
            let wanted = of(&own) + of(&more);
            wanted <= most && reserved + wanted.max(kept) <= all
        };
        if !has_room(|held| held.places) || !has_room(|held| held.bytes) {
            return false;
        }
        held.insert(self.id, Held { places: own.places + more.places, bytes: own.bytes + more.bytes });
        true
    }
}

impl InstancePermit {
    /// Notes that the instance has so many bytes by now; whether it may.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let more = Held { places: 0, bytes: bytes.saturating_sub(self.held.bytes) };
        if more.bytes > 0 && !self.seat.take(more) {
            return false;
        }
        self.held.bytes += more.bytes;
        true
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.instances.0.held.lock().remove(&self.id);
    }
}

impl Drop for InstancePermit {
    fn drop(&mut self) {
        if let Some(held) = self.seat.instances.0.held.lock().get_mut(&self.seat.id) {
            held.places = held.places.saturating_sub(self.held.places);
            held.bytes = held.bytes.saturating_sub(self.held.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: usize = 512;
    const BYTES: usize = 1 << 20;

    /// Room for [`ALL`] streams, and for a thousand of [`BYTES`].
    fn instances() -> Instances {
        Instances::new(&Limits { streams: 512, stream_bytes: 1_000 * BYTES, memory_bytes: BYTES, ..Limits::default() })
    }

    fn take_all(seat: &Arc<Seat>, places: usize, bytes: usize) -> Vec<InstancePermit> {
        std::iter::from_fn(|| seat.permit(places, bytes)).collect()
    }

    #[test]
    fn the_only_plugin_has_all_of_them() {
        let only = instances().seat();
        let mut permits = take_all(&only, 1, 0);
        assert_eq!(permits.len(), ALL);
        permits.pop();
        assert_eq!(take_all(&only, 1, 0).len(), 1);
    }

    /// Fails when plugins that act together leave nothing for the last one.
    #[test]
    fn however_many_are_greedy_a_part_is_left_for_each() {
        for plugins in [2, 3, 64] {
            let (instances, kept) = (instances(), ALL / 2 / plugins);
            let seats: Vec<_> = (0..plugins).map(|_| instances.seat()).collect();
            let greedy: Vec<_> = seats[1..].iter().map(|seat| take_all(seat, 1, 0)).collect();
            assert!(greedy.iter().all(|permits| permits.len() <= ALL / 2 && permits.len() >= kept));
            assert!(take_all(&seats[0], 1, 0).len() >= kept, "{plugins} plugins");
        }
    }

    #[test]
    fn memories_are_places() {
        let instances = instances();
        let (one, _other) = (instances.seat(), instances.seat());
        assert_eq!(take_all(&one, 4, 0).len(), ALL / 2 / 4);
        let _permits = take_all(&one, 3, 0);
        assert!(one.permit(2, 0).is_none(), "one place is left");
    }

    /// Fails when streams together hold more memory than there is for them, from the start or by growing, or
    /// do not give it back.
    #[test]
    fn bytes_are_held_and_grow() {
        let instances = instances();
        let (one, other) = (instances.seat(), instances.seat());
        let mut permits = take_all(&one, 1, 5 * BYTES);
        assert_eq!(permits.len(), 100, "half of a thousand");
        assert!(!permits[0].grow(6 * BYTES) && permits[0].grow(5 * BYTES));
        permits.pop();
        assert!(permits[0].grow(9 * BYTES) && !permits[1].grow(7 * BYTES) && permits[1].grow(6 * BYTES));
        assert!(one.permit(1, 1).is_none());
        assert!(other.permit(1, 500 * BYTES).is_some(), "the other has its half");
        drop(permits);
        assert!(one.permit(1, 500 * BYTES).is_some());
    }

    /// Fails when plugins that come and go use up numbers, or when one that is gone leaves its
    /// streams to the next of its number.
    #[test]
    fn a_seat_is_free_again_when_nothing_of_the_plugin_lives() {
        let instances = instances();
        let (first, second) = (instances.seat(), instances.seat());
        let permit = first.permit(1, 0);
        drop(first);
        assert_eq!((second.id(), instances.seat().id()), (1, 2), "a stream of the first lives");
        drop(permit);
        let again = instances.seat();
        assert_eq!((again.id(), again.permit(ALL / 2, 0).is_some()), (0, true));
    }
}
