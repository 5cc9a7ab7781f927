//! The host's side of the ABI, generated: one file per folder of `plugins/wit`. Only
//! [`crate::guest::abi`] uses it, so that nothing else knows a version's types.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    reason = "generated code"
)]

pub mod host;
pub mod v0;
pub mod v1;
