//! Any bytes are frames or faults, and frames survive their encodings. `sdk/wire/tests/laws` holds what is asked.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../sdk/wire/tests/laws/mod.rs"]
mod laws;

fuzz_target!(|bytes: &[u8]| {
    laws::codec::bytes(bytes);
    laws::talk::talk(bytes);
});
