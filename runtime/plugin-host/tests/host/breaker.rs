use std::time::Duration;

use rolecall_plugin_host::{CallError, Context, PluginHost, PolicyStream};

use crate::guests::{host, mode};

async fn check(host: &PluginHost, sin: &str) -> Result<usize, CallError> {
    host.check("hostile", &mode(sin), &Context::default(), "bad").await.map(|found| found.len())
}

async fn open(host: &PluginHost, sin: &str) -> Result<PolicyStream, CallError> {
    host.open("hostile", &mode(sin), &Context::default()).await.map(|stream| stream.expect("a streaming plugin"))
}

/// Five failures rest the plugin; the trial after the rest decides what follows.
#[tokio::test(start_paused = true)]
async fn five_failures_rest_a_plugin() {
    let host = host(&["hostile"]);
    for _ in 0..5 {
        assert_eq!(check(&host, "trap").await.expect_err("a trap").reason(), "trap");
    }
    let open = check(&host, "honest").await.expect_err("at rest");
    assert_eq!(open, CallError::BreakerOpen { plugin: "hostile".into(), retry_in: Duration::from_secs(1) });
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(check(&host, "trap").await.expect_err("the trial").reason(), "trap");
    let open = check(&host, "honest").await.expect_err("at rest again");
    assert_eq!(open, CallError::BreakerOpen { plugin: "hostile".into(), retry_in: Duration::from_secs(2) });
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(check(&host, "honest").await, Ok(1));
    assert_eq!(check(&host, "honest").await, Ok(1));
}

/// Parameters are the contract's fault, and a missing plugin nobody's: neither rests a plugin.
#[tokio::test(start_paused = true)]
async fn the_faults_of_others_do_not_count() {
    let host = host(&["hostile"]);
    for _ in 0..8 {
        assert_eq!(check(&host, "bad_params").await.expect_err("refused").reason(), "bad_params");
    }
    assert_eq!(check(&host, "honest").await, Ok(1));
}

/// A stream proves itself at its end, not by having been opened: as long as it did, a policy that
/// fails in `push` only was never at rest for more than a second.
#[tokio::test(start_paused = true)]
async fn a_policy_that_fails_while_it_streams_rests_longer_each_time() {
    let host = host(&["hostile"]);
    for _ in 0..5 {
        let mut stream = open(&host, "trap").await.expect("admitted");
        assert_eq!(stream.push("x").await.expect_err("a trap").reason(), "trap");
    }
    for rest in [1, 2, 4, 8] {
        let at_rest = open(&host, "trap").await.expect_err("at rest");
        assert_eq!(at_rest, CallError::BreakerOpen { plugin: "hostile".into(), retry_in: Duration::from_secs(rest) });
        tokio::time::advance(Duration::from_secs(rest)).await;
        let mut trial = open(&host, "trap").await.expect("the trial");
        // Another question about the same reply is a trial too.
        let mut other = open(&host, "trap").await.expect("a trial");
        assert_eq!(trial.push("x").await.expect_err("a trap").reason(), "trap");
        assert_eq!(other.push("x").await.expect_err("a trap").reason(), "trap");
    }
    tokio::time::advance(Duration::from_secs(16)).await;
    let mut trial = open(&host, "honest").await.expect("the trial");
    assert_eq!(trial.push("bad").await.expect("a judgement").len(), 1);
    trial.finish().await.expect("a judgement");
    assert_eq!(check(&host, "honest").await, Ok(1));
}

/// A stream that is given up counts if it was judged in part, and says nothing if it was not.
#[tokio::test(start_paused = true)]
async fn a_dropped_stream_ends_no_rest_unless_it_was_judged() {
    let host = host(&["hostile"]);
    for _ in 0..5 {
        assert_eq!(check(&host, "trap").await.expect_err("a trap").reason(), "trap");
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    drop(open(&host, "honest").await.expect("the trial"));
    assert_eq!(check(&host, "trap").await.expect_err("still a trial").reason(), "trap");
    assert_eq!(check(&host, "honest").await.expect_err("a longer rest").reason(), "breaker_open");
    tokio::time::advance(Duration::from_secs(2)).await;
    let mut second = open(&host, "honest").await.expect("the trial, again");
    second.push("bad").await.expect("a judgement");
    drop(second);
    for _ in 0..4 {
        assert_eq!(check(&host, "trap").await.expect_err("no rest").reason(), "trap");
    }
    assert_eq!(check(&host, "honest").await, Ok(1));
}

/// A policy that opens no stream judges the whole: that call is the trial then.
#[tokio::test(start_paused = true)]
async fn a_policy_without_a_stream_keeps_its_trial() {
    let host = host(&["hostile"]);
    for _ in 0..5 {
        assert_eq!(check(&host, "trap").await.expect_err("a trap").reason(), "trap");
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    let stream = host.open("hostile", &mode("no_stream"), &Context::default()).await;
    assert!(stream.expect("the trial").is_none());
    assert_eq!(check(&host, "no_stream").await, Ok(1));
    assert_eq!(check(&host, "honest").await, Ok(1));
}

/// That a policy can be made says nothing of its work, and refused parameters say nothing at all.
#[tokio::test(start_paused = true)]
async fn making_a_policy_ends_no_rest() {
    let host = host(&["hostile"]);
    for _ in 0..5 {
        assert_eq!(check(&host, "trap").await.expect_err("a trap").reason(), "trap");
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(host.validate("hostile", &mode("honest")).await, Ok(()));
    assert_eq!(check(&host, "bad_params").await.expect_err("refused").reason(), "bad_params");
    assert_eq!(check(&host, "trap").await.expect_err("the trial").reason(), "trap");
    let at_rest = check(&host, "honest").await.expect_err("at rest");
    assert_eq!(at_rest, CallError::BreakerOpen { plugin: "hostile".into(), retry_in: Duration::from_secs(2) });
}
