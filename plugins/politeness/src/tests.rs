use proptest::prelude::*;
use rolecall_plugin::testing::Constraint;
use rolecall_plugin::{Context, PolicyError, Severity, Violation};

use super::{Politeness, lexicon};

const NIN: &str = r#"{"address": "nin"}"#;

fn policy(params: &str) -> Constraint<Politeness> {
    Constraint::create(params).expect("usable parameters")
}

fn at<'a>(reply: &'a str, violation: &Violation) -> &'a str {
    reply.get(violation.spans[0].clone()).expect("a part of the reply")
}

/// What is found, as it stands in the reply.
fn words<'a>(params: &str, reply: &'a str) -> Vec<&'a str> {
    policy(params).check(reply).expect("a judgement").iter().map(|violation| at(reply, violation)).collect()
}

/// The reply after every suggestion was taken.
fn mended(params: &str, reply: &str) -> String {
    let mut mended = reply.to_owned();
    for violation in policy(params).check(reply).expect("a judgement").iter().rev() {
        mended.replace_range(violation.spans[0].clone(), violation.suggestion.as_deref().expect("a suggestion"));
    }
    mended
}

#[test]
fn names_the_word_its_place_and_what_to_say() {
    let reply = "客官，闭嘴！";
    let found = policy("{}").check(reply).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((at(reply, &found[0]), found[0].rule.as_str()), ("闭嘴", "rude_word"));
    assert!(found[0].message.contains("闭嘴"), "{}", found[0].message);
    assert_eq!(mended("{}", reply), "客官，先听我说！");
    assert_eq!(mended("{}", "That is NONE of your business."), "That is not for me to say.");
}

/// Fails when one language is judged only where it is the role's own.
#[test]
fn both_languages_are_judged_whatever_the_role_speaks() {
    for language in ["zh", "en"] {
        let policy = policy("{}").with_context(Context { role: "host".into(), language: language.into() });
        assert_eq!(policy.check("你这个废物, you idiot, 你這廢物").unwrap().len(), 3);
    }
}

/// Fails when a rude word is found inside a polite one: `ass` in `assistant`, `crap` in `scrap`.
#[test]
fn english_words_have_boundaries() {
    let polite = "You're an assistant; scrap it, Mr Shitake. The idiot2 shuts up shop: we shut up shop. Damné.";
    assert_eq!(words("{}", polite), Vec::<&str>::new());
    assert_eq!(words("{}", "您这idiot，crap。"), ["idiot", "crap"]);
}

/// Fails when typographer's quotes, capitals, full-width letters or a line's end hide a phrase.
#[test]
fn spelling_does_not_matter() {
    let reply = "You’re useless. YOU'RE USELESS! Shut\nup, ｉｄｉｏｔ.";
    assert_eq!(words("{}", reply), ["You’re useless", "YOU'RE USELESS", "Shut\nup", "ｉｄｉｏｔ"]);
}

/// Fails when 您 is demanded unasked, or when 您 itself or English is taken for 你.
#[test]
fn nin_is_demanded_only_where_address_says_so() {
    for params in ["{}", r#"{"address": "any"}"#] {
        assert_eq!(words(params, "你好，妳好，您好。"), Vec::<&str>::new());
    }
    assert_eq!(words(NIN, "你好，妳好，您好, you."), ["你", "妳"]);
    assert_eq!(policy(NIN).check("你").unwrap()[0].rule, "familiar_address");
    assert_eq!(mended(NIN, "你的订单，请你查收，随你。"), "您的订单，请您查收，随您。");
}

/// Fails when a word of a bank, a surgery, a nursery or a form is taken for a rude one.
#[test]
fn what_only_looks_rude_passes() {
    for reply in [
        "本人渣打银行账户已开通。",
        "妈妈逼我练琴。",
        "术后大脑残留病灶较小。",
        "他妈的手术很顺利。",
        "None of your business contacts will be shared.",
    ] {
        assert_eq!(words("{}", reply), Vec::<&str>::new(), "{reply}");
    }
    assert_eq!(words(NIN, "我想告诉你我的看法。"), ["你"]);
}

/// Fails when the plural, which 您 does not have, or a set phrase is to be “mended”.
#[test]
fn the_plural_and_set_phrases_address_nobody() {
    assert_eq!(words(NIN, "你们、你們好，迷你车，拼个你死我活，你来我往。"), Vec::<&str>::new());
    assert_eq!(words(NIN, "迷你车给你，你死了心吧，你来我家，你们"), ["你", "你", "你"]);
}

