//! The rolecall contract language.
//!
//! Text flows through the modules in this order:
//! [`source`] → [`parse`] (pest) → [`ast`] → [`check`] → [`contract`] → [`monitor`];
//! every step adds to one list of [`diagnostic::Finding`]s instead of stopping at the first.
//! [`constraint`] holds one file per constraint kind with all of that kind's faces, [`text`] the
//! facts about sentences and terms they share, [`schema`] the JSON Schemas, [`conflict`] the contradictions found before any
//! reply exists. [`mod@format`] lays a file out anew from its parse tree.
//!
//! Use this crate to load, check and apply contracts. It knows no socket, clock, thread or file:
//! the runtime (`rolecall`) brings those.

pub mod source;
pub mod span;

pub mod parse;

pub mod ast;

pub mod check;

pub mod contract;

pub mod params;

pub mod schema;

pub mod constraint;

pub mod text;

pub mod monitor;

pub mod conflict;

pub mod diagnostic;

pub mod figures;

pub mod format;

pub use check::{Compiled, compile, compile_with};
pub use contract::Contract;
pub use monitor::{Monitor, Program};
