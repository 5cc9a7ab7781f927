//! Peers that break the rules, each beside the world: whatever they do must end in the right close code
//! and change nothing else.

pub(crate) mod client;
mod garbage;
pub(crate) mod server;
