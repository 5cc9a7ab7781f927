use proptest::prelude::*;
use rolecall_plugin::testing::{Delivery, features};
use rolecall_plugin::{MergedGroup, OfflineMessage, PolicyError, Verdict};

use super::NumberGuard;

fn guard(params: &str) -> Delivery<NumberGuard> {
    Delivery::create(params).expect("usable parameters")
}

/// Asserts a verdict about each pair, in both orders.
fn judges(params: &str, verdict: Verdict, pairs: &[(&str, &str)]) {
    let guard = guard(params);
    for (a, b) in pairs {
        assert_eq!(guard.same(a, b), Ok(verdict), "{a} / {b}");
    }
}

fn keeps_apart(pairs: &[(&str, &str)]) {
    judges("{}", Verdict::Different, pairs);
}

fn leaves(pairs: &[(&str, &str)]) {
    judges("{}", Verdict::Unsure, pairs);
}

fn message(text: &str) -> OfflineMessage {
    OfflineMessage { text: text.into(), ..OfflineMessage::default() }
}

/// Fails when a resend, or a message that similarity alone can judge, is called different.
#[test]
fn without_a_difference_there_is_no_objection() {
    leaves(&[
        ("", ""),
        ("Order 1234 has left.", "Order 1234 has left!!"),
        ("订单1234已发货。", "订单１２３４已發貨"),
        ("See you at 10:30.", "see you at １０：３０"),
        ("The blue one", "The red one"),
        ("它特别好", "它非常好"),
    ]);
}

/// Fails when the host's numbers are not looked at, of any script or length.
#[test]
fn numbers_in_digits_keep_messages_apart() {
    keeps_apart(&[
        ("Order 1234 has left.", "Order 1235 has left."),
        ("订单1234已发货", "订单1235已发货"),
        ("Room 7", "Room 07"),
        ("at 3 for 4", "at 4 for 3"),
        ("٣ كتب", "٤ كتب"),
        ("Order 1234 has left.", "The order has left."),
    ]);
}

/// Fails when only the digits count: all of these have the same.
#[test]
fn what_joins_and_leads_digits_keeps_messages_apart() {
    keeps_apart(&[
        ("Set it to 5", "Set it to -5"),
        ("Set it to -5", "Set it to +5"),
        ("零上 5 度", "零上 −5 度"),
        ("costs 1.5", "costs 1:5"),
        ("from 3-5", "from 3 5"),
        ("on 1/2", "on 1.2"),
        ("costs $5", "costs €5"),
        ("costs $ 5", "costs 5"),
        ("-$5", "$5"),
    ]);
    leaves(&[
        ("1,200 items", "1 200 items"),
        ("pages 3–5", "pages 3-5"),
        // No minus: a name that is written in two ways.
        ("A-5 is free", "A5 is free"),
        ("￥5", "¥5"),
    ]);
}

/// Fails when a unit is not read, or its spellings count as different units.
#[test]
fn units_keep_messages_apart() {
    keeps_apart(&[
        ("5% off", "5 off"),
        ("Take 5 mg", "Take 5 g"),
        ("Take 5mg", "Take 5ml"),
        ("at 5 am", "at 5 pm"),
        ("3点到", "3分到"),
        ("3点到", "3点半到"),
        ("3天后", "3小时后"),
        ("三天后", "三小时后"),
        ("three days", "three hours"),
        ("10元", "10美元"),
        ("5元", "5万元"),
        ("3件", "3箱"),
        ("涨了3%", "涨了3个百分点"),
    ]);
    leaves(&[
        ("5% off", "5 percent off"),
        ("5 ％", "5%"),
        ("$5", "5 dollars"),
        ("¥5元", "5块钱"),
        ("3点到", "3點鐘到"),
        ("8日", "8号"),
        ("5 kg", "5 Kilograms"),
        ("at 5 p.m.", "at 5pm"),
        ("at 5 in the hall", "at 5 at the hall"),
        ("3 men", "3 mice"),
    ]);
}

