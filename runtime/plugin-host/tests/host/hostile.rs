use std::time::Duration;

use rolecall_plugin_host::{BadGroups, CallError, Context, HostConfig, Limits, OfflineMessage, PluginHost, Severity};

use crate::guests::{component, config, folder, host, mode, start};

/// Begins with a character of three bytes, as the lies about spans expect.
const TEXT: &str = "好 text with a bad word";

async fn check(host: &PluginHost, sin: &str) -> Result<usize, CallError> {
    host.check("hostile", &mode(sin), &Context::default(), TEXT).await.map(|found| found.len())
}

/// Each limit has its own name; a guest that escapes one, or a limit reported under another's name,
/// fails here. After each sin the same plugin still serves an honest call.
#[tokio::test]
async fn each_sin_has_its_name() {
    let sins = [
        ("spin", "deadline"),
        ("spin_create", "deadline"),
        ("log_flood", "deadline"),
        ("hoard", "memory"),
        ("recurse", "stack"),
        ("trap", "trap"),
        ("panic", "trap"),
        ("huge_list", "result_too_large"),
        ("huge_text", "result_too_large"),
        ("huge_log", "result_too_large"),
        ("span_inside", "bad_span"),
        ("span_reversed", "bad_span"),
        ("span_beyond", "bad_span"),
        ("span_disorder", "bad_span"),
        ("internal", "internal"),
        ("bad_params", "bad_params"),
    ];
    let dir = folder(&[("hostile.wasm", &component("hostile"))]);
    for (sin, reason) in sins {
        // Time enough for what is to fail by another limit, on any machine.
        let patience = if reason == "deadline" { 50 } else { 10_000 };
        let limits = Limits { check: Duration::from_millis(patience), ..Limits::default() };
        let (host, _) = start(HostConfig { limits, ..config(dir.path()) });
        let error = check(&host, sin).await.expect_err(sin);
        assert_eq!(error.reason(), reason, "{sin}: {error}");
        assert_eq!(check(&host, "honest").await, Ok(1), "after {sin}");
    }
}

/// Without the panic hook in the guest crate the reason would be lost; without names in the binary
/// the author would not know where.
#[tokio::test]
async fn errors_speak_to_the_author() {
    let dir = folder(&[("hostile.wasm", &component("hostile"))]);
    let limits = Limits { check: Duration::from_millis(500), ..Limits::default() };
    let (host, _) = start(HostConfig { limits, ..config(dir.path()) });
    let said = check(&host, "panic").await.expect_err("a panic").to_string();
    assert!(said.contains("deliberate panic over 24 bytes") && said.contains("sins.rs"), "{said}");
    let said = check(&host, "spin").await.expect_err("a loop").to_string();
    assert!(said.contains("sins::spin") && said.contains("500 ms") && said.contains("raise"), "{said}");
    let said = check(&host, "recurse").await.expect_err("a recursion").to_string();
    assert!(said.contains("sins::recurse") && said.contains("512 KiB"), "{said}");
    let said = check(&host, "hoard").await.expect_err("a hoard").to_string();
    assert!(said.contains("33554432"), "{said}");
}

/// Too much is cut down where that loses nothing that matters.
#[tokio::test]
async fn many_long_violations_are_capped() {
    let host = host(&["hostile"]);
    let found = host.check("hostile", &mode("many_violations"), &Context::default(), TEXT).await.expect("a judgement");
    assert_eq!(found.len(), 256);
    assert_eq!(found[0].rule.len(), 128);
    assert_eq!(found[0].message, "长".repeat(682), "cut at a character");
    assert_eq!(found[0].suggestion, None, "half a suggestion would be another one");
}

/// Fails when an instance serves two calls.
#[tokio::test]
async fn nothing_is_left_for_the_next_call() {
    let host = host(&["hostile"]);
    assert_eq!(check(&host, "remember").await, Ok(1));
    assert_eq!(check(&host, "remember").await, Ok(1));
}

/// Fails when calls behind a slow one are run long after anybody can use the answer.
#[tokio::test]
async fn a_call_that_waited_too_long_says_so() {
    let dir = folder(&[("hostile.wasm", &component("hostile"))]);
    let limits = Limits { wait: Duration::from_millis(20), ..Limits::default() };
    let (host, _) = start(HostConfig { workers: 1, limits, ..config(dir.path()) });
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let host = host.clone();
        calls.spawn(async move { check(&host, "spin").await.expect_err("no judgement").to_string() });
    }
    let outcomes = calls.join_all().await;
    let late = outcomes.iter().filter(|said| said.contains("busy: 20 ms were spent waiting for a worker")).count();
    assert!((25..30).contains(&late), "{outcomes:?}");
}

