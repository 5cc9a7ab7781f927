use std::time::Duration;

use rolecall_plugin_host::{CallError, Context, PluginHost};

use crate::guests::{host, mode};

async fn check(host: &PluginHost, sin: &str) -> Result<usize, CallError> {
    host.check("hostile", &mode(sin), &Context::default(), "bad").await.map(|found| found.len())
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
