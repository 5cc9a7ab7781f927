//! Heartbeat policies on simulated networks, in virtual time. `HEARTBEAT.md` describes the model.
//!
//! Every policy meets the same deaths and the same traffic: both follow from the cell and the seed
//! alone. What differs is when it asks, when it gives up, and what that costs.

pub(crate) mod cell;
pub(crate) mod fixed;
pub(crate) mod link;
pub(crate) mod machines;
pub(crate) mod pair;
pub(crate) mod policy;
pub(crate) mod random;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod tally;
