//! A quiet hour, a quiet day, and a day without a connection: what follows goes on at the exact place.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use rolecall_sim::quiet::{Quiet, quiet};

const HOUR_MS: u64 = 3_600_000;

/// Sessions that it happens to, each with another life behind it.
const SEEDS: u64 = 24;

/// Fails if a quiet connection is given up by either side, or if a client that comes back does not ask for what follows its
/// last message, or is shown more or less than what was written while it was away.
#[test]
fn a_drop_behind_long_quiet_resumes_at_the_exact_place() {
    for (how, quiet_ms, least) in [
        (Quiet::Connected, HOUR_MS, 100),
        (Quiet::Connected, 24 * HOUR_MS, 2_400),
        (Quiet::Away, HOUR_MS, 0),
        (Quiet::Away, 24 * HOUR_MS, 0),
    ] {
        for seed in 0..SEEDS {
            let returned =
                quiet(seed, how, quiet_ms).unwrap_or_else(|violation| panic!("{how:?}, seed {seed}: {violation}"));
            assert_eq!(returned.asked, returned.last, "{how:?}, seed {seed}: {returned:?}");
            assert!(returned.written > 0 && returned.shown == returned.written, "{how:?}, seed {seed}: {returned:?}");
            // Beats went to and fro, or the quiet was none.
            assert!(returned.steps > least, "{how:?}, seed {seed}: {returned:?}");
        }
    }
}
