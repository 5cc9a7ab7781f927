//! The embedded store is killed (SIGKILL) at random points under load, opened again and compared with a ledger.
//!
//! A [`writer`] process opens a data directory with the store that ships and lets many writers work on it, each of which
//! reports what was acknowledged before it does anything else. [`rounds`] kills that process, opens the directory itself
//! and hands everything that it reads to the [`ledger`], which knows nothing of how the store works:
//! what was acknowledged is there byte for byte, a sequence id that was acknowledged or read never shows anything else, and
//! what was not acknowledged is there as a whole, with all its effects, or not at all.

pub mod content;
pub mod ledger;
pub mod report;
pub mod rounds;
pub mod writer;

pub use rounds::{Kills, Outcome};