/// Fails when one rude phrase is told twice: as itself, and for the 你 in it.
#[test]
fn a_rude_phrase_is_one_violation() {
    assert_eq!(words(NIN, "关你屁事，懒得理你"), ["关你屁事", "懒得理你"]);
}

/// Fails when innocent text that runs into a rude word is found.
#[test]
fn innocent_text_passes() {
    let texts = [
        "其他妈的问题请看这里，吉他妈妈也会弹。",
        "请给我滚动一下页面；水滚开了，球滚出去了。",
        "红方走卧槽马。不要脸朝下趴着，放射性废物另行处理。",
        "您没有病吧？周围神经病变要早治。",
        "If you get lost on the trail, the screw you need is here. I don't care for tea.",
    ];
    for text in texts {
        assert_eq!(words("{}", text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn extra_and_allow_change_the_list() {
    let params = r#"{"address": "nin", "extra": ["老六", "Noob"], "allow": ["闭嘴", "爱你", "damn it"]}"#;
    assert_eq!(words(params, "老六闭嘴，noobs，noob，我爱你，给你。"), ["老六", "noob", "你"]);
    // A longer allowed word hides the rude one inside it only there.
    assert_eq!(words(params, "damn it, damn"), ["damn"]);
}

/// Fails when the severity of the parameters does not reach every rule.
#[test]
fn severity_is_that_of_the_parameters() {
    let severities = |params: &str| -> Vec<Severity> {
        policy(params).check("你，闭嘴").unwrap().iter().map(|violation| violation.severity).collect()
    };
    assert_eq!(severities(NIN), [Severity::Error, Severity::Error]);
    let warning = r#"{"address": "nin", "severity": "warning"}"#;
    assert_eq!(severities(warning), [Severity::Warning, Severity::Warning]);
}

#[test]
fn unusable_parameters_are_named() {
    let refused = |params| match Constraint::<Politeness>::create(params) {
        Err(PolicyError::BadParams(bad)) => bad.param,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(r#"{"extra": [" "]}"#), "extra");
    assert_eq!(refused(r#"{"allow": [""]}"#), "allow");
    assert_eq!(refused(r#"{"adress": "nin"}"#), "adress");
    assert!(Constraint::<Politeness>::create(r#"{"address": "ni"}"#).is_err());
}

/// Fails when an entry of the list can never be found, because it is misspelt, listed as fine too, or
/// not in its folded form; or when what is said instead is rude or addresses a friend.
#[test]
fn every_word_of_the_list_is_found_and_no_suggestion_is() {
    let nin = policy(NIN);
    for (word, instead) in lexicon::RUDE_ZH.iter().chain(lexicon::RUDE_EN) {
        let text = format!("，{word}。");
        assert_eq!(words(NIN, &text), [*word]);
        assert_eq!(nin.check(instead), Ok(Vec::new()), "{word}");
    }
    for word in lexicon::FINE.iter().chain(lexicon::ADDRESSES_NOBODY) {
        assert_eq!(nin.check(word), Ok(Vec::new()), "{word}");
    }
}

fn texts() -> impl Strategy<Value = String> {
    let broken = [
        "你", "们", "死", "我", "活", "关你", "屁事", "闭", "嘴", "滚", "给我", "动", "shut", " ", "\n", "up", "You",
        "’", "'", "re",
    ];
    let others = ["an ass", "istant", "ｄａｍｎ", "it", "，", "é", "😀", "2", "useless", "shop"];
    let whole = lexicon::RUDE_ZH.iter().chain(lexicon::RUDE_EN).map(|(word, _)| *word);
    let whole = whole.chain(lexicon::FINE.iter().chain(lexicon::ADDRESSES_NOBODY).copied());
    let part = prop_oneof![
        prop::sample::select([broken.as_slice(), others.as_slice()].concat()),
        prop::sample::select(whole.collect::<Vec<_>>()),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    /// Every cut once, and single characters. Fails when a word is decided about before the text that
    /// could change it has arrived.
    #[test]
    fn streams_like_the_whole(text in texts()) {
        policy("{}").assert_streams(&text);
        policy(r#"{"address": "nin", "severity": "warning", "allow": ["你死", "up you"]}"#).assert_streams(&text);
    }
}
