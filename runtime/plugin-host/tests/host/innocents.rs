//! Whatever one plugin does, its neighbour's calls are answered.

use rolecall_plugin_host::{Context, HostConfig};

use crate::guests::{component, config, folder, mode, params, start};

/// Copies of the hostile plugin under other names, so that one breaker does not end the attack.
const ATTACKERS: [&str; 6] = ["hostil0", "hostil1", "hostil2", "hostil3", "hostil4", "hostil5"];

fn renamed(component: &[u8], name: &str) -> Vec<u8> {
    let mut bytes = component.to_vec();
    let places: Vec<usize> =
        component.windows(7).enumerate().filter(|(_, w)| *w == b"hostile").map(|(at, _)| at).collect();
    for at in places {
        bytes[at..at + 7].copy_from_slice(name.as_bytes());
    }
    bytes
}

async fn attack(sin: &'static str, workers: usize) {
    let hostile = component("hostile");
    let mut files: Vec<(String, Vec<u8>)> =
        ATTACKERS.iter().map(|name| (format!("{name}.wasm"), renamed(&hostile, name))).collect();
    files.push(("classical_tone.wasm".into(), component("classical_tone")));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let dir = folder(&files);
    let (host, report) = start(HostConfig { workers, ..config(dir.path()) });
    assert_eq!(report.refused, []);

    let mut attacks = tokio::task::JoinSet::new();
    for name in ATTACKERS {
        for _ in 0..5 {
            let host = host.clone();
            attacks.spawn(async move { host.check(name, &mode(sin), &Context::default(), "好 text").await });
        }
    }
    let mut rounds = 0;
    while !attacks.is_empty() || rounds < 20 {
        rounds += 1;
        let found = host.check("classical_tone", &params("{}"), &Context::default(), "公子可有手机？").await;
        assert_eq!(found.expect("an innocent call beside an attack").len(), 1);
        let stream = host.open("classical_tone", &params("{}"), &Context::default()).await;
        let mut stream = stream.expect("an innocent stream").expect("a streaming plugin");
        for piece in ["公子可有手", "机", "？"] {
            stream.push(piece).await.expect("an innocent push");
        }
        stream.finish().await.expect("an innocent finish");
        while let Some(outcome) = attacks.try_join_next() {
            let error = outcome.expect("no panic").expect_err("a sin");
            assert_ne!(error.reason(), "aborted", "{error}");
        }
    }
}

#[tokio::test]
async fn beside_endless_loops() {
    attack("spin", 2).await;
}

/// With one worker, innocents wait for their turn, and still do not time out.
#[tokio::test]
async fn beside_endless_loops_on_one_worker() {
    attack("spin", 1).await;
}

#[tokio::test]
async fn beside_memory_hoarders() {
    attack("hoard", 2).await;
}

#[tokio::test]
async fn beside_log_floods() {
    attack("log_flood", 2).await;
}

#[tokio::test]
async fn beside_huge_results() {
    attack("huge_list", 2).await;
}

#[tokio::test]
async fn beside_deep_recursion_and_panics() {
    attack("recurse", 2).await;
    attack("panic", 2).await;
}
