use std::collections::BTreeSet;

use proptest::prelude::*;
use rolecall_plugin_host::OfflineMessage;

use crate::guests::{host, params};

fn message(number: usize, role: &str, intent: &str, turn_id: u64) -> OfflineMessage {
    OfflineMessage {
        biz_id: format!("m{number}"),
        role: role.into(),
        intent: intent.into(),
        priority: 1,
        turn_id,
        text: format!("<part {number}>"),
        created_at_ms: 0,
    }
}

/// Every message is in exactly one group and in its text; groups are of one role and intent; and no
/// two continuous turns of one role and intent are apart.
#[test]
fn partitions_and_keeps_continuous_turns_together() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let host = host(&["digest"]);
    let messages = prop::collection::vec(
        (prop::sample::select(vec!["a", "b"]), prop::sample::select(vec!["x", "y"]), 0_u64..12),
        0..24,
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let merged = runner.run(&(messages, 2_usize..5), |(messages, max)| {
        let window: Vec<_> = messages
            .iter()
            .enumerate()
            .map(|(number, (role, intent, turn))| message(number, role, intent, *turn))
            .collect();
        let params = params(&format!(r#"{{"max_group": {max}}}"#));
        let groups = runtime.block_on(host.merge("digest", &params, &window)).expect("a merge");
        let mut group_of = vec![usize::MAX; window.len()];
        for (number, group) in groups.iter().enumerate() {
            let topics: BTreeSet<_> = group.members.iter().map(|at| (&window[*at].role, &window[*at].intent)).collect();
            prop_assert_eq!(topics.len(), 1);
            prop_assert_eq!(group.text.is_some(), group.members.len() > 1);
            for at in &group.members {
                prop_assert_eq!(std::mem::replace(&mut group_of[*at], number), usize::MAX);
                prop_assert!(group.text.as_ref().is_none_or(|text| text.contains(&window[*at].text)));
            }
        }
        prop_assert!(!group_of.contains(&usize::MAX));
        for (at, a) in window.iter().enumerate() {
            for (bt, b) in window.iter().enumerate() {
                // Turn 0 is no turn.
                let turns = a.turn_id.min(b.turn_id) > 0 && a.turn_id.abs_diff(b.turn_id) <= 1;
                let continuous = turns && a.role == b.role && a.intent == b.intent;
                prop_assert!(!continuous || group_of[at] == group_of[bt], "{at} and {bt} are apart");
            }
        }
        Ok(())
    });
    merged.expect("good groups");
}

/// Large messages are nobody's fault: fails when they rest the plugin, or when what comes back is
/// too much for the host.
#[tokio::test]
async fn large_messages_are_delivered_and_rest_nobody() {
    let host = host(&["digest"]);
    let large = |bytes: usize, count: usize| -> Vec<OfflineMessage> {
        let text = "长\n".repeat(bytes / 4);
        (0..count).map(|at| OfflineMessage { text: text.clone(), ..message(at, "a", "x", 7) }).collect()
    };
    for (bytes, count) in [(40 << 10, 20), (100 << 10, 10), (2 << 10, 500)] {
        for _ in 0..6 {
            let groups = host.merge("digest", &params("{}"), &large(bytes, count)).await.expect("a merge");
            assert_eq!(groups.iter().map(|group| group.members.len()).sum::<usize>(), count);
        }
    }
}
