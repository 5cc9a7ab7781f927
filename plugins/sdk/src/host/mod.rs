//! What a host may offer besides the log, if its operator grants it.
//!
//! A policy asks by using it: the component imports then what it uses, and nothing else. A server loads it
//! only if the operator has written so into `plugins/grants.toml`, by the plugin's name:
//!
//! ```toml
//! [my_policy]
//! capabilities = ["kv", "clock"]
//! ```
//!
//! Natively, in tests, [`crate::testing`] stands in for the host.

pub mod clock;
pub mod embed;
pub mod kv;
pub mod similarity;
