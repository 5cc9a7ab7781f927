//! What holds of the protocol's code whatever it is given. The fuzzers of `fuzz/` and the smoke test share these.

pub mod client;
pub mod codec;
#[path = "../far/mod.rs"]
mod far;
mod house;
pub mod pair;
pub mod server;
mod steps;
pub mod talk;
pub mod upgrade;
mod wording;
