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

/// Messages that nobody gave a turn all have turn 0; as one run, `max_group` would never apply.
#[test]
fn messages_without_a_turn_are_split() {
    let turns = |turns: &[u64]| turns.iter().map(|turn| message("a", "b", *turn, "x")).collect::<Vec<_>>();
    let split = |window: &[u64]| members(&merge(r#"{"max_group": 2}"#, &turns(window)));
    assert_eq!(split(&[0, 0, 0, 0, 0]), [vec![0, 1], vec![2, 3], vec![4]]);
    assert_eq!(split(&[0, 1, 2]), [vec![0, 1, 2]]);
    assert_eq!(split(&[0, 0, 1, 1]), [vec![0], vec![1, 2, 3]]);
}

/// Fails when large messages make a text that the server refuses. Each message is there once.
#[test]
fn texts_stay_within_what_the_server_takes() {
    let window = |bytes: usize, count: u64, step: u64| -> Vec<OfflineMessage> {
        (1..=count).map(|turn| message("a", "b", turn * step, &"a\n".repeat(bytes / 2))).collect()
    };
    for (bytes, count, step) in [(30 << 10, 5, 1), (30 << 10, 5, 9), (70 << 10, 3, 1), (10 << 10, 100, 1)] {
        let groups = merge(r#"{"max_group": 500}"#, &window(bytes, count, step));
        let texts: Vec<usize> = groups.iter().filter_map(|group| group.text.as_ref()).map(String::len).collect();
        assert!(texts.iter().all(|bytes| *bytes <= 64 << 10), "{texts:?}");
        assert!(texts.iter().sum::<usize>() <= 768 << 10, "{texts:?}");
        let all: Vec<usize> = members(&groups).into_iter().flatten().collect();
        assert!(all.iter().copied().eq(0..all.len()) && all.len() as u64 == count, "{all:?}");
    }
    let groups = merge("{}", &window(20 << 10, 4, 1));
    assert_eq!(members(&groups), [vec![0], vec![1], vec![2], vec![3]], "each line takes three bytes more");
    let long = "长".repeat(7 << 10);
    let groups = merge("{}", &(1..=4).map(|turn| message("a", "b", turn, &long)).collect::<Vec<_>>());
    assert_eq!(members(&groups), [vec![0, 1, 2], vec![3]]);
    assert_eq!(groups[1].text, None);
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
