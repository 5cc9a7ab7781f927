//! Long quiet: a session at rest, over which hours pass, and then something happens to it.

use crate::property::{Held, Violation, hold};
use crate::world::{Post, World};

/// How long a broken connection may go unnoticed, or somebody may take to leave one: more than any timeout.
const UNNOTICED_MS: u64 = 120_000;

/// How the time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiet {
    /// The client is connected, and nothing but heartbeats goes over the connection.
    Connected,
    /// The client was cut off and sleeps.
    Away,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// The last message that the application had before.
    pub last: u64,
    /// From where on the client asked for the rest when it came back.
    pub asked: u64,
    /// The messages that the application was shown then.
    pub shown: u64,
    /// The messages that were written meanwhile.
    pub written: u64,
    /// Heartbeats and everything else that happened in the quiet.
    pub steps: u64,
}

/// Lives a seed to its end, and lets `quiet_ms` pass: without a connection, while somebody posts in the middle of it; or with one, that
/// is cut behind it, and somebody posts then. Waits until everything is at rest again.
///
/// # Errors
/// When a property does not hold: nothing is given up in the quiet, and what comes back goes on where it was.
pub fn quiet(seed: u64, how: Quiet, quiet_ms: u64) -> Result<Returned, Violation> {
    let mut world = World::new(seed, false);
    world.live()?;
    world.heal();
    world.settle()?;
    // What is broken without anybody having noticed yet is noticed, and replaced.
    world.pass(UNNOTICED_MS)?;
    world.settle()?;
    // Somebody has it open: healing sees to that.
    let at = world.devices.iter().position(|device| device.over.is_none()).unwrap_or_default();
    let before = (world.connected(at), world.last(at), world.trace.steps());
    let head = world.store.head();
    if how == Quiet::Away {
        world.sleep(at, quiet_ms);
        world.posts.push(Post { at: Some(world.now + quiet_ms / 2) });
    }
    world.pass(quiet_ms)?;
    let steps = world.trace.steps() - before.2;
    if how == Quiet::Connected {
        hold!(world.connected(at) == before.0, P11, "the quiet connection was given up");
        world.sleep(at, 5_000);
        world.posts.push(Post { at: Some(world.now) });
    }
    world.settle()?;
    let (after, last) = (world.connected(at), world.last(at));
    hold!(after != before.0, P1, "the connection that was cut is still there");
    let asked = world.connection_of(at).and_then(|at| world.connections.get(at)).map_or(0, |c| c.hello.last_seq);
    let written = world.store.entries().filter(|entry| entry.message.seq > head).count() as u64;
    let shown =
        world.devices.get(at).map_or(0, |device| device.journal.iter().filter(|seen| seen.seq > before.1).count());
    hold!(last >= head, P1, "the application is at {last} of {head}");
    Ok(Returned { last: before.1, asked, shown: shown as u64, written, steps })
}

impl World {
    /// Time passes.
    fn pass(&mut self, ms: u64) -> Held {
        let until = self.now + ms;
        while self.next().is_some_and(|(at, _)| at <= until) {
            self.step()?;
        }
        self.now = until;
        Ok(())
    }

    /// The device loses its connection, and does nothing for so long.
    fn sleep(&mut self, at: usize, ms: u64) {
        self.cut(at);
        if let Some(device) = self.devices.get_mut(at) {
            device.suspended_until = self.now + ms;
        }
    }

    fn connected(&self, at: usize) -> Option<u64> {
        self.devices.get(at).and_then(|device| device.connection)
    }

    fn last(&self, at: usize) -> u64 {
        self.devices.get(at).map_or(0, |device| device.last)
    }
}
