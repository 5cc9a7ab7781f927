//! How much Redis has to do: its own count of commands, those within scripts included, over time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rolecall_tests::clock;
use rolecall_tests::redis::Redis;
use tokio::time::sleep;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// A peak is the rate over so long.
pub(crate) const PEAK_MS: u64 = 1_000;

/// What was counted at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Ms since the count began.
    pub(crate) at_ms: u64,
    /// Commands that Redis has processed since its start.
    pub(crate) commands: u64,
}

/// The looks so far.
#[derive(Debug)]
pub(crate) struct Load {
    began: Instant,
    pub(crate) looks: Vec<Look>,
}

impl Load {
    pub(crate) fn new() -> Self {
        Self { began: clock::now(), looks: Vec::new() }
    }

    /// Looks four times a second, for so long.
    pub(crate) async fn watch(&mut self, redis: &Redis, lasts: Duration) -> Result<()> {
        let began = clock::now();
        while began.elapsed() < lasts {
            self.look(redis).await?;
            sleep(LOOK).await;
        }
        self.look(redis).await
    }

    /// Looks until something else has happened.
    pub(crate) async fn watch_until<T>(
        &mut self,
        redis: &Redis,
        happens: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut happens = std::pin::pin!(happens);
        loop {
            self.look(redis).await?;
            tokio::select! {
                happened = &mut happens => return happened,
                () = sleep(LOOK) => {}
            }
        }
    }

    /// Where the looks from now on begin.
    pub(crate) fn mark(&self) -> usize {
        self.looks.len().saturating_sub(1)
    }

    /// The looks from a mark on.
    pub(crate) fn since(&self, mark: usize) -> &[Look] {
        self.looks.get(mark..).unwrap_or_default()
    }

    async fn look(&mut self, redis: &Redis) -> Result<()> {
        let info = redis.ask(&["INFO", "stats"]).await?.concat();
        let commands = read(&info).context("INFO stats has no total_commands_processed")?;
        self.looks.push(Look { at_ms: self.began.elapsed().as_millis().try_into()?, commands });
        Ok(())
    }
}

/// The count of commands in an answer to `INFO stats`.
fn read(info: &str) -> Option<u64> {
    info.lines().find_map(|line| line.trim().strip_prefix("total_commands_processed:")?.parse().ok())
}

/// Commands per second from the first look to the last; 0 where no time has passed.
pub(crate) fn mean(looks: &[Look]) -> f64 {
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else { return 0.0 };
    rate(*first, *last)
}

/// The highest rate over any time of so many ms, and of as much more as the looks lie apart; the mean where they are
/// shorter.
pub(crate) fn peak(looks: &[Look], over_ms: u64) -> f64 {
    let behind = |from: &Look| {
        let first = *from;
        let end = looks.iter().find(|look| look.at_ms >= first.at_ms.saturating_add(over_ms))?;
        Some(rate(first, *end))
    };
    looks.iter().filter_map(behind).reduce(f64::max).unwrap_or_else(|| mean(looks))
}

fn rate(from: Look, to: Look) -> f64 {
    let ms = to.at_ms.saturating_sub(from.at_ms);
    if ms == 0 { 0.0 } else { to.commands.saturating_sub(from.commands) as f64 * 1_000.0 / ms as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(looks: &[(u64, u64)]) -> Vec<Look> {
        looks.iter().map(|(at_ms, commands)| Look { at_ms: *at_ms, commands: *commands }).collect()
    }

    fn is(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-9
    }

    // Fails when a rate is of another time than it says, or a peak lies between two windows and is not seen.
    #[test]
    fn rates_are_over_the_time_that_they_say() {
        let looks =
            looks(&[(0, 100), (250, 110), (500, 120), (750, 620), (1_000, 1_120), (1_500, 1_130), (2_000, 1_140)]);
        assert!(is(mean(&looks), 520.0));
        assert!(is(peak(&looks, 1_000), 1_020.0), "{}", peak(&looks, 1_000));
        assert!(is(peak(&looks, 500), 2_000.0));
        assert!(is(peak(&looks, 60_000), 520.0), "shorter than the window");
    }

    // Fails when looks without time between them divide by it.
    #[test]
    fn nothing_is_no_rate() {
        assert!(is(mean(&[]), 0.0) && is(peak(&[], 1_000), 0.0));
        let same = looks(&[(5, 1), (5, 9)]);
        assert!(is(mean(&same), 0.0) && is(peak(&same, 1_000), 0.0));
    }

    // Fails when another line of the answer is taken for the count.
    #[test]
    fn the_count_is_read() {
        let info = "# Stats\r\ntotal_connections_received:5\r\ntotal_commands_processed:1234\r\ninstantaneous_ops_per_sec:3\r\n";
        assert_eq!(read(info), Some(1_234));
        assert_eq!(read("total_commands_processed:\r\n"), None);
    }
}
