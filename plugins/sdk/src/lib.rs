//! Write policies for rolecall in Rust.
//!
//! For authors of plugins; the server does not use this crate. A policy is an ordinary type with an
//! ordinary trait: [`ConstraintPolicy`] judges replies, [`DeliveryPolicy`] merges messages that
//! waited for somebody who was away and tells which of them say the same. One macro call makes a component of it. The same code runs
//! natively in unit tests, through [`testing`].
//!
//! # A complete policy
//!
//! `Cargo.toml`:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//!
//! [dependencies]
//! rolecall-plugin = { path = "rolecall-plugin" } # `rolecall plugin new` puts the crate there
//! serde = { version = "1", features = ["derive"] }
//! ```
//!
//! `src/lib.rs`:
//!
//! ```
//! use std::rc::Rc;
//!
//! use rolecall_plugin::{BadParam, ConstraintPolicy, Context, Manifest, PolicyError, StreamCheck, Violation};
//! use serde::Deserialize;
//!
//! /// Forbids shouting: at most `max` exclamation marks.
//! pub struct Calm {
//!     max: usize,
//! }
//!
//! #[derive(Deserialize)]
//! pub struct Params {
//!     #[serde(default)]
//!     max: usize,
//! }
//!
//! impl ConstraintPolicy for Calm {
//!     type Params = Params;
//!     type Stream = CalmStream;
//!
//!     fn manifest() -> Manifest {
//!         Manifest {
//!             name: "calm".into(),
//!             version: "1.0.0".into(),
//!             doc: "Forbids shouting.".into(),
//!             params_schema: r#"{
//!                 "type": "object",
//!                 "properties": { "max": { "type": "integer", "minimum": 0 } },
//!                 "additionalProperties": false
//!             }"#
//!             .into(),
//!             ..Manifest::default()
//!         }
//!     }
//!
//!     fn create(params: Params) -> Result<Self, BadParam> {
//!         if params.max > 100 {
//!             return Err(BadParam::new("max", "more than 100 is no limit"));
//!         }
//!         Ok(Self { max: params.max })
//!     }
//!
//!     // Judging the whole by the stream makes both agree by construction.
//!     fn check(self: &Rc<Self>, reply: &str, context: &Context) -> Result<Vec<Violation>, PolicyError> {
//!         rolecall_plugin::check_by_stream(self, reply, context)
//!     }
//!
//!     fn open_stream(self: &Rc<Self>, _context: &Context) -> Option<CalmStream> {
//!         Some(CalmStream { left: self.max, at: 0 })
//!     }
//! }
//!
//! /// One growing reply.
//! pub struct CalmStream {
//!     left: usize,
//!     at: usize,
//! }
//!
//! impl StreamCheck for CalmStream {
//!     fn push(&mut self, delta: &str) -> Result<Vec<Violation>, PolicyError> {
//!         let mut found = Vec::new();
//!         for c in delta.chars() {
//!             let start = self.at;
//!             self.at += c.len_utf8();
//!             if !matches!(c, '!' | '！') {
//!                 continue;
//!             }
//!             if self.left > 0 {
//!                 self.left -= 1;
//!             } else {
//!                 let violation = Violation::new("shouting", "an exclamation mark too many");
//!                 found.push(violation.at(start..self.at).suggest("."));
//!             }
//!         }
//!         Ok(found)
//!     }
//!
//!     fn finish(self) -> Result<Vec<Violation>, PolicyError> {
//!         Ok(Vec::new())
//!     }
//! }
//!
//! rolecall_plugin::export_constraint!(Calm);
//!
//! // In `#[cfg(test)] mod tests`; runs natively:
//! let policy = rolecall_plugin::testing::Constraint::<Calm>::create(r#"{ "max": 1 }"#).unwrap();
//! assert_eq!(policy.check("Hi! 好！").unwrap()[0].spans, [7..10]);
//! policy.assert_streams("Hi! 好！ Really!");
//! ```
//!
//! Build, pack and install it:
//!
//! ```sh
//! cargo build --release --target wasm32-unknown-unknown
//! rolecall plugin pack target/wasm32-unknown-unknown/release/calm.wasm -o plugins/calm.wasm
//! ```
//!
//! Policies that look for the words of a list find them with [`words`], in replies that grow too.
//! `plugins/hello` is the smallest policy that ships, and a good one to copy.
//!
//! # What the host promises and asks
//!
//! - Every reply gets a fresh instance. A policy may wish to keep its instance for the replies of one session
//!   ([`Isolation`]), which the operator grants; no instance ever serves two sessions. What a policy puts into
//!   its store ([`host::kv`]) is the only thing that its instances share.
//! - A [`Violation`] is an error unless it says [`warning`](Violation::warning). A contract can make
//!   warnings of a policy's errors, never the other way round.
//! - Time, memory, stack and results are limited; a call over a limit ends with a named reason, and
//!   the contract's `on_failure` decides what follows.
//! - There are no files, no network, no processes. What a policy imports is what it needs: [`log`](mod@log) is
//!   there for all, what is in [`host`] for those to whom the operator grants it.
//! - A panic ends the call; its message reaches the host's log and the error.
//! - Spans are UTF-8 byte offsets on character boundaries. A span that is not fails the call.
//!
//! # Versions
//!
//! The major version of this crate is that of the ABI: 1 makes components that export
//! `rolecall:policy@1.0.0`. Each version of the ABI is frozen, and servers speak several side by side, so
//! a component that works today need not be built again for a later server.

mod constraint;
mod delivery;
mod error;
mod manifest;
mod violation;

pub mod host;
pub mod log;
pub mod testing;
pub mod words;

#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod guest;

pub use constraint::{ConstraintPolicy, Context, StreamCheck, WholeOnly, check_by_stream};
pub use delivery::{DeliveryPolicy, Features, MergedGroup, OfflineMessage, Verdict};
pub use error::{BadParam, PolicyError};
pub use manifest::{Isolation, Manifest};
pub use violation::{Severity, Violation};

/// Makes a component of a [`ConstraintPolicy`]. Once per crate, also beside [`export_delivery!`] (both
/// then return the same manifest). Does nothing in native builds.
#[macro_export]
macro_rules! export_constraint {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the exported functions of the component ABI, generated by wit-bindgen")]
        const _: () = {
            type RolecallPolicy = $crate::guest::Constraint<$policy>;
    $crate::bindings::constraint::export!(RolecallPolicy with_types_in $crate::bindings::constraint);
        };
    };
}

/// Makes a component of a [`DeliveryPolicy`]. Once per crate, also beside [`export_constraint!`].
/// Does nothing in native builds.
#[macro_export]
macro_rules! export_delivery {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the exported functions of the component ABI, generated by wit-bindgen")]
        const _: () = {
            type RolecallPolicy = $crate::guest::Delivery<$policy>;
    $crate::bindings::delivery::export!(RolecallPolicy with_types_in $crate::bindings::delivery);
        };
    };
}
