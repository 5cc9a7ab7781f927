use super::{Client, Millis, Phase};
use crate::close;

impl Client {
    /// Leaves the connection and opens another at once, such as over another transport: of its own accord, so
    /// that no delay counts. What is under way is settled as after a lost connection. Without a connection to
    /// leave, the next attempt comes now; after the end nothing does.
    pub fn migrate(&mut self, now: Millis) {
        match self.phase {
            Phase::Idle | Phase::Over => {}
            Phase::Connecting | Phase::Handshaking | Phase::Active(_) | Phase::Waiting => {
                self.transmit_close(close::MIGRATE, "the client moves to another connection");
                self.open(now);
            }
        }
    }
}