#[tokio::test]
async fn a_full_queue_is_busy() {
    let dir = folder(&[("hostile.wasm", &component("hostile"))]);
    let limits = Limits { queue: 1, ..Limits::default() };
    let (host, _) = start(HostConfig { workers: 1, limits, ..config(dir.path()) });
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let host = host.clone();
        calls.spawn(async move { check(&host, "spin").await.expect_err("no judgement").reason() });
    }
    let outcomes = calls.join_all().await;
    assert!(outcomes.contains(&"busy") && outcomes.contains(&"deadline"), "{outcomes:?}");
}

#[tokio::test]
async fn what_is_too_large_is_not_passed_on() {
    let host = host(&["hostile"]);
    let text = "x".repeat(rolecall_plugin_host::MAX_TEXT_BYTES + 1);
    let error = host.check("hostile", &mode("honest"), &Context::default(), &text).await.expect_err("too long");
    assert_eq!(error.reason(), "input_too_large", "{error}");
    let error = host.merge("hostile", &mode("honest"), &window(501)).await.expect_err("too many");
    assert_eq!(error.reason(), "input_too_large", "{error}");
}

#[tokio::test]
async fn groups_must_partition_the_window() {
    let lies = [
        ("leave_out", BadGroups::Left(0)),
        ("twice", BadGroups::Twice(0)),
        ("invent", BadGroups::OutOfRange(3)),
        ("no_text", BadGroups::NoText(0)),
        ("empty_group", BadGroups::Empty),
    ];
    for (lie, why) in lies {
        let host = host(&["hostile"]);
        let error = host.merge("hostile", &mode(lie), &window(3)).await.expect_err(lie);
        assert_eq!(error, CallError::BadGroups { plugin: "hostile".into(), window: 3, why });
        let groups = host.merge("hostile", &mode("honest"), &window(3)).await.expect("a merge");
        assert_eq!(groups[0].members, [0, 1, 2]);
    }
    let host = host(&["hostile"]);
    assert_eq!(host.merge("hostile", &mode("spin"), &window(3)).await.expect_err("a loop").reason(), "deadline");
}

#[tokio::test]
async fn missing_and_wrong_worlds_are_named() {
    let host = host(&["digest"]);
    let params = serde_json::Map::new();
    let missing = host.check("nobody", &params, &Context::default(), "x").await.expect_err("missing");
    assert_eq!(missing, CallError::Missing("nobody".into()));
    let wrong = host.check("digest", &params, &Context::default(), "x").await.expect_err("a delivery policy");
    assert_eq!(wrong.reason(), "wrong_world", "{wrong}");
}

/// Fails when a policy's own severity is lost on its way, whole or in pieces.
#[tokio::test]
async fn severities_come_through() {
    let host = host(&["hostile"]);
    for (sin, severity) in [("honest", Severity::Error), ("mild", Severity::Warning)] {
        let found = host.check("hostile", &mode(sin), &Context::default(), TEXT).await.expect("a judgement");
        assert_eq!(found.iter().map(|violation| violation.severity).collect::<Vec<_>>(), [severity]);
        let stream = host.open("hostile", &mode(sin), &Context::default()).await.expect("an instance");
        let pushed = stream.expect("a streaming plugin").push(TEXT).await.expect("a judgement");
        assert_eq!(pushed, found);
    }
}

fn window(messages: u64) -> Vec<OfflineMessage> {
    let message = |turn_id| OfflineMessage {
        biz_id: format!("m{turn_id}"),
        role: "support".into(),
        intent: "refund".into(),
        priority: 1,
        turn_id,
        text: "text".into(),
        created_at_ms: turn_id,
    };
    (0..messages).map(message).collect()
}

/// Tells of ended calls.
struct Ended(std::sync::mpsc::SyncSender<Option<String>>);

impl rolecall_plugin_host::Observer for Ended {
    fn call(&self, _plugin: &str, _export: &str, _seconds: f64, failure: Option<&str>) {
        let _ = self.0.try_send(failure.map(str::to_owned));
    }
}

/// Fails when the end of the host ends the clock of the guests that still run: this one would then
/// occupy its thread for ever.
#[tokio::test]
async fn a_guest_outlives_its_host_by_its_time_at_most() {
    let dir = folder(&[("hostile.wasm", &component("hostile"))]);
    loop {
        let (ended, end) = std::sync::mpsc::sync_channel(8);
        let limits = Limits { check: Duration::from_millis(400), ..Limits::default() };
        let config = HostConfig { limits, ..config(dir.path()) };
        let (host, _) = PluginHost::start(config, std::sync::Arc::new(Ended(ended))).expect("a host");
        let mut call = tokio::task::JoinSet::new();
        call.spawn(async move { check(&host, "spin").await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        // The last owner of the host is the call.
        call.shutdown().await;
        match end.recv_timeout(Duration::from_secs(60)) {
            Ok(failure) => {
                assert_eq!(failure.as_deref(), Some("deadline"));
                return;
            }
            // The call had not begun when the host went; once more.
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("the guest runs on"),
        }
    }
}
