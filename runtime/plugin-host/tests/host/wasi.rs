//! Guests whose standard library brings WASI along, with as little of it as there can be.

use rolecall_plugin_host::{CallError, PluginHost, inspect_component};
use tempfile::TempDir;

use crate::grants::{granted, tasted};
use crate::guests::sampler_with_wasi;

fn sampler() -> (PluginHost, TempDir) {
    granted(&sampler_with_wasi(), "[sampler]\ncapabilities = [\"clock\", \"kv\", \"similarity\", \"embed\"]\n")
}

#[tokio::test]
async fn a_component_of_the_compiler_runs_as_it_is() {
    let component = sampler_with_wasi();
    let seen = inspect_component("sampler", &component).expect("a component");
    assert!(seen.imports.iter().any(|import| import.starts_with("wasi:filesystem/types@0.2.")), "{:?}", seen.imports);
    let (host, _dir) = sampler();
    assert_eq!(tasted(&host, "similar", "ab|ab").await.as_deref(), Ok("1.0"));
    // std makes a random seed for every map; here it is the same for every instance.
    let order = tasted(&host, "map", "").await.expect("an order");
    assert_eq!(tasted(&host, "map", "").await, Ok(order));
    // Nothing is there, and time stands still at the beginning of 1970.
    assert_eq!(tasted(&host, "environment", "").await.as_deref(), Ok("0 0 true"));
    assert_eq!(tasted(&host, "time", "").await.as_deref(), Ok("0ns Ok(0ns)"));
    assert_eq!(tasted(&host, "print", "你好").await.as_deref(), Ok(""));
}

/// Fails when a guest reaches outside, holds a thread by waiting, or is stopped without a word of why.
#[tokio::test]
async fn what_has_power_fails_the_call_and_is_named() {
    let (host, dir) = sampler();
    std::fs::write(dir.path().join("secret"), "s3cret").expect("a file");
    let secret = dir.path().join("secret").display().to_string();
    let file = tasted(&host, "file", &secret).await;
    assert!(file.as_ref().is_ok_and(|said| !said.contains("s3cret") && said.contains("No such file")), "{file:?}");
    for (what, reply, named) in [
        ("sleep", "", "the policy called wasi:"),
        ("exit", "", "the policy called wasi:cli/exit#exit"),
        ("connect", "127.0.0.1:80", "the policy called wasi:sockets/"),
    ] {
        match tasted(&host, what, reply).await.expect_err(what) {
            CallError::Trap { message, .. } => assert!(message.contains(named), "{what}: {message}"),
            other => panic!("{what}: {other}"),
        }
    }
}

/// Fails when the reason that std prints is lost.
#[tokio::test]
async fn a_panic_is_told_in_its_words() {
    let (host, _dir) = sampler();
    let error = tasted(&host, "panic", "the moon is full").await.expect_err("a panic");
    assert_eq!(error.reason(), "trap");
    assert!(error.to_string().contains("the moon is full"), "{error}");
}
