//! Who may have how many streams, with and without a pool.
//!
//! A stream holds its instance for a whole reply, so one plugin could hold them all. Of several
//! plugins each may have half of them at most, and a part is kept free for each of the others,
//! whatever several of them do together. Other calls need no place here: each runs on a worker, and
//! the pool has an instance for every worker besides.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::engine::MAX_MEMORIES;

/// The places of streams, by plugin. A stream takes a place for each of its instance's memories, of
/// which the pool has as many. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Instances {
    taken: Arc<Mutex<BTreeMap<usize, usize>>>,
    all: usize,
}

/// A plugin among the others, whatever version of it: its places here, its queue among the workers.
/// It is given up with the last version and the last instance.
pub(crate) struct Seat {
    instances: Instances,
    id: usize,
}

/// A stream's instance may live as long as this.
pub(crate) struct InstancePermit {
    seat: Arc<Seat>,
    places: usize,
}

impl Instances {
    /// So many places, and never fewer than one instance can take.
    pub(crate) fn new(all: u32) -> Self {
        Self { taken: Arc::default(), all: all.max(MAX_MEMORIES) as usize }
    }

    /// A seat for a further plugin, under the smallest number that is free.
    pub(crate) fn seat(&self) -> Arc<Seat> {
        let mut taken = self.taken.lock();
        let id = (0..).zip(taken.keys()).find(|(free, id)| free != *id).map_or(taken.len(), |(free, _)| free);
        taken.insert(id, 0);
        drop(taken);
        Arc::new(Seat { instances: self.clone(), id })
    }
}

impl Seat {
    /// Its number, which no other plugin has meanwhile.
    pub(crate) fn id(&self) -> usize {
        self.id
    }

    /// Permission for one more stream; `None` when there is no place.
    pub(crate) fn permit(self: &Arc<Self>, places: usize) -> Option<InstancePermit> {
        let all = self.instances.all;
        let mut taken = self.instances.taken.lock();
        let (most, kept) = if taken.len() > 1 { (all / 2, all / 2 / taken.len()) } else { (all, 0) };
        let others = taken.iter().filter(|(other, _)| **other != self.id).map(|(_, places)| *places);
        // What nobody has yet of the part kept for them counts as taken.
        let reserved: usize = others.map(|places| places.max(kept)).sum();
        let own = taken.entry(self.id).or_default();
        let wanted = *own + places;
        if wanted > most || reserved + wanted.max(kept) > all {
            return None;
        }
        *own = wanted;
        Some(InstancePermit { seat: Arc::clone(self), places })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.instances.taken.lock().remove(&self.id);
    }
}

impl Drop for InstancePermit {
    fn drop(&mut self) {
        if let Some(own) = self.seat.instances.taken.lock().get_mut(&self.seat.id) {
            *own = own.saturating_sub(self.places);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u32 = 512;

    fn take_all(seat: &Arc<Seat>, places: usize) -> Vec<InstancePermit> {
        std::iter::from_fn(|| seat.permit(places)).collect()
    }

    #[test]
    fn the_only_plugin_has_all_of_them() {
        let instances = Instances::new(ALL);
        let only = instances.seat();
        let mut permits = take_all(&only, 1);
        assert_eq!(permits.len(), ALL as usize);
        permits.pop();
        assert_eq!(take_all(&only, 1).len(), 1);
    }

    /// Fails when plugins that act together leave nothing for the last one.
    #[test]
    fn however_many_are_greedy_a_part_is_left_for_each() {
        let half = ALL as usize / 2;
        for plugins in [2, 3, 64] {
            let (instances, kept) = (Instances::new(ALL), half / plugins);
            let seats: Vec<_> = (0..plugins).map(|_| instances.seat()).collect();
            let greedy: Vec<_> = seats[1..].iter().map(|seat| take_all(seat, 1)).collect();
            assert!(greedy.iter().all(|permits| permits.len() <= half && permits.len() >= kept));
            assert!(take_all(&seats[0], 1).len() >= kept, "{plugins} plugins");
        }
    }

    #[test]
    fn memories_are_places() {
        let half = ALL as usize / 2;
        let instances = Instances::new(ALL);
        let (one, _other) = (instances.seat(), instances.seat());
        assert_eq!(take_all(&one, 4).len(), half / 4);
        let _permits = take_all(&one, 3);
        assert!(one.permit(2).is_none(), "one place is left");
    }

    /// Fails when plugins that come and go use up numbers, or when one that is gone leaves its
    /// instances to the next of its number.
    #[test]
    fn a_seat_is_free_again_when_nothing_of_the_plugin_lives() {
        let instances = Instances::new(ALL);
        let (first, second) = (instances.seat(), instances.seat());
        let permit = first.permit(1);
        drop(first);
        assert_eq!((second.id(), instances.seat().id()), (1, 2), "an instance of the first lives");
        drop(permit);
        let again = instances.seat();
        assert_eq!((again.id(), again.permit(ALL as usize / 2).is_some()), (0, true));
    }
}
