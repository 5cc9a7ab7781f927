//! Lives of the protocol's machines, alone with hostile peers and with each other. `sdk/wire/tests/laws` holds what
//! is asked.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[path = "../../sdk/wire/tests/laws/mod.rs"]
mod laws;

#[derive(Debug, Arbitrary)]
enum Life {
    Client(laws::client::Life),
    Server(laws::server::Life),
    Pair(laws::pair::Life),
}

fuzz_target!(|life: Life| match life {
    Life::Client(life) => laws::client::live(life),
    Life::Server(life) => laws::server::live(life),
    Life::Pair(life) => laws::pair::live(life),
});
