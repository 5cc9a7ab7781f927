//! Where a client is in its session: what must be saved to go on later.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// A place in a session. Save it after processing messages, and a later client goes on exactly
/// there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// A message of ours that the server may or may not have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unaccepted {
    /// Our id of it.
    pub id: String,
    /// Its number; `None` while it was never sent.
    pub client_seq: Option<u64>,
    /// What the user says.
    pub text: String,
}
