//! Any request presents a place in a session or a fault. `sdk/wire/tests/laws` holds what is asked.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../sdk/wire/tests/laws/mod.rs"]
mod laws;

fuzz_target!(|text: &str| laws::upgrade::request(text));
