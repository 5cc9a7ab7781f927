//! Whether two messages say the same.

use std::time::Duration;

use rolecall_plugin_host::{
    CallError, Features, HostConfig, Limits, MAX_TEXT_BYTES, OfflineMessage, PluginHost, Verdict,
};

use crate::guests::{component, config, folder, host, mode, params, start};

pub(crate) fn message(text: &str) -> OfflineMessage {
    OfflineMessage {
        biz_id: format!("id of {text}"),
        role: "support".into(),
        intent: "orders".into(),
        priority: 2,
        turn_id: 17,
        text: text.into(),
        created_at_ms: 1_700_000_000_123,
    }
}

/// Features of two texts with these numbers.
pub(crate) fn features(a: &str, b: &str) -> Features {
    Features {
        a_chars: 11,
        b_chars: 12,
        edit_similarity: 0.625,
        embedding_similarity: Some(-0.5),
        a_numbers: vec![a.into(), "00".into()],
        b_numbers: vec![b.into(), "00".into()],
    }
}

async fn same(host: &PluginHost, sin: &str, a: &str, b: &str) -> Result<Verdict, CallError> {
    host.same("hostile", &mode(sin), &message(a), &message(b), &features("7", "7")).await
}

/// Fails when two verdicts are mixed up, or the two messages are.
#[tokio::test]
async fn each_verdict_comes_through() {
    let host = host(&["hostile"]);
    let cases = [
        ("one", "one", Verdict::Same),
        ("one and two", "one", Verdict::Contains),
        ("one", "one and two", Verdict::Contained),
        ("one", "two", Verdict::Unsure),
    ];
    for (a, b, verdict) in cases {
        assert_eq!(same(&host, "honest", a, b).await, Ok(verdict), "{a} / {b}");
    }
    let (a, b) = (message("one"), message("one"));
    let differing = host.same("hostile", &mode("honest"), &a, &b, &features("7", "8")).await;
    assert_eq!(differing, Ok(Verdict::Different));
}

/// Fails when a field of what the policy is told is lost, or swapped with another.
#[tokio::test]
async fn the_policy_is_told_everything() {
    let host = host(&["hostile"]);
    let told = host.same("hostile", &mode("tell"), &message("one"), &message("two"), &features("7", "8")).await;
    let Err(CallError::Internal { export: "same", message, .. }) = told else { panic!("{told:?}") };
    let of = |text: &str| {
        format!(
            "OfflineMessage {{ id: \"id of {text}\", role: \"support\", intent: \"orders\", priority: 2, turn_id: 17, \
             text: \"{text}\", created_at_ms: 1700000000123 }}"
        )
    };
    let computed = "Features { a_chars: 11, b_chars: 12, edit_similarity: 0.625, embedding_similarity: Some(-0.5), \
                    a_numbers: [\"7\", \"00\"], b_numbers: [\"8\", \"00\"] }";
    assert_eq!(message, format!("{} {} {computed}", of("one"), of("two")));
}

/// A comparison has the limits of a check, each with its name; the plugin serves on.
#[tokio::test]
async fn each_limit_has_its_name() {
    let dir = folder(&[("hostile.wasm", &component("hostile"))]);
    let sins = [
        ("spin", "deadline"),
        ("hoard", "memory"),
        ("recurse", "stack"),
        ("panic", "trap"),
        ("huge_log", "result_too_large"),
        ("internal", "internal"),
        ("bad_params", "bad_params"),
    ];
    for (sin, reason) in sins {
        let patience = if reason == "deadline" { 50 } else { 10_000 };
        let limits = Limits { check: Duration::from_millis(patience), ..Limits::default() };
        let (host, _) = start(HostConfig { limits, ..config(dir.path()) });
        let error = same(&host, sin, "a", "b").await.expect_err(sin);
        assert_eq!(error.reason(), reason, "{sin}: {error}");
        assert_eq!(same(&host, "honest", "a", "a").await, Ok(Verdict::Same), "after {sin}");
    }
    let (host, _) = start(config(dir.path()));
    let half = "x".repeat(MAX_TEXT_BYTES / 2);
    assert_eq!(same(&host, "honest", &half, &half).await, Ok(Verdict::Same));
    let error = same(&host, "honest", &half, &format!("{half}x")).await.expect_err("too long");
    assert_eq!(error.reason(), "input_too_large", "{error}");
}

/// A policy that only merges is unsure; one that only judges is of another kind.
#[tokio::test]
async fn policies_that_do_not_compare() {
    let host = host(&["classical_tone", "digest"]);
    let ask = |name: &'static str| {
        let host = host.clone();
        async move { host.same(name, &params("{}"), &message("a"), &message("a"), &features("7", "7")).await }
    };
    assert_eq!(ask("digest").await, Ok(Verdict::Unsure));
    assert_eq!(ask("classical_tone").await.expect_err("no delivery policy").reason(), "wrong_world");
    assert_eq!(ask("nobody").await.expect_err("missing").reason(), "missing");
}
