//! Damaged components: the host goes on, whatever was damaged.

use rolecall_plugin_host::Context;

use crate::guests::{component, config, folder, params, start};

/// Cut off anywhere, a component is refused.
#[test]
fn truncated_components_are_refused() {
    let tone = component("classical_tone");
    let files: Vec<(String, &[u8])> =
        (0..48).map(|step| (format!("cut{step:02}.wasm"), &tone[..tone.len() * step / 48])).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let dir = folder(&files);
    let (_, report) = start(config(dir.path()));
    assert_eq!(report.refused.len(), 48, "{:?}", report.loaded);
}

/// With one bit flipped, a component is refused or, where the bit does not matter to the format,
/// its calls end with an answer or a named failure.
#[tokio::test]
async fn flipped_bits_never_take_the_host_down() {
    let tone = component("digest");
    let mut at = 12_345_usize;
    for _ in 0..10 {
        at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut flipped = tone.clone();
        let place = (at >> 16) % flipped.len();
        flipped[place] ^= 1 << (at >> 60 & 7);
        let dir = folder(&[("digest.wasm", &flipped)]);
        // Not the shared cache: nothing would ever remove these entries.
        let (host, report) = start(rolecall_plugin_host::HostConfig::new(dir.path()).with_workers(1));
        assert_eq!(report.loaded.len() + report.refused.len(), 1);
        match host.merge("digest", &params("{}"), &[]).await {
            Ok(groups) => assert_eq!(groups, [], "flipped bit {place}"),
            Err(error) => assert_ne!(error.reason(), "aborted", "flipped bit {place}: {error}"),
        }
    }
    let dir = folder(&[("digest.wasm", &tone)]);
    let (host, _) = start(config(dir.path()));
    assert_eq!(
        host.check("digest", &params("{}"), &Context::default(), "").await.expect_err("").reason(),
        "wrong_world"
    );
}
