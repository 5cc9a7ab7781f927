//! Which commands Redis ran, by its own count of each, those within scripts included.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use rolecall_tests::clock;
use rolecall_tests::redis::Redis;

/// How often each command ran since Redis started, at a time.
#[derive(Debug)]
pub(crate) struct Calls {
    at: Instant,
    by_name: BTreeMap<String, u64>,
}

/// How often each ran in some time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ran {
    seconds: f64,
    by_name: BTreeMap<String, u64>,
}

impl Calls {
    pub(crate) async fn count(redis: &Redis) -> Result<Self> {
        let info = redis.ask(&["INFO", "commandstats"]).await?.concat();
        Ok(Self { at: clock::now(), by_name: read(&info) })
    }

    /// What ran between this count and a later one.
    pub(crate) fn until(&self, later: &Self) -> Ran {
        let before = |name: &str| self.by_name.get(name).copied().unwrap_or_default();
        let by_name = later.by_name.iter().map(|(name, calls)| (name.clone(), calls.saturating_sub(before(name))));
        Ran { seconds: later.at.saturating_duration_since(self.at).as_secs_f64(), by_name: by_name.collect() }
    }
}

impl Ran {
    pub(crate) fn add(&mut self, more: Self) {
        self.seconds += more.seconds;
        for (name, calls) in more.by_name {
            let sum = self.by_name.entry(name).or_default();
            *sum = sum.saturating_add(calls);
        }
    }

    /// How often each ran for each of so many events, besides what `steady` says would have run anyway; the most frequent
    /// first, without those that ran less than once for ten of them.
    pub(crate) fn for_each(&self, events: u64, steady: &Self) -> Vec<(String, f64)> {
        if events == 0 || steady.seconds <= 0.0 {
            return Vec::new();
        }
        let anyway =
            |name: &str| steady.by_name.get(name).copied().unwrap_or_default() as f64 * self.seconds / steady.seconds;
        let for_one = |(name, calls): (&String, &u64)| (name.clone(), (*calls as f64 - anyway(name)) / events as f64);
        let mut each: Vec<(String, f64)> =
            self.by_name.iter().map(for_one).filter(|(_, calls)| calls.abs() >= 0.1).collect();
        each.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        each
    }
}

/// The counts in an answer to `INFO commandstats`.
fn read(info: &str) -> BTreeMap<String, u64> {
    let count = |line: &str| {
        let (name, values) = line.trim().strip_prefix("cmdstat_")?.split_once(':')?;
        let calls = values.split(',').find_map(|value| value.strip_prefix("calls="))?;
        Some((name.to_owned(), calls.parse().ok()?))
    };
    info.lines().filter_map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(seconds: f64, by_name: &[(&str, u64)]) -> Ran {
        Ran { seconds, by_name: by_name.iter().map(|(name, calls)| ((*name).to_owned(), *calls)).collect() }
    }

    // Fails when a failed or rejected call is counted instead, or a subcommand is lost.
    #[test]
    fn the_counts_are_read() {
        let info = "# Commandstats\r\ncmdstat_hget:calls=12,usec=40,usec_per_call=3.33,rejected_calls=1,failed_calls=2\r\n\
                    cmdstat_script|load:calls=3,usec=1\r\ncmdstat_odd:usec=1\r\n";
        assert_eq!(read(info), ran(0.0, &[("hget", 12), ("script|load", 3)]).by_name);
    }

    // Fails when what ran anyway is counted, over another time than it ran in, or what ran less than before is left out.
    #[test]
    fn only_what_runs_besides_is_an_events_own() {
        let steady = ran(10.0, &[("hget", 100), ("xadd", 50), ("ping", 10)]);
        let mut both = ran(3.0, &[("hget", 130)]);
        both.add(ran(1.0, &[("hget", 10), ("ping", 4), ("hset", 40)]));
        let expected = [("hget", 5.0), ("hset", 2.0), ("xadd", -1.0)].map(|(name, calls)| (name.to_owned(), calls));
        both.by_name.insert("xadd".to_owned(), 0);
        assert_eq!(both.for_each(20, &steady), expected);
        assert!(both.for_each(0, &steady).is_empty() && both.for_each(20, &Ran::default()).is_empty());
    }
}
