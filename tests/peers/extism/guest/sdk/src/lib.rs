//! The SDK as it is, but for the macro that makes a component: an Extism host could not resolve what a
//! component imports. The plug-in has this crate under the SDK's name, so that the policy's source needs no
//! change.

pub use sdk::*;

/// Exports nothing; the plug-in has functions of its own.
#[macro_export]
macro_rules! export_constraint {
    ($policy:ty) => {};
}
