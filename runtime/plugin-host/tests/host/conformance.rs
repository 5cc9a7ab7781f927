use rolecall_plugin_host::{Promise, conformance, measure};

use crate::guests::{component, host, mode, params};

async fn broken(sin: &str) -> Vec<Promise> {
    let host = host(&["hostile"]);
    let promises = conformance(&host, "hostile", &mode(sin), &["a bad word".into()]).await;
    assert!(promises.iter().all(|promise| promise.tries > 0), "{promises:?}");
    promises.into_iter().filter(|promise| promise.broken.is_some()).collect()
}

/// Fails when a broken promise is not told, or a kept one is.
#[tokio::test]
async fn broken_promises_are_told() {
    assert_eq!(broken("honest").await, []);
    for (sin, reason) in [("trap", "trap"), ("span_inside", "span"), ("internal", "failed"), ("spin", "ms")] {
        let promises = broken(sin).await;
        let said: Vec<_> = promises.iter().filter_map(|promise| promise.broken.as_deref()).collect();
        assert!(!said.is_empty(), "{sin}");
        assert!(said.iter().any(|why| why.contains(reason)), "{sin}: {said:?}");
    }
}

#[tokio::test]
async fn what_ships_keeps_its_promises() {
    for (name, given) in
        [("classical_tone", r#"{"extra": ["wine"]}"#), ("digest", "{}"), ("legacy", r#"{"word": "x"}"#)]
    {
        let host = host(&[name]);
        let more = ["公子可有手机？ wine".into()];
        let promises = conformance(&host, name, &params(given), &more).await;
        assert!(promises.len() > 1 && promises.iter().all(|promise| promise.broken.is_none()), "{name}: {promises:?}");
    }
}

#[test]
fn a_plugin_is_measured_and_a_refused_one_is_not() {
    let tone = component("classical_tone");
    let figures = measure(&tone, &params("{}"), "公子可有手机？").expect("figures");
    assert_eq!((figures.size, figures.calls.len()), (tone.len(), 6));
    assert!(figures.calls.iter().all(|(_, spread)| spread.p50 <= spread.p99));
    let said = measure(&component("hostile"), &mode("trap"), "x").expect_err("a trap");
    assert!(said.contains("trap"), "{said}");
}
