use rolecall_plugin::testing::Delivery;
use rolecall_plugin::{MergedGroup, OfflineMessage, Verdict};
use serde::Deserialize;
use serde_json::Value;

use super::{MAX_TEXT_BYTES, Policy};

#[derive(Deserialize)]
struct Golden {
    params: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    window: Vec<Message>,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Message {
    id: String,
    role: String,
    intent: String,
    priority: u8,
    turn_id: u64,
    text: String,
    created_at_ms: u64,
}

#[derive(Deserialize)]
struct Group {
    members: Vec<usize>,
    text: Option<String>,
}

fn policy() -> Delivery<Policy> {
    Delivery::create("{}").unwrap()
}

#[test]
fn the_cases_hold() {
    let golden: Golden = serde_json::from_str(include_str!("../cases.json")).unwrap();
    let policy = Delivery::<Policy>::create(&golden.params.to_string()).unwrap();
    for case in golden.cases {
        let window: Vec<OfflineMessage> = case.window.into_iter().map(waiting).collect();
        let groups = case.groups.into_iter().map(|group| MergedGroup {
            members: group.members,
            text: group.text,
        });
        let merged = policy.merge(&window).unwrap();
        assert_eq!(merged, groups.collect::<Vec<_>>(), "{}", case.name);
    }
}

fn waiting(message: Message) -> OfflineMessage {
    OfflineMessage {
        id: message.id,
        role: message.role,
        intent: message.intent,
        priority: message.priority,
        turn_id: message.turn_id,
        text: message.text,
        created_at_ms: message.created_at_ms,
    }
}

#[test]
fn a_merged_text_has_an_end() {
    let long = OfflineMessage {
        text: "文".repeat(10_000),
        ..OfflineMessage::default()
    };
    let groups = policy().merge(&[long.clone(), long.clone(), long]).unwrap();
    assert_eq!(groups.len(), 2);
    assert!(
        groups
            .iter()
            .flat_map(|group| &group.text)
            .all(|text| text.len() <= MAX_TEXT_BYTES)
    );
}

#[test]
fn the_same_text_is_the_same() {
    let same = |a, b| policy().same(a, b).unwrap();
    assert_eq!(same("It left.", " It left.\n"), Verdict::Same);
    assert_eq!(same("It left.", "It leaves."), Verdict::Unsure);
}
