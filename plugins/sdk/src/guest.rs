//! Fits the traits to the generated ABI. Not an interface: use the macros.
#![allow(missing_docs, reason = "not an interface")]

mod constraint;
mod delivery;

use std::sync::Once;

use serde::de::DeserializeOwned;

use crate::BadParam;

pub use constraint::Constraint;
pub use delivery::Delivery;

/// Reads parameters; the finding names the parameter where serde knows it.
pub(crate) fn parse_params<T: DeserializeOwned>(params: &str) -> Result<T, BadParam> {
    serde_json::from_str(params).map_err(|error| {
        let message = error.to_string();
        let param = message.split('`').nth(1).unwrap_or_default().to_owned();
        BadParam { param, message }
    })
}

/// Sends a panic's message to the log: without it the host sees only "unreachable".
fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|panic| crate::log::error(&panic.to_string()))));
}

/// What does not fit is out of every range, and the host says so.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
