//! How much somebody may do: a steady rate, and how far ahead of it he may run.

use std::num::NonZeroU32;

use super::values::{Problem, number, size};

/// A rate with a burst: the bucket holds `burst` and refills by `per_second`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// What comes back each second.
    pub per_second: NonZeroU32,
    /// What may be taken at once.
    pub burst: NonZeroU32,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Connections or requests.
    Count,
    /// Bytes. Both hold at least what is read at once, so that a reader waits for a second at most, and sees soon after
    /// when its peer has gone.
    Bytes,
}

/// The smallest rate and burst of bytes: hyper reads up to this much at once.
const LEAST_BYTES: usize = 64 << 10;

/// `RATE/s burst COUNT`, or `off` for no limit.
pub(super) fn allowance(text: &str, unit: Unit) -> Result<Option<Allowance>, Problem> {
    if text == "off" {
        return Ok(None);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let parts = match words.as_slice() {
        [rate, "burst", burst] => rate.strip_suffix("/s").map(|rate| (rate, *burst)),
        _ => None,
    };
    let Some((rate, burst)) = parts else {
        let example = if unit == Unit::Bytes { "1MiB/s burst 8MiB" } else { "100/s burst 5000" };
        return Err(Problem::new("not a rate with a burst", format!("write it as `{example}`, or off")));
    };
    let read = |text: &str, least: usize| match unit {
        Unit::Count => number::<u32>(text, 1, u32::MAX),
        Unit::Bytes => size(text, least, u32::MAX as usize).map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX)),
    };
    let (per_second, burst) = (NonZeroU32::new(read(rate, LEAST_BYTES)?), NonZeroU32::new(read(burst, LEAST_BYTES)?));
    Ok(per_second.zip(burst).map(|(per_second, burst)| Allowance { per_second, burst }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(per_second: u32, burst: u32) -> Option<Allowance> {
        let value = |number| NonZeroU32::new(number).unwrap();
        Some(Allowance { per_second: value(per_second), burst: value(burst) })
    }

    // Fails when a rate is read in another unit, or what is no rate counts as one, or as none.
    #[test]
    fn rates_are_read_with_their_burst() {
        assert_eq!(allowance("5/s burst 100", Unit::Count).unwrap(), allowed(5, 100));
        assert_eq!(allowance("1MiB/s burst 64KiB", Unit::Bytes).unwrap(), allowed(1 << 20, 1 << 16));
        assert_eq!(allowance("off", Unit::Bytes).unwrap(), None);
        for wrong in
            ["", "5", "5/s", "5/m burst 10", "0/s burst 1", "1/s burst 0", "1/s burst 5000000000", "1KiB/s burst 1"]
        {
            assert!(allowance(wrong, Unit::Count).is_err(), "{wrong}");
        }
        for slow in ["1MiB/s burst 1KiB", "1KiB/s burst 1MiB"] {
            assert!(allowance(slow, Unit::Bytes).is_err(), "{slow}");
        }
    }
}
