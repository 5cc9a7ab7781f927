//! Instructions counted instead of time.

use std::path::Path;

use rolecall_plugin_host::{CallError, HostConfig, Metering, PluginHost};

use crate::grants::tasted;
use crate::guests::{component, config};

fn with_fuel() -> PluginHost {
    let config = HostConfig { cache: config(Path::new("")).cache, ..HostConfig::new("") };
    PluginHost::alone(&component("sampler"), config.with_metering(Metering::Fuel)).expect("a host").0
}

/// Fails when instructions are not counted, or the same work ends once so and once so.
#[tokio::test]
async fn fuel_decides_alike_every_time() {
    let mut host = with_fuel();
    // How much of it is just enough: found by halving, twice.
    let mut limits = Vec::new();
    for _ in 0..2 {
        let (mut enough, mut too_much) = (1_u32, 100_000_u32);
        while too_much - enough > 1 {
            let middle = enough.midpoint(too_much);
            match tasted(&host, "work", &middle.to_string()).await {
                Ok(_) => enough = middle,
                Err(CallError::Fuel { limit, limit_ms, frames, .. }) => {
                    assert_eq!((limit, limit_ms), (51_000_000, 50));
                    assert!(frames.iter().any(|frame| frame.contains("Sampler")), "{frames:?}");
                    too_much = middle;
                    // A breaker would open after some of these.
                    host = with_fuel();
                }
                Err(other) => panic!("{other}"),
            }
        }
        limits.push(enough);
    }
    assert_eq!(limits[0], limits[1]);
    assert!((2_000..52_000).contains(&limits[0]), "{limits:?}");
}