/// Fails when only digits are numbers.
#[test]
fn numbers_in_words_and_signs_keep_messages_apart() {
    keeps_apart(&[
        ("下午三点见", "下午四点见"),
        ("二十人", "二、十人"),
        ("十一起案件", "十起案件"),
        ("百分之五", "千分之五"),
        ("at three", "at Four"),
        ("the first one", "the second one"),
        ("a dozen eggs", "a hundred eggs"),
        ("见附件①", "见附件②"),
        ("½ cup", "¼ cup"),
        ("10 m²", "10 m³"),
        ("at 3", "at three"),
    ]);
    leaves(&[
        ("两百元", "二百块"),
        ("三萬", "叁万"),
        ("看一下", "看看"),
        ("we left", "we lent"),
        ("Threepwood", "Fourier"),
    ]);
}

#[test]
fn days_and_times_keep_messages_apart() {
    keeps_apart(&[
        ("周一见", "周二见"),
        ("星期六见", "星期天见"),
        ("明天到", "后天到"),
        ("后天到", "大后天到"),
        ("上午到", "下午到"),
        ("on Monday", "on Tuesday"),
        ("2 May", "2 June"),
        ("today", "tomorrow"),
        ("next week", "last week"),
    ]);
    leaves(&[("周日见", "星期天见"), ("on Mon", "on monday"), ("5 Sept", "5 September"), ("周一", "星期一")]);
}

/// Fails when a denial is missed, or a word that only looks like one counts.
#[test]
fn denials_keep_messages_apart_unless_told_otherwise() {
    let pairs = [
        ("I agree.", "I don’t agree."),
        ("I can come", "I CANNOT come"),
        ("我同意", "我不同意"),
        ("他来了", "他没来了"),
        ("有货", "沒有货"),
        ("请走", "请别走"),
        ("我过去", "我不过去"),
    ];
    keeps_apart(&pairs);
    judges(r#"{"negation": false}"#, Verdict::Unsure, &pairs);
    leaves(&[
        ("I don't agree", "I do not agree"),
        ("他没来", "他沒來"),
        ("特别好", "好"),
        ("对不起，请稍等", "请稍等"),
        ("a note", "a knot"),
    ]);
}

/// Fails when the guard judges by texts alone: the host's numbers count even where it sees none.
#[test]
fn the_hosts_numbers_count() {
    let told = rolecall_plugin::Features { a_numbers: vec!["1".into()], ..features("x", "x") };
    assert_eq!(guard("{}").same_messages(&message("x"), &message("x"), &told), Ok(Verdict::Different));
}

#[test]
fn nothing_is_merged() {
    let window = [message("1"), message("1"), message("2")];
    let alone = |member: usize| MergedGroup { members: vec![member], text: None };
    assert_eq!(guard("{}").merge(&window), Ok(vec![alone(0), alone(1), alone(2)]));
    assert_eq!(guard("{}").merge(&[]), Ok(Vec::new()));
}

#[test]
fn unusable_parameters_are_named() {
    match Delivery::<NumberGuard>::create(r#"{"negations": true}"#) {
        Err(PolicyError::BadParams(bad)) => assert_eq!(bad.param, "negations"),
        other => panic!("{other:?}"),
    }
}

fn texts() -> impl Strategy<Value = String> {
    let parts = vec![
        "1", "23", "007", ".", ":", "-", "/", ",", " ", "$", "€", "%", "kg", "am", "三", "十", "万", "点", "半",
        "一下", "不", "don't", "not", "May", "five", "é", "😀", "²", "订单", "order",
    ];
    prop::collection::vec(prop::sample::select(parts), 0..16).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Fails when a message would not be its own resend, or when full-width forms count as a difference.
    #[test]
    fn a_text_is_like_itself_in_full_width(text in texts()) {
        let wide = |c: char| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xFEE0).unwrap_or(c) } else { c };
        let wide: String = text.chars().map(wide).collect();
        let guard = guard("{}");
        prop_assert_eq!(guard.same(&text, &text), Ok(Verdict::Unsure));
        prop_assert_eq!(guard.same(&text, &wide), Ok(Verdict::Unsure));
    }

    /// Fails when there is a digit, a sign of one or a Chinese numeral whose change nobody sees. The
    /// order of the messages never matters, which `same` asserts.
    #[test]
    fn a_changed_number_is_always_seen(
        head in texts(),
        tail in texts(),
        change in prop::sample::select(vec![("1", "2"), ("三", "四"), ("②", "③"), (" five ", " six "), ("٣", "٤")]),
    ) {
        let (a, b) = (format!("{head}{}{tail}", change.0), format!("{head}{}{tail}", change.1));
        prop_assert_eq!(guard("{}").same(&a, &b), Ok(Verdict::Different), "{} / {}", a, b);
    }
}
