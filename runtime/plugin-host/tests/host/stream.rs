use std::future::Future;
use std::pin::pin;
use std::task::{Context as TaskContext, Waker};
use std::time::Duration;

use rolecall_plugin_host::{Context, Limits, MAX_TEXT_BYTES, PluginHost, PolicyStream};

use crate::guests::{component, config, folder, host, mode, start};

async fn open(host: &PluginHost, sin: &str) -> PolicyStream {
    let stream = host.open("hostile", &mode(sin), &Context::default()).await;
    stream.expect("an instance").expect("a streaming plugin")
}

#[tokio::test]
async fn a_failed_push_ends_the_stream_and_says_so() {
    for (sin, reason) in [("spin", "deadline"), ("trap", "trap"), ("span_inside", "bad_span"), ("internal", "internal")]
    {
        let host = host(&["hostile"]);
        let mut stream = open(&host, sin).await;
        assert_eq!(stream.push("好").await.expect_err(sin).reason(), reason);
        assert_eq!(stream.push("好").await.expect_err("over").reason(), "poisoned");
        assert_eq!(stream.finish().await.expect_err("over").reason(), "poisoned");
    }
}

/// Spans count from the beginning of the stream, not of the piece.
#[tokio::test]
async fn spans_count_from_the_beginning() {
    let host = host(&["hostile"]);
    let mut stream = open(&host, "honest").await;
    assert_eq!(stream.push("好 ba").await.expect("a judgement"), []);
    let found = stream.push("d and bad").await.expect("a judgement");
    assert_eq!(found.iter().map(|v| v.spans[0].clone()).collect::<Vec<_>>(), [4..7, 12..15]);
    assert_eq!(stream.finish().await.expect("a judgement"), []);
}

/// Nobody knows how far a dropped push got.
#[tokio::test]
async fn a_dropped_push_poisons() {
    let host = host(&["hostile"]);
    let mut stream = open(&host, "spin").await;
    {
        let mut push = pin!(stream.push("好"));
        let mut task = TaskContext::from_waker(Waker::noop());
        assert!(push.as_mut().poll(&mut task).is_pending());
    }
    assert_eq!(stream.push("好").await.expect_err("over").reason(), "poisoned");
}

#[tokio::test]
async fn a_stream_is_bounded_and_survives_its_bound() {
    let host = host(&["hostile"]);
    let mut stream = open(&host, "honest").await;
    stream.push(&"x".repeat(MAX_TEXT_BYTES)).await.expect("a judgement");
    assert_eq!(stream.push("x").await.expect_err("too much").reason(), "input_too_large");
    assert_eq!(stream.finish().await.expect("a judgement"), []);
}

/// Streams hold instances; those are bounded, and dropped streams give them back. Fails when a stream
/// without a place judges otherwise than one with it, or holds an instance all the same.
#[tokio::test]
async fn a_stream_without_a_place_judges_alike() {
    let dir = folder(&[("hostile.wasm", &component("hostile"))]);
    let limits = Limits { streams: 12, ..Limits::default() };
    let (host, _) = start(config(dir.path()).with_limits(limits));
    let mut streams = Vec::new();
    for number in 0..20 {
        let stream = open(&host, "honest").await;
        assert_eq!(stream.holds_instance(), number < 12, "stream {number}");
        streams.push(stream);
    }
    for stream in &mut streams {
        assert_eq!(stream.push("好 ba").await.expect("a judgement"), []);
        let found = stream.push("d and bad").await.expect("a judgement");
        assert_eq!(found.iter().map(|v| v.spans[0].clone()).collect::<Vec<_>>(), [4..7, 12..15]);
        assert_eq!(stream.push("x").await.expect("a judgement"), []);
    }
    assert_eq!(streams.pop().expect("a stream").finish().await.expect("a judgement"), []);
    streams.truncate(11);
    assert!(open(&host, "honest").await.holds_instance(), "a place came free");
}

/// Fails when streams together take as much memory as they like.
#[tokio::test]
async fn streams_share_their_memory() {
    let dir = folder(&[("hostile.wasm", &component("hostile"))]);
    let limits = Limits { stream_bytes: 40 << 20, push: Duration::from_secs(5), ..Limits::default() };
    let (host, _) = start(config(dir.path()).with_limits(limits));
    let mut streams = Vec::new();
    while let stream = open(&host, "honest").await
        && stream.holds_instance()
    {
        streams.push(stream);
    }
    assert!((10..40).contains(&streams.len()), "{} instances of a megabyte and more in 40 MiB", streams.len());
    let found = open(&host, "honest").await.push("bad").await.expect("a judgement without a place");
    assert_eq!(found.len(), 1);
    streams.truncate(1);
    let mut greedy = open(&host, "hoard").await;
    assert!(greedy.holds_instance());
    assert_eq!(greedy.push("x").await.expect_err("too much").reason(), "memory");
}
