//! Whatever one plugin does, its neighbour's calls are answered.

use rolecall_plugin_host::{Context, HostConfig, Limits, PluginHost, PolicyStream};

use crate::guests::{component, config, folder, mode, params, start};

/// Copies of the hostile plugin under other names, so that one breaker does not end the attack.
pub(crate) const ATTACKERS: [&str; 6] = ["hostil0", "hostil1", "hostil2", "hostil3", "hostil4", "hostil5"];

fn renamed(component: &[u8], name: &str) -> Vec<u8> {
    let mut bytes = component.to_vec();
    let places: Vec<usize> =
        component.windows(7).enumerate().filter(|(_, w)| *w == b"hostile").map(|(at, _)| at).collect();
    for at in places {
        bytes[at..at + 7].copy_from_slice(name.as_bytes());
    }
    bytes
}

/// A host with `classical_tone` and the hostile plugin under these names.
pub(crate) fn beside(attackers: &[&str], workers: usize) -> PluginHost {
    let hostile = component("hostile");
    let mut files: Vec<(String, Vec<u8>)> =
        attackers.iter().map(|name| (format!("{name}.wasm"), renamed(&hostile, name))).collect();
    files.push(("classical_tone.wasm".into(), component("classical_tone")));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let dir = folder(&files);
    let limits = Limits { streams: 512, ..Limits::default() };
    let (host, report) = start(HostConfig { workers, limits, ..config(dir.path()) });
    assert_eq!(report.refused, []);
    host
}

/// A whole reply and a stream are judged, and rightly.
async fn innocent(host: &PluginHost) {
    let found = host.check("classical_tone", &params("{}"), &Context::default(), "公子可有手机？").await;
    assert_eq!(found.expect("an innocent call beside an attack").len(), 1);
    let stream = host.open("classical_tone", &params("{}"), &Context::default()).await;
    let mut stream = stream.expect("an innocent stream").expect("a streaming plugin");
    for piece in ["公子可有手", "机", "？"] {
        stream.push(piece).await.expect("an innocent push");
    }
    stream.finish().await.expect("an innocent finish");
}

/// Opens streams until there are no more places for them.
async fn open_all(host: &PluginHost, name: &str) -> Vec<PolicyStream> {
    let mut streams = Vec::new();
    loop {
        let stream = host.open(name, &mode("spin"), &Context::default()).await.expect("a stream");
        match stream.expect("a streaming plugin") {
            stream if stream.holds_instance() => streams.push(stream),
            _ => return streams,
        }
    }
}

async fn attack(sin: &'static str, workers: usize) {
    let host = beside(&ATTACKERS, workers);
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
        innocent(&host).await;
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

/// One plugin has as many streams as it gets, and each of them loops. Fails when instances are there
/// for whoever comes first, or when waiting calls hold some.
#[tokio::test]
async fn beside_as_many_looping_streams_as_there_may_be() {
    for workers in [1, 2] {
        let host = beside(&["hostil0"], workers);
        let streams = open_all(&host, "hostil0").await;
        assert_eq!(streams.len(), 256, "half of all");
        let mut attacks = tokio::task::JoinSet::new();
        for mut stream in streams {
            attacks.spawn(async move { stream.push("x").await.map(drop) });
        }
        for _ in 0..20 {
            innocent(&host).await;
        }
        while let Some(outcome) = attacks.join_next().await {
            let reason = outcome.expect("no panic").expect_err("a loop").reason();
            assert!(["deadline", "busy"].contains(&reason), "{reason}: the last of them wait too long");
        }
    }
}

/// Several plugins that hold all they get still leave a part for each other one.
#[tokio::test]
async fn beside_several_hoarders_of_streams() {
    let host = beside(&ATTACKERS, 2);
    let mut hoard = Vec::new();
    for name in ATTACKERS {
        hoard.push(open_all(&host, name).await);
    }
    assert!(hoard.iter().all(|streams| streams.len() >= 36), "a 14th of 512 for each of 7");
    let mut innocents = Vec::new();
    for _ in 0..36 {
        let stream = host.open("classical_tone", &params("{}"), &Context::default()).await;
        let stream = stream.expect("an innocent stream").expect("a streaming plugin");
        assert!(stream.holds_instance());
        innocents.push(stream);
    }
    innocents.clear();
    innocent(&host).await;
}

/// Fails when a call that is not a stream needs a place of one, or a place while it waits.
#[tokio::test]
async fn calls_need_no_place_of_a_stream() {
    let host = beside(&["hostil0"], 1);
    let _streams = open_all(&host, "hostil0").await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let host = host.clone();
        calls.spawn(async move { host.check("hostil0", &mode("honest"), &Context::default(), "bad").await });
    }
    while let Some(found) = calls.join_next().await {
        assert_eq!(found.expect("no panic").expect("a judgement").len(), 1);
    }
}
