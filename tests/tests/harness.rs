//! The harness holds itself to account: a misbehaving upstream that behaved, or a client that missed
//! a cut connection, would let every other test pass for nothing.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use rolecall_tests::http::{Request, Response};
use rolecall_tests::upstream::{Body, End, KEY, LineEnd, Script, Upstream, directive};
use serde_json::{Value, json};

async fn ask(upstream: &Upstream, scripts: &[Script], stream: bool) -> Result<Response> {
    let url = upstream.url();
    let address: SocketAddr = url.trim_start_matches("http://").trim_end_matches("/v1").parse()?;
    let messages = json!([{"role": "user", "content": directive(scripts)}]);
    let body = json!({"model": "scripted", "stream": stream, "messages": messages});
    Request::post("/v1/chat/completions", &body).bearer(KEY).send(address).await
}

fn content(answer: &Response) -> String {
    let chunks = answer.events().into_iter().filter_map(|event| serde_json::from_str::<Value>(&event).ok());
    chunks.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_says_what_it_is_told_in_every_disguise() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    for write_bytes in [0, 1, 5] {
        for (line_end, escape, noise) in
            [(LineEnd::Lf, false, false), (LineEnd::CrLf, true, false), (LineEnd::Lf, true, true)]
        {
            let script = Script { write_bytes, line_end, escape, noise, ..Script::say(&["算", "法😀"]) };
            let answer = ask(&upstream, &[script], true).await?;
            ensure!(answer.complete && content(&answer) == "算法😀", "{}", answer.text());
            ensure!(answer.events().last().is_some_and(|last| last == "[DONE]"), "{}", answer.text());
            ensure!(!escape || answer.text().is_ascii(), "{}", answer.text());
        }
    }
    let whole = ask(&upstream, &[Script::say(&["a", "b"])], false).await?.expect(200)?;
    ensure!(whole["choices"][0]["message"]["content"] == "ab", "{whole}");
    ensure!(upstream.abandoned() == 0 && upstream.requests().len() == 10, "{}", upstream.requests().len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_fails_as_it_is_told_and_call_by_call() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let cut = ask(&upstream, &[Script { end: End::Cut, ..Script::say(&["a"]) }], true).await?;
    ensure!(!cut.complete && content(&cut) == "a", "the cut went unnoticed: {}", cut.text());
    let no_done = ask(&upstream, &[Script { end: End::NoDone, ..Script::say(&["a"]) }], true).await?;
    ensure!(no_done.complete && !no_done.text().contains("[DONE]"), "{}", no_done.text());
    let twice = [Script::fail(429, Body::Html), Script::say(&["good"])];
    ensure!(ask(&upstream, &twice, true).await?.status == 429);
    ensure!(content(&ask(&upstream, &twice, true).await?) == "good");
    ensure!(content(&ask(&upstream, &twice, true).await?) == "good", "the last script repeats");
    let stall = Script { end: End::Stall, ..Script::say(&["a"]) };
    let patience = std::time::Duration::from_millis(200);
    ensure!(tokio::time::timeout(patience, ask(&upstream, &[stall], true)).await.is_err(), "it did not stall");
    for _ in 0..100 {
        if upstream.open() == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    ensure!(upstream.abandoned() == 1, "leaving a stalled stream went unnoticed");
    Ok(())
}
