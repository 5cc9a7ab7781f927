//! A model server that speaks the OpenAI API and misbehaves as it is told.
//!
//! What it does is written in the user's message: `@upstream[{…},{…}]`, one [`Script`] per call (the
//! last one repeats). A message without it gets a decent answer.

mod script;
mod serve;

pub use script::{Body, Call, End, LineEnd, Part, Script, directive};
pub use serve::Upstream;

/// The key it expects as `Authorization: Bearer`.
pub const KEY: &str = "test-key";

/// What it says when no script is given.
pub const DECENT: &str = "难道唇亡齿寒之理，诸君不知？合纵则六国存。岂可坐待其亡？";
