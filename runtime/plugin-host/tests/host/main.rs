//! The host with real components: the first-party policies, the hostile one and one of an older ABI.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests are tests too"
)]

mod breaker;
mod cache;
mod classical_tone;
mod conformance;
mod damage;
mod describe;
mod digest;
mod exchange;
mod figures;
mod folder;
mod fuel;
mod grants;
mod guests;
mod hostile;
mod innocents;
mod same;
mod stream;
mod validate;
mod versions;
mod warm;
mod wasi;
