//! Three servers on one Redis behind a balancer without stickiness: any of them serves any request.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

mod cancel;
mod heard;
mod peers;
mod roundabout;
mod tls;

use std::net::SocketAddr;

use anyhow::Result;
use rolecall_tests::cluster::Cluster;
use rolecall_tests::http::Request;
use rolecall_tests::server::Options;
use rolecall_tests::upstream::{Script, Upstream, directive};
use serde_json::Value;

/// A reply of so many pieces, so far apart.
fn story(round: usize, pieces: usize, gap_ms: u64) -> String {
    let pieces = (0..pieces).map(|part| format!("第{round}回之{part}，且听下文分解。")).collect();
    directive(&[Script { pieces, gap_ms, ..Script::default() }])
}

async fn cluster(upstream: &Upstream, flags: &[(&str, &str)]) -> Result<Cluster> {
    let options = Options { quiet: true, ..Options::upstream(&upstream.url()) };
    let options = flags.iter().fold(options, |options, (name, value)| options.flag(name, value));
    Cluster::start(3, &options.flag("--node-lease", "1s")).await
}

fn addresses(cluster: &Cluster) -> Result<Vec<SocketAddr>> {
    (0..cluster.len()).map(|node| Ok(cluster.node(node)?.address())).collect()
}

/// One request, its status and its answer's JSON.
async fn call(to: SocketAddr, method: &str, path: &str, bearer: &str, body: Option<&Value>) -> Result<(u16, Value)> {
    let mut request = Request::new(method, path).bearer(bearer);
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string().into_bytes());
    }
    let response = request.send(to).await?;
    Ok((response.status, response.json().unwrap_or(Value::Null)))
}
