use rolecall_plugin::testing::Constraint;
use rolecall_plugin::{PolicyError, Violation};

use super::ClassicalTone;

fn tone(params: &str) -> Constraint<ClassicalTone> {
    Constraint::create(params).expect("usable parameters")
}

fn words(params: &str, reply: &str) -> Vec<String> {
    let found = tone(params).check(reply).expect("a judgement");
    found.iter().map(|violation| at(reply, violation).to_owned()).collect()
}

fn at<'a>(reply: &'a str, violation: &Violation) -> &'a str {
    reply.get(violation.spans[0].clone()).expect("a part of the reply")
}

#[test]
fn names_the_word_its_place_and_what_to_say() {
    let reply = "公子可有手机？";
    let found = tone("{}").check(reply).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(at(reply, &found[0]), "手机");
    assert!(found[0].message.contains("手机"), "{}", found[0].message);
    assert_eq!(found[0].suggestion.as_deref(), Some("传音符"));
}

#[test]
fn classical_text_passes() {
    assert_eq!(words("{}", "相公远来，请用一盏清茶。妾身已备下客房，明日辰时再叙。"), Vec::<String>::new());
}

#[test]
fn both_scripts_and_latin_words_are_found() {
    assert_eq!(words("{}", "打電話，ＯＫ，Wi-Fi，拜拜"), ["電話", "ＯＫ", "Wi-Fi", "拜拜"]);
}

/// A Latin word inside a longer one is not that word: "hi" in "chi", "ai" in "tai".
#[test]
fn latin_words_have_boundaries() {
    assert_eq!(words("{}", "taichi hit okra ai2 2ai"), Vec::<String>::new());
    assert_eq!(words("{}", "说hi，再说AI。"), ["hi", "AI"]);
}

/// Without the longer classical words, 上班 would be found in 上班师.
#[test]
fn classical_neighbours_hide_a_word() {
    assert_eq!(words("{}", "圣上班师回朝，随手机变，小时候之事。"), Vec::<String>::new());
    assert_eq!(words("{}", "明日上班。"), ["上班"]);
}

#[test]
fn max_modern_tolerates_the_first_ones() {
    assert_eq!(words(r#"{"max_modern": 2}"#, "手机、电脑、汽车、飞机"), ["汽车", "飞机"]);
}

#[test]
fn extra_and_allow_change_the_list() {
    assert_eq!(words(r#"{"extra": ["灵石币"], "allow": ["手机"]}"#, "手机与灵石币与电脑"), ["灵石币", "电脑"]);
    // A longer allowed word hides the modern one inside it only there.
    assert_eq!(words(r#"{"allow": ["手机山庄"]}"#, "手机山庄有手机"), ["手机"]);
}

#[test]
fn unusable_parameters_are_named() {
    let refused = |params| match Constraint::<ClassicalTone>::create(params) {
        Err(PolicyError::BadParams(bad)) => bad.param,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(r#"{"extra": [" "]}"#), "extra");
    assert_eq!(
        refused(r#"{"allow": ["一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二三四五"]}"#),
        "allow"
    );
    assert_eq!(refused(r#"{"max": 1}"#), "max");
}

/// Fails when a decision is made before the text that could change it has arrived.
#[test]
fn streams_like_the_whole() {
    let texts = [
        "请拨打电话，再用手机看视频，OK？",
        "圣上班师回朝，明日上班",
        "hi-fi wi-fi Wi-Fihi ok okay oka",
        "语言模型与语言",
        "小时小时候小时了",
        "",
    ];
    for text in texts {
        tone("{}").assert_streams(text);
        tone(r#"{"max_modern": 1, "allow": ["手机看"]}"#).assert_streams(text);
    }
}
