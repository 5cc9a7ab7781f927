//! Facts about text that every rule shares: where sentences end, which characters count as the same,
//! which terms and patterns occur, and which sentences are rhetorical.
//!
//! Everything here is a small machine that takes one character at a time, so that a stream and a
//! whole text take the same path.

pub mod characters;
pub(crate) mod counted;
mod digits;
pub mod fold;
pub mod json;
pub(crate) mod least;
mod lookalike;
pub mod pattern;
pub(crate) mod profile;
pub mod rhetorical;
pub mod sample;
pub mod sentence;
pub mod styles;
pub mod terms;
pub mod tongue;
pub mod variants;
pub mod words;
