//! The laws of the protocol for a few seconds, on a stable compiler: what `fuzz/` does for minutes.
//!
//! `SMOKE_SECONDS` says for how long, `SMOKE_SEED` repeats a run: a failure prints the seed and the run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking"
)]

mod laws;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, SystemTime};

use arbitrary::{Arbitrary, Unstructured};
use serde_json::Value;

/// Xorshift: a test's dice need no crate.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap_or(0) % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        // Short ones find other faults than long ones.
        let most = 1 + self.below(most);
        (0..self.below(most)).map(|_| self.byte()).collect()
    }
}

/// Any value out of random bytes.
fn any<T: for<'a> Arbitrary<'a>>(dice: &mut Dice, bytes: usize) -> T {
    let bytes = dice.bytes(bytes);
    T::arbitrary_take_rest(Unstructured::new(&bytes)).unwrap_or_else(|_| {
        // Bytes that ran out are zeros to it; an error is not among what these types give.
        T::arbitrary(&mut Unstructured::new(&[])).expect("a value of nothing")
    })
}

#[allow(clippy::disallowed_methods, reason = "the settings of one test, not of the program")]
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[allow(clippy::disallowed_methods, reason = "a test of limited time reads the clock")]
fn clock() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970")
}

/// Runs cases out of a seed until the time is over; at least a few hundred on any machine.
fn smoke(mut case: impl FnMut(&mut Dice)) {
    let started = clock();
    let seed = number("SMOKE_SEED", u64::try_from(started.as_nanos() & 0xFFFF_FFFF).unwrap_or(1)).max(1);
    let patience = Duration::from_secs(number("SMOKE_SECONDS", 2));
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut runs = 0_u64;
    while runs < 300 || clock() - started < patience {
        let held = catch_unwind(AssertUnwindSafe(|| case(&mut dice)));
        assert!(held.is_ok(), "SMOKE_SEED={seed}, run {runs}");
        runs += 1;
    }
    println!("seed {seed}: {runs} runs");
}

/// The golden frames, as bytes and as text.
fn golden() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut found = Vec::new();
    for file in ["client.json", "server.json", "decode.json"] {
        let entries: Vec<Value> = serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap();
        for entry in entries {
            let hex = entry["bsp"].as_str().unwrap();
            let byte = |at: usize| u8::from_str_radix(hex.get(2 * at..2 * at + 2).unwrap(), 16).unwrap();
            found.push((0..hex.len() / 2).map(byte).collect());
            found.extend(entry.get("frame").map(|frame| frame.to_string().into_bytes()));
        }
    }
    found
}

/// One step away from some bytes.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    let end = (at + 1 + dice.below(8)).min(bytes.len());
    match dice.below(6) {
        0 => drop(bytes.drain(at..end)),
        1 => {
            let copied = bytes[at..end].to_vec();
            bytes.splice(at..at, copied);
        }
        2 => {
            let start = dice.below(other.len() + 1);
            let taken = other[start..(start + 1 + dice.below(32)).min(other.len())].to_vec();
            bytes.splice(at..end, taken);
        }
        3 => bytes.insert(at, dice.byte()),
        4 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        _ => drop(bytes.splice(at..end, [0xff; 4])),
    }
}

/// Fails when bytes near a frame panic, are a frame of both directions, or a frame does not survive its encoding.
#[test]
fn mutated_frames_survive() {
    let golden = golden();
    assert!(golden.len() > 60, "{} golden frames", golden.len());
    golden.iter().for_each(|bytes| laws::codec::bytes(bytes));
    smoke(|dice| {
        let mut bytes = golden[dice.below(golden.len())].clone();
        for _ in 0..=dice.below(4) {
            mutate(&mut bytes, &golden[dice.below(golden.len())], dice);
        }
        laws::codec::bytes(&bytes);
        laws::codec::bytes(&dice.bytes(512));
    });
}

/// Fails when the two ends of version 2 part, or what could not be said leaves a trace.
#[test]
fn a_conversation_is_heard_as_it_was_said() {
    smoke(|dice| laws::talk::talk(&dice.bytes(2_048)));
}

/// Fails when a request near a good one panics, or a place changes on its way.
#[test]
fn mutated_requests_survive() {
    let good = "last_seq=7&epoch=2&network=slow-2g&token=q%20x\nBearer a.b.c\nrolecall.json.v1, rolecall.token.x.y.z\n\
                rolecall.bsp.v1";
    smoke(|dice| {
        let mut bytes = good.as_bytes().to_vec();
        for _ in 0..=dice.below(6) {
            mutate(&mut bytes, good.as_bytes(), dice);
        }
        laws::upgrade::request(&String::from_utf8_lossy(&bytes));
    });
}

/// Fails when a server can make the client's machine panic, speak after its end, or show anything twice.
#[test]
fn the_client_survives_any_server() {
    smoke(|dice| laws::client::live(any(dice, 2_048)));
}

/// Fails when a client or the application can make the server's machine panic, speak after its end, or hide a hole.
#[test]
fn the_server_survives_any_client() {
    smoke(|dice| laws::server::live(any(dice, 2_048)));
}

/// Fails when losses and delays make the machines accuse each other, or keep anything from arriving.
#[test]
fn both_machines_come_to_rest() {
    smoke(|dice| laws::pair::live(any(dice, 1_024)));
}
