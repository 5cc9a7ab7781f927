//! Instances that wait for their session.

use rolecall_plugin_host::{Context, Limits, PluginHost, PolicyStream};
use tempfile::TempDir;

use crate::grants::{granted, taste, tasted};
use crate::guests::{component, config, folder, start};

const BY_SESSION: &str =
    "[sampler]\ncapabilities = [\"clock\", \"kv\", \"similarity\", \"embed\"]\nisolation = \"session\"\n";

fn sampler() -> (PluginHost, TempDir) {
    granted(&component("sampler"), BY_SESSION)
}

/// A reply judged piece by piece: how often its instance was asked, and by how many streams.
async fn streamed(host: &PluginHost) -> String {
    let stream = host.open("sampler", &taste("calls"), &Context::default()).await.expect("an instance");
    let mut stream = stream.expect("a stream");
    stream.push("a").await.expect("a judgement");
    stream.finish().await.expect("a judgement")[0].message.clone()
}

/// Fails when a session's instance is made anew each time, or serves anybody else: another session, other
/// parameters, or a caller without a session.
#[tokio::test]
async fn an_instance_serves_its_session_and_no_other() {
    let (host, _dir) = sampler();
    let (one, other) = (host.in_session("one"), host.pinned().in_session("other"));
    assert_eq!(tasted(&one, "calls", "").await.as_deref(), Ok("1 0"));
    assert_eq!(tasted(&one, "calls", "").await.as_deref(), Ok("2 0"));
    assert_eq!(streamed(&one).await, "3 1");
    assert_eq!(streamed(&host.pinned().in_session("one")).await, "4 2");
    assert_eq!(streamed(&other).await, "1 1");
    assert_eq!(tasted(&one, "clock", "").await.map(|time| time.len()), Ok(13), "with other parameters");
    for _ in 0..2 {
        assert_eq!(tasted(&host, "calls", "").await.as_deref(), Ok("1 0"), "without a session");
    }
    assert_eq!(tasted(&one, "calls", "").await.as_deref(), Ok("5 2"));
}

/// Two calls at once cannot have one instance, and neither can a stream and a call.
#[tokio::test]
async fn one_instance_serves_one_call_at_a_time() {
    let (host, _dir) = sampler();
    let host = host.in_session("one");
    assert_eq!(tasted(&host, "calls", "").await.as_deref(), Ok("1 0"));
    let open = host.open("sampler", &taste("calls"), &Context::default()).await.expect("an instance");
    assert_eq!(tasted(&host, "calls", "").await.as_deref(), Ok("1 0"), "the other is taken by the stream");
    // A stream that is given up gives its instance back; one waits for each session.
    drop(open);
    assert_eq!(tasted(&host, "calls", "").await.as_deref(), Ok("2 1"));
    assert_eq!(host.waiting(), 1);
}

/// Fails when an instance that failed is entered again, or one of a version that is no longer in force.
#[tokio::test]
async fn what_failed_or_was_exchanged_does_not_wait() {
    let dir =
        folder(&[("hostile.wasm", &component("hostile")), ("grants.toml", b"[hostile]\nisolation = \"session\"\n")]);
    let (host, report) = start(config(dir.path()));
    assert_eq!(report.refused, []);
    let session = host.in_session("one");
    let remembered = |host: PluginHost| async move {
        let found = host.check("hostile", &crate::guests::mode("remember"), &Context::default(), "x").await;
        found.expect("a judgement").len()
    };
    assert_eq!((remembered(session.clone()).await, remembered(session.clone()).await), (1, 2));
    let trap = session.check("hostile", &crate::guests::mode("trap"), &Context::default(), "x").await;
    assert_eq!(trap.expect_err("a trap").reason(), "trap");
    assert_eq!(remembered(session.clone()).await, 3, "its own instance is whole");

    std::fs::write(dir.path().join("grants.toml"), "").expect("no grants");
    let look = host.look().expect("a look");
    assert!(look.staged.iter().all(|staged| host.has(staged)), "it is the same plugin");
    assert_eq!(host.waiting(), 0, "it may keep its instances no longer");
    assert_eq!((remembered(session.clone()).await, remembered(session).await), (1, 1));
}

/// Fails when a wish alone is enough, or a grant alone.
#[tokio::test]
async fn isolation_by_session_is_asked_twice() {
    let (host, _dir) =
        granted(&component("sampler"), "[sampler]\ncapabilities = [\"clock\", \"kv\", \"similarity\", \"embed\"]\n");
    let host = host.in_session("one");
    for _ in 0..2 {
        assert_eq!(tasted(&host, "calls", "").await.as_deref(), Ok("1 0"));
    }
}

/// A reply is on its way while its plugin is exchanged: the ordinary case. Fails when its instance, which nobody can
/// take any more, is kept.
#[tokio::test]
async fn an_instance_of_a_version_that_has_gone_is_not_kept() {
    let (host, _dir) = sampler();
    let pinned = host.pinned().in_session("one");
    let open = pinned.open("sampler", &taste("calls"), &Context::default()).await.expect("an instance");
    host.adopt(&host.without("sampler"));
    open.expect("a stream").finish().await.expect("a judgement");
    assert_eq!(tasted(&pinned, "calls", "").await.as_deref(), Ok("1 0"));
    assert_eq!(host.waiting(), 0);
    host.adopt(&pinned);
    assert_eq!(tasted(&pinned, "calls", "").await.as_deref(), Ok("1 0"));
    assert_eq!(host.waiting(), 1, "it is in force again");
}

/// Fails when what waits takes the places of those who speak, or more and more of them wait.
#[tokio::test]
async fn those_who_speak_come_first() {
    let dir = folder(&[("sampler.wasm", &component("sampler")), ("grants.toml", BY_SESSION.as_bytes())]);
    let limits = Limits { streams: 8, ..Limits::default() };
    let (host, report) = start(config(dir.path()).with_limits(limits));
    assert_eq!(report.refused, []);
    for session in 0..300 {
        let host = host.in_session(&session.to_string());
        assert_eq!(tasted(&host, "calls", "").await.as_deref(), Ok("1 0"));
        assert!(host.waiting() <= 8, "{} wait", host.waiting());
    }
    let mut streams = Vec::new();
    for _ in 0..8 {
        let stream = host.open("sampler", &taste("calls"), &Context::default()).await.expect("an instance");
        streams.push(stream.expect("a stream"));
    }
    assert!(streams.iter().all(PolicyStream::holds_instance) && host.waiting() == 0);
}

/// Fails when an instance that was used for long, and has forgotten to free what it took, fails the reply of the
/// next turn.
#[tokio::test]
async fn a_failure_of_a_used_instance_is_not_the_last_word() {
    let (host, _dir) = sampler();
    let host = host.in_session("one");
    for turn in 1..=30 {
        let answer = tasted(&host, "tire", "").await;
        assert!(answer.is_ok(), "turn {turn}: {answer:?}");
    }
}
