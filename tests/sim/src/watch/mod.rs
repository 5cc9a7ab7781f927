//! What an observer of both ends knows, beside what the machines know: it judges them by what went
//! over the wire and when, and by what they say of themselves, never by their own state.

mod asks;
mod client;
mod lessons;
mod server;

pub(crate) use self::client::ClientWatch;
pub(crate) use self::server::ServerWatch;
