//! Where a client is in its session: what must be saved to go on later.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

/// A place in a session. Save it after processing messages, and a later client goes on exactly
/// there.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Position {
    /// The session.
    pub session_id: String,
    /// Its token. A secret.
    pub token: String,
    /// The last sequence id that the application has processed; 0 for none.
    pub last_seq: u64,
    /// The epoch that it belongs to; 0 when none is known.
    pub epoch: u32,
    /// The number the next new message of ours gets.
    pub next_client_seq: u64,
    /// Messages of ours not yet known to be committed, in order.
    pub unaccepted: Vec<Unaccepted>,
}

impl Position {
    /// The start of a new session.
    #[must_use]
    pub const fn start(session_id: String, token: String) -> Self {
        Self { session_id, token, last_seq: 0, epoch: 0, next_client_seq: 1, unaccepted: Vec::new() }
    }
}

impl fmt::Debug for Position {
    /// Without the token, which would open the session to whoever reads a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Position");
        shown.field("session_id", &self.session_id).field("last_seq", &self.last_seq).field("epoch", &self.epoch);
        shown.field("next_client_seq", &self.next_client_seq).field("unaccepted", &self.unaccepted);
        shown.finish_non_exhaustive()
    }
}

/// A message of ours that the server may or may not have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Unaccepted {
    /// Our id of it.
    pub id: String,
    /// Its number; `None` while it was never sent.
    pub client_seq: Option<u64>,
    /// What the user says.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;
    use crate::frame::Hello;

    // Fails when what is written to a log opens a session.
    #[test]
    fn no_token_is_printed() {
        let hello = Hello { token: "a.secret.token".to_string(), last_seq: 7, ..Hello::default() };
        let position = Position::start("s_1".to_string(), "a.secret.token".to_string());
        for shown in [format!("{hello:?}"), format!("{position:#?}")] {
            assert!(!shown.contains("secret") && shown.contains("last_seq"), "{shown}");
        }
    }
}
