use rolecall_plugin::testing::Delivery;
use rolecall_plugin::{MergedGroup, OfflineMessage, PolicyError};

use super::Digest;

fn message(role: &str, intent: &str, turn_id: u64, text: &str) -> OfflineMessage {
    OfflineMessage { role: role.into(), intent: intent.into(), turn_id, text: text.into(), ..OfflineMessage::default() }
}

fn merge(params: &str, window: &[OfflineMessage]) -> Vec<MergedGroup> {
    Delivery::<Digest>::create(params).expect("usable parameters").merge(window).expect("a merge")
}

fn members(groups: &[MergedGroup]) -> Vec<Vec<usize>> {
    groups.iter().map(|group| group.members.clone()).collect()
}

#[test]
fn nothing_and_one_message_stay_as_they_are() {
    assert_eq!(merge("{}", &[]), []);
    let alone = merge("{}", &[message("coach", "run", 1, "Go!")]);
    assert_eq!(alone, [MergedGroup { members: vec![0], text: None }]);
}

#[test]
fn role_and_intent_make_a_group_and_turns_its_order() {
    let window = [
        message("support", "refund", 3, "It is on its way."),
        message("coach", "run", 1, "Shoes on!"),
        message("support", "refund", 2, "We got your letter.\nThanks."),
        message("support", "invoice", 2, "Attached."),
    ];
    let groups = merge("{}", &window);
    assert_eq!(members(&groups), [vec![2, 0], vec![1], vec![3]]);
    assert_eq!(
        groups[0].text.as_deref(),
        Some(
            "While you were away, support wrote 2 messages about “refund”:\n1. We got your letter.\n   Thanks.\n2. It is on its way."
        )
    );
}

#[test]
fn chinese_messages_get_a_chinese_digest() {
    let window = [message("客服", "退款", 1, "已收到 your order ABC。"), message("客服", "退款", 2, "款项明日到账。")];
    let text = merge("{}", &window)[0].text.clone().expect("a text");
    assert_eq!(text, "你不在时，客服 就“退款”发来 2 条消息：\n1. 已收到 your order ABC。\n2. 款项明日到账。");
}

/// Fails when a group is cut at its size instead of between turns.
#[test]
fn continuous_turns_are_never_split() {
    let turns = |turns: &[u64]| turns.iter().map(|turn| message("a", "b", *turn, "x")).collect::<Vec<_>>();
    let split = |window: &[u64]| members(&merge(r#"{"max_group": 2}"#, &turns(window)));
    assert_eq!(split(&[1, 2, 3, 9]), [vec![0, 1, 2], vec![3]]);
    assert_eq!(split(&[1, 3, 5, 7]), [vec![0, 1], vec![2, 3]]);
    assert_eq!(split(&[1, 4, 5, 8]), [vec![0], vec![1, 2], vec![3]]);
    assert_eq!(split(&[5, 5, 5]), [vec![0, 1, 2]]);
    assert_eq!(split(&[u64::MAX, 0]), [vec![1, 0]]);
}

#[test]
fn unusable_parameters_are_named() {
    for params in [r#"{"max_group": 1}"#, r#"{"max_group": 501}"#, r#"{"max_groups": 3}"#] {
        match Delivery::<Digest>::create(params) {
            Err(PolicyError::BadParams(bad)) => assert!(bad.param.starts_with("max_group"), "{bad:?}"),
            other => panic!("{other:?}"),
        }
    }
}
