//! Which places a client may claim: one rule for connections and for those who only ask.

use super::error::SessionError;
use super::forks::MAX_STEP;
use super::lost::MAX_LOST;
use crate::ids::{Epoch, Seq};

/// Epochs that may be lost, one behind the other, each of which began behind a gap.
const MAX_LOST_EPOCHS: u32 = 16;
/// How far a client's epoch may be ahead then.
const MAX_EPOCHS_AHEAD: Epoch = MAX_LOST_EPOCHS * MAX_STEP;
/// How far a client may be ahead of the log then: all the gaps, and what was lost behind them.
const MAX_AHEAD: Seq = (MAX_LOST_EPOCHS as Seq + 1) * MAX_LOST;

/// Refuses a place that no server can have given.
///
/// # Errors
/// [`SessionError::Impossible`].
pub(super) fn check((epoch, last_seq): (Epoch, Seq), stored: (Epoch, Seq)) -> Result<(), SessionError> {
    let lost = (epoch.saturating_sub(stored.0), last_seq.saturating_sub(stored.1));
    if lost.0 > MAX_EPOCHS_AHEAD || lost.1 > MAX_AHEAD {
        return Err(SessionError::Impossible { last_seq, epoch });
    }
    Ok(())
}
