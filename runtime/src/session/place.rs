//! Which places a client may claim: one rule for connections and for those who only ask.

use super::error::SessionError;
use super::forks::MAX_STEP;
use super::lost::MAX_LOST;
use crate::ids::{Epoch, Seq};

/// How far a client's epoch may be ahead: sixteen epochs that were lost.
const MAX_LOST_EPOCHS: Epoch = 16 * MAX_STEP;

/// Refuses a place that no server can have given.
///
/// # Errors
/// [`SessionError::Impossible`].
pub(super) fn check((epoch, last_seq): (Epoch, Seq), stored: (Epoch, Seq)) -> Result<(), SessionError> {
    let lost = (epoch.saturating_sub(stored.0), last_seq.saturating_sub(stored.1));
    if lost.0 > MAX_LOST_EPOCHS || lost.1 > MAX_LOST {
        return Err(SessionError::Impossible { last_seq, epoch });
    }
    Ok(())
}
