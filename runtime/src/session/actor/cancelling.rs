//! How a turn is stopped by those who are heard.

use super::Actor;
use crate::clock;
use crate::session::state::ConnectionId;

/// No connection has this number: what it is told, nobody hears.
pub(super) const NOBODY: ConnectionId = 0;

impl Actor {
    /// Stops a turn that runs or waits; its reply ends with what was said. Any other is told to be none.
    pub(super) fn cancel(&mut self, from: ConnectionId, turn: u64) {
        if self.machine.cancel(clock::unix_ms(), from, turn)
            && let Some(generation) = &self.generation
        {
            generation.cancel();
        }
    }
}
