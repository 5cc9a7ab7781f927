//! Who may have how many live instances, with and without a pool.
//!
//! A stream holds its instance for a whole reply, so one plugin could hold them all. Of several
//! plugins each may have half of them at most, and a part is kept free for each of the others,
//! whatever several of them do together.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::config::MAX_INSTANCES;

/// The places of live instances, by plugin. An instance takes a place for each of its memories, of
/// which the pool has as many. Cloning shares them.
#[derive(Clone, Default)]
pub(crate) struct Instances(Arc<Mutex<Vec<usize>>>);

/// One instance may live as long as this.
pub(crate) struct InstancePermit {
    taken: Arc<Mutex<Vec<usize>>>,
    plugin: usize,
    places: usize,
}

/// There is no place; the plugin itself has this many.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crowded(pub(crate) usize);

impl Instances {
    /// A further plugin: its number.
    pub(crate) fn register(&self) -> usize {
        let mut taken = self.0.lock();
        taken.push(0);
        taken.len() - 1
    }

    /// Permission for one more instance of a plugin.
    pub(crate) fn permit(&self, plugin: usize, places: usize) -> Result<InstancePermit, Crowded> {
        let all = MAX_INSTANCES as usize;
        let mut taken = self.0.lock();
        let (most, kept) = if taken.len() > 1 { (all / 2, all / 2 / taken.len()) } else { (all, 0) };
        let own = taken.get(plugin).copied().unwrap_or_default();
        let others = taken.iter().enumerate().filter(|(other, _)| *other != plugin).map(|(_, places)| *places);
        // What nobody has yet of the part kept for them counts as taken.
        let reserved: usize = others.map(|places| places.max(kept)).sum();
        let wanted = own + places;
        match taken.get_mut(plugin) {
            Some(own) if wanted <= most && reserved + wanted.max(kept) <= all => *own = wanted,
            _ => return Err(Crowded(own)),
        }
        Ok(InstancePermit { taken: Arc::clone(&self.0), plugin, places })
    }
}

impl Drop for InstancePermit {
    fn drop(&mut self) {
        if let Some(own) = self.taken.lock().get_mut(self.plugin) {
            *own = own.saturating_sub(self.places);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(instances: &Instances, plugin: usize, places: usize) -> Vec<InstancePermit> {
        std::iter::from_fn(|| instances.permit(plugin, places).ok()).collect()
    }

    #[test]
    fn the_only_plugin_has_all_of_them() {
        let instances = Instances::default();
        let only = instances.register();
        let mut permits = take_all(&instances, only, 1);
        assert_eq!(permits.len(), 512);
        permits.pop();
        assert_eq!(take_all(&instances, only, 1).len(), 1);
    }

    /// Fails when plugins that act together leave nothing for the last one.
    #[test]
    fn however_many_are_greedy_a_part_is_left_for_each() {
        for (plugins, kept) in [(2, 128), (3, 85), (64, 4)] {
            let instances = Instances::default();
            let ids: Vec<usize> = (0..plugins).map(|_| instances.register()).collect();
            let greedy: Vec<_> = ids[1..].iter().map(|id| take_all(&instances, *id, 1)).collect();
            assert!(greedy.iter().all(|permits| permits.len() <= 256 && permits.len() >= kept));
            assert!(take_all(&instances, ids[0], 1).len() >= kept, "{plugins} plugins");
        }
    }

    #[test]
    fn memories_are_places() {
        let instances = Instances::default();
        let (one, _other) = (instances.register(), instances.register());
        assert_eq!(take_all(&instances, one, 4).len(), 64);
        let _permits = take_all(&instances, one, 3);
        assert_eq!(instances.permit(one, 2).err(), Some(Crowded(255)));
        assert_eq!(instances.permit(9, 1).err(), Some(Crowded(0)), "no such plugin");
    }
}
