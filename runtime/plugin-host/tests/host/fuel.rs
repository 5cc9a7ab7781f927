//! Instructions counted instead of time.

use std::path::Path;

use rolecall_plugin_host::{CallError, HostConfig, PluginHost};

use crate::grants::tasted;
use crate::guests::{component, config};

fn with_fuel() -> PluginHost {
    let config = HostConfig { cache: config(Path::new("")).cache, ..HostConfig::new("") };
    PluginHost::alone(&component("sampler"), config.for_trials()).expect("a host").0
}

/// Fails when instructions are not counted, or the same work ends once so and once so.
#[tokio::test]
async fn fuel_decides_alike_every_time() {
    let host = with_fuel();
    // How much of it is just enough: found by halving, twice.
    let mut limits = Vec::new();
    for _ in 0..2 {
        let (mut enough, mut too_much) = (1_u32, 100_000_u32);
        while too_much - enough > 1 {
            let middle = enough.midpoint(too_much);
            match tasted(&host, "work", &middle.to_string()).await {
                Ok(_) => enough = middle,
                Err(CallError::Fuel { limit, limit_ms, frames, .. }) => {
                    assert_eq!((limit, limit_ms), (50_000_000, 50));
                    assert!(frames.iter().any(|frame| frame.contains("Sampler")), "{frames:?}");
                    too_much = middle;
                }
                Err(other) => panic!("{other}"),
            }
        }
        limits.push(enough);
    }
    assert_eq!(limits[0], limits[1]);
    assert!((2_000..52_000).contains(&limits[0]), "{limits:?}");
}

/// Fails when what the host does for a guest is free where instructions are counted, however small each call is.
#[tokio::test]
async fn the_hosts_work_counts_too() {
    let host = with_fuel();
    for chars in [1, 700, 2_000] {
        let half = "字".repeat(chars);
        let error = tasted(&host, "similar_for_ever", &format!("{half}|{half}")).await.expect_err("stopped");
        assert_eq!(error.reason(), "fuel", "{error}");
    }
}

/// Fails when trials open a breaker, which would hide a failure behind others.
#[tokio::test]
async fn no_breaker_hides_a_failure_from_who_tries() {
    let host = with_fuel();
    for _ in 0..20 {
        assert_eq!(tasted(&host, "work", "1000000").await.expect_err("too much").reason(), "fuel");
    }
}
