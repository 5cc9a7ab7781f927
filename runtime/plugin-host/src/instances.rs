//! Who may have how many live instances, with and without a pool.
//!
//! A stream holds its instance for a whole reply, so one plugin could hold them all. Of several
//! plugins each may have half of them at most, and a part is kept free for each of the others,
//! whatever several of them do together.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::config::MAX_INSTANCES;

/// The places of live instances, by plugin. An instance takes a place for each of its memories, of
/// which the pool has as many. Cloning shares them.
#[derive(Clone, Default)]
pub(crate) struct Instances(Arc<Mutex<BTreeMap<usize, usize>>>);

/// A plugin among the others, whatever version of it: its places here, its queue among the workers.
/// It is given up with the last version and the last instance.
pub(crate) struct Seat {
    instances: Instances,
    id: usize,
}

/// One instance may live as long as this.
pub(crate) struct InstancePermit {
    seat: Arc<Seat>,
    places: usize,
}

/// There is no place; the plugin itself has this many.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crowded(pub(crate) usize);

impl Instances {
    /// A seat for a further plugin, under the smallest number that is free.
    pub(crate) fn seat(&self) -> Arc<Seat> {
        let mut taken = self.0.lock();
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

    /// Permission for one more instance.
    pub(crate) fn permit(self: &Arc<Self>, places: usize) -> Result<InstancePermit, Crowded> {
        let all = MAX_INSTANCES as usize;
        let mut taken = self.instances.0.lock();
        let (most, kept) = if taken.len() > 1 { (all / 2, all / 2 / taken.len()) } else { (all, 0) };
        let others = taken.iter().filter(|(other, _)| **other != self.id).map(|(_, places)| *places);
        // What nobody has yet of the part kept for them counts as taken.
        let reserved: usize = others.map(|places| places.max(kept)).sum();
        let own = taken.entry(self.id).or_default();
        let wanted = *own + places;
        if wanted > most || reserved + wanted.max(kept) > all {
            return Err(Crowded(*own));
        }
        *own = wanted;
        Ok(InstancePermit { seat: Arc::clone(self), places })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.instances.0.lock().remove(&self.id);
    }
}

impl Drop for InstancePermit {
    fn drop(&mut self) {
        if let Some(own) = self.seat.instances.0.lock().get_mut(&self.seat.id) {
            *own = own.saturating_sub(self.places);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(seat: &Arc<Seat>, places: usize) -> Vec<InstancePermit> {
        std::iter::from_fn(|| seat.permit(places).ok()).collect()
    }

    #[test]
    fn the_only_plugin_has_all_of_them() {
        let instances = Instances::default();
        let only = instances.seat();
        let mut permits = take_all(&only, 1);
        assert_eq!(permits.len(), MAX_INSTANCES as usize);
        permits.pop();
        assert_eq!(take_all(&only, 1).len(), 1);
    }

    /// Fails when plugins that act together leave nothing for the last one.
    #[test]
    fn however_many_are_greedy_a_part_is_left_for_each() {
        let half = MAX_INSTANCES as usize / 2;
        for plugins in [2, 3, 64] {
            let (instances, kept) = (Instances::default(), half / plugins);
            let seats: Vec<_> = (0..plugins).map(|_| instances.seat()).collect();
            let greedy: Vec<_> = seats[1..].iter().map(|seat| take_all(seat, 1)).collect();
            assert!(greedy.iter().all(|permits| permits.len() <= half && permits.len() >= kept));
            assert!(take_all(&seats[0], 1).len() >= kept, "{plugins} plugins");
        }
    }

    #[test]
    fn memories_are_places() {
        let half = MAX_INSTANCES as usize / 2;
        let instances = Instances::default();
        let (one, _other) = (instances.seat(), instances.seat());
        assert_eq!(take_all(&one, 4).len(), half / 4);
        let _permits = take_all(&one, 3);
        assert_eq!(one.permit(2).err(), Some(Crowded(half - half % 3)));
    }

    /// Fails when plugins that come and go use up numbers, or when one that is gone leaves its
    /// instances to the next of its number.
    #[test]
    fn a_seat_is_free_again_when_nothing_of_the_plugin_lives() {
        let instances = Instances::default();
        let (first, second) = (instances.seat(), instances.seat());
        let permit = first.permit(1).ok();
        drop(first);
        assert_eq!((second.id(), instances.seat().id()), (1, 2), "an instance of the first lives");
        drop(permit);
        let again = instances.seat();
        assert_eq!((again.id(), again.permit(MAX_INSTANCES as usize / 2).is_ok()), (0, true));
    }
}
