//! A box on the way that forgets connections over which nothing goes.

use crate::count::Count;
use crate::world::World;

impl World {
    /// Mappings that were not used for too long are forgotten: what is sent from now on goes nowhere.
    pub(crate) fn forget_mappings(&mut self) {
        let Some(after) = self.plan.nat_ms.filter(|_| !self.fair) else { return };
        for at in 0..self.connections.len() {
            let Some(connection) = self.connections.get_mut(at) else { continue };
            let quiet = connection.up.len() + connection.down.len() == 0 && self.now > connection.used_at + after;
            if quiet && connection.attached.is_some() && connection.server.is_some() && !connection.up.dead {
                connection.up.kill();
                connection.down.kill();
                self.counts.add(Count::Forgot);
                self.harm(at);
            }
        }
    }
}
