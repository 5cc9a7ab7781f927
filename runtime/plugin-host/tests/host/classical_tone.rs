use proptest::prelude::*;
use rolecall_plugin_host::{Context, PluginHost, PolicyViolation};
use serde_json::{Map, Value};

use crate::guests::{host, params};

async fn in_pieces(host: &PluginHost, params: &Map<String, Value>, pieces: &[String]) -> Vec<PolicyViolation> {
    let stream = host.open("classical_tone", params, &Context::default()).await.expect("an instance");
    let mut stream = stream.expect("a streaming plugin");
    let mut found = Vec::new();
    for piece in pieces {
        found.extend(stream.push(piece).await.expect("a judgement"));
    }
    found.extend(stream.finish().await.expect("a judgement"));
    found
}

#[tokio::test]
async fn says_what_it_is() {
    let host = host(&["classical_tone"]);
    let manifest = host.manifest("classical_tone").expect("loaded");
    assert!(manifest.streaming && manifest.version == "0.1.0" && manifest.params_schema["type"] == "object");
    assert_eq!(manifest.worlds, [rolecall_plugin_host::World::ConstraintPolicy]);
    assert_eq!(host.manifests(), [manifest]);
}

/// Whole and in any pieces, the component gives the same judgement.
#[test]
fn streams_like_the_whole() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let host = host(&["classical_tone"]);
    let words = prop::sample::select(vec![
        "手机",
        "手",
        "机",
        "小时候",
        "小时",
        "上班师",
        "上班",
        "OK",
        "ok",
        "k",
        "wi-fi",
        "wi",
        "ＨＩ",
        "，",
        "。",
        "公子",
        " ",
        "😀",
        "é",
    ]);
    let text = prop::collection::vec(words, 0..24).prop_map(|words| words.concat());
    let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..8);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let judged = runner.run(&(text, cuts, 0_u64..3), |(text, cuts, max)| {
        let params = params(&format!(r#"{{"max_modern": {max}}}"#));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<String> = cuts.windows(2).map(|cut| text[cut[0]..cut[1]].to_owned()).collect();
        let whole = runtime.block_on(host.check("classical_tone", &params, &Context::default(), &text));
        let streamed = runtime.block_on(in_pieces(&host, &params, &pieces));
        prop_assert_eq!(streamed, whole.expect("a judgement"), "in the pieces {:?}", pieces);
        Ok(())
    });
    judged.expect("the same judgement");
}
