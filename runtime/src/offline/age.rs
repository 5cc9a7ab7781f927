//! How timely a message still is.

/// The timeliness bucket of a message of this age: `realtime` up to 30 s, `delayed` up to 5 min,
/// `batch` beyond. Messages from the future are `realtime`.
#[must_use]
pub fn bucket(created_at_ms: u64, now_ms: u64) -> &'static str {
    match now_ms.saturating_sub(created_at_ms) {
        0..=30_000 => "realtime",
        30_001..=300_000 => "delayed",
        _ => "batch",
    }
}

#[cfg(test)]
mod tests {
    use super::bucket;

    // Fails when a bound moves by one, or a clock that is ahead wraps around.
    #[test]
    fn buckets_have_the_documented_bounds() {
        let now = 1_000_000;
        let ages =
            [(0, "realtime"), (30_000, "realtime"), (30_001, "delayed"), (300_000, "delayed"), (300_001, "batch")];
        for (age, expected) in ages {
            assert_eq!(bucket(now - age, now), expected, "{age}");
        }
        assert_eq!(bucket(now + 5, now), "realtime");
    }
}
