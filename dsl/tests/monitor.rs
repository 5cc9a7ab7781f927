//! What the monitor decides, releases and holds back, on exact cases.

mod common;

use common::{program, program_replacing};
use rolecall_dsl::contract::Language;
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::{DeliveryMode, Residual};

/// The releases of a monitor that is pushed these deltas and finished.
fn releases(rules: &str, deltas: &[&str]) -> Vec<String> {
    let mut monitor = program(rules).monitor();
    let mut released: Vec<String> = deltas.iter().map(|delta| monitor.push(delta).released).collect();
    released.push(monitor.finish().released);
    released
}

fn broken(rules: &str, text: &str) -> Vec<String> {
    program(rules).check(text).violations.iter().map(|violation| violation.id.to_string()).collect()
}

#[test]
fn ordinary_text_is_released_at_once_and_a_live_prefix_is_held() {
    let rules = r#"forbidden_terms "AI" | "算法" | "2024""#;
    assert_eq!(releases(rules, &["天下", "大势", "said", " "]), ["天下", "大势", "said", " ", ""]);
    // `A` could become `AI`; `算` could become `算法`; `AB` and `算术` cannot.
    assert_eq!(releases(rules, &["用A", "B做", "算", "术"]), ["用", "AB做", "", "算术", ""]);
    // `AI` before a letter is none: one boundary character decides.
    assert_eq!(releases(rules, &["AI", "M"]), ["", "AIM", ""]);
    // Inside a word no match can begin.
    assert_eq!(releases(rules, &["sa", "i", "d"]), ["sa", "i", "d", ""]);
    assert_eq!(releases(rules, &["202"]), ["", "202"]);
    // Combining marks and invisible characters are held with what they stand in.
    assert_eq!(releases(rules, &["A\u{200B}", "\u{301}x"]), ["", "A\u{200B}\u{301}x", ""]);
}

#[test]
fn nothing_of_a_forbidden_match_is_released_and_nothing_behind_it() {
    let rules = r#"forbidden_terms "AI" | "算法""#;
    for text in ["用AI做事", "用ＡＩ做事", "用A\u{200B}I做事", "用АІ做事", "用𝐀𝐈做事", "用ai。"]
    {
        let mut monitor = program(rules).monitor();
        let mut released = String::new();
        let mut dead = false;
        for c in text.chars() {
            let step = monitor.push(&c.to_string());
            released += &step.released;
            dead |= step.residual == Residual::Dead;
        }
        released += &monitor.finish().released;
        assert_eq!((released.as_str(), dead), ("用", true), "{text}");
    }
}

#[test]
fn a_term_at_the_very_end_is_decided_by_the_finish() {
    let mut monitor = program(r#"forbidden_terms "AI""#).monitor();
    let step = monitor.push("说AI");
    assert_eq!((step.released.as_str(), step.residual), ("说", Residual::Open));
    let step = monitor.finish();
    assert_eq!((step.released.as_str(), step.residual, step.violations.len()), ("", Residual::Dead, 1));
}

#[test]
fn digits_and_letters_need_boundaries_and_han_does_not() {
    let rules = r#"forbidden_terms "AI" | "2024" | "cut" | "智能""#;
    for text in ["2024年", "２０２４", "在2024", "AI-first", "人工智能", "(ai)", "an AI.", "AI技术"] {
        assert_eq!(broken(rules, text), ["forbidden_terms"], "{text}");
    }
    for text in ["120245", "v2024", "AI2", "said", "executive", "AÍ", "智 能"] {
        assert_eq!(broken(rules, text), [""; 0], "{text}");
    }
}

#[test]
fn redaction_replaces_whole_overlapping_matches_and_goes_on() {
    let rules = r#"forbidden_terms "abcd" | "cdef" | "密码" { on_violation redact "[x]" }"#;
    assert_eq!(releases(rules, &["ab", "cd", " 1"]), ["", "", "[x] 1", ""]);
    assert_eq!(releases(rules, &["我的密码是密", "码"]), ["我的[x]是", "[x]", ""]);
    let violations = program(rules).check("密码，密码").violations;
    assert!(violations.iter().all(|violation| violation.redacted && violation.severity == Severity::Error));
    assert_eq!(violations.iter().map(|violation| violation.span.clone()).collect::<Vec<_>>(), [0..6, 9..15]);
    let han = r#"forbidden_terms "甲乙丙" | "丙丁" { on_violation redact "＊" }"#;
    assert_eq!(releases(han, &["甲乙丙", "丁戊"]), ["", "＊戊", ""]);
    assert_eq!(releases(han, &["甲乙丙", "戊"]), ["", "＊戊", ""]);
}

// Fails when a replacement that nobody sees, or that reads as a letter, joins its neighbours to a match.
#[test]
fn no_replacement_can_bring_a_match_about() {
    let redact = "{ on_violation redact \"※\" }";
    for (rules, by, text, released) in [
        (format!("forbidden_terms \"甲乙\" | \"丙\" {redact}"), "\u{200B}", "我甲丙乙好。", "我"),
        (format!("forbidden_terms \"丙\" {redact} forbidden_terms \"甲乙\""), "乙", "我甲丙好。", "我"),
        (format!("forbidden_terms \"password\" {redact} forbidden_terms \"AI\""), "[AI]", "The password", "The ["),
        (format!("forbidden_terms \"丙\" {redact} must_not_match /a.?b+c/"), "b", "x丙a丙丙c", "xb"),
    ] {
        let program = program_replacing(&rules, by);
        for (at, _) in text.char_indices() {
            let mut monitor = program.monitor();
            let (head, tail) = text.split_at(at);
            let mut steps = [monitor.push(head), monitor.push(tail), monitor.finish()];
            let got: String = steps.iter().map(|step| step.released.as_str()).collect();
            assert_eq!(got, released, "{rules}");
            assert_eq!(steps[2].residual, Residual::Dead);
            let blocking = steps.iter_mut().flat_map(|step| step.violations.drain(..));
            let blocking: Vec<_> = blocking.filter(|v| !v.redacted && v.severity == Severity::Error).collect();
            assert_eq!((blocking.len(), blocking[0].at), (1, released.len()), "{rules} {blocking:?}");
        }
    }
}

// Fails when a cut behind a replacement is given where it would be without one.
#[test]
fn places_behind_a_replacement_are_those_of_the_released_text() {
    let rules = r#"forbidden_terms "密码" { on_violation redact "[removed]" } max_chars 12 must_not_match /z+/"#;
    let step = program(rules).monitor().push("密码abc密码zy");
    let at: Vec<usize> = step.violations.iter().map(|violation| violation.at).collect();
    assert_eq!(at, [0, 12, 12, 21], "{step:?}");
    let limit = step.violations.iter().find(|v| v.message.contains("characters")).unwrap();
    assert_eq!((limit.cut, step.released.as_str()), (Some(12), "[removed]abc"));
}

#[test]
fn an_empty_redaction_cannot_join_its_neighbours_to_a_match() {
    let program = program_replacing(r#"forbidden_terms "甲乙" | "丙" { on_violation redact "※" }"#, "");
    let mut monitor = program.monitor();
    assert_eq!([monitor.push("甲丙乙").released, monitor.finish().released].concat(), "甲…乙");
}

#[test]
fn warnings_are_reported_and_pass() {
    let rules = r#"forbidden_terms "AI" { severity warning }"#;
    let mut monitor = program(rules).monitor();
    let step = monitor.push("用AI做");
    assert_eq!((step.released.as_str(), step.residual), ("用AI做", Residual::Holds));
    assert_eq!(step.violations[0].severity, Severity::Warning);
    assert!(program(rules).check("用AI做").passes());
}

#[test]
fn patterns_hold_back_what_may_become_a_match() {
    let rules = r"must_not_match /sk-[a-z]{3}/";
    assert_eq!(releases(rules, &["a s", "k", "-ab", "1 x"]), ["a ", "", "", "sk-ab1 x", ""]);
    assert_eq!(releases(rules, &["a sk-abc", " rest"]), ["a ", "", ""]);
    let rules = r#"forbidden_terms /sk-[a-z]{3,}/ { on_violation redact "[key]" }"#;
    // The longest match is replaced, so that its tail does not stay behind.
    assert_eq!(releases(rules, &["a sk-abc", "def", " rest"]), ["a ", "", "[key] rest", ""]);
    assert_eq!(releases(rules, &["a sk-abcdef"]).concat(), "a [key]");
    assert_eq!(broken(r"must_not_match /再见$/", "再见了"), [""; 0]);
    assert_eq!(broken(r"must_not_match /再见$/", "再见"), ["must_not_match"]);
}

// Fails when a reply ends with a match that only what no longer goes out makes none.
#[test]
fn a_match_is_not_out_without_what_undoes_it() {
    let redacted = r#"forbidden_terms "AI" { on_violation redact "某" } max_chars 4"#;
    for (rules, text, out) in [
        (r#"forbidden_terms "AI" max_chars 4"#, "用了AI3.", "用了"),
        (r#"forbidden_terms "AI" max_chars 4"#, "用了AI\u{200b}3.", "用了"),
        (r#"forbidden_terms "AI" max_chars 5"#, "用了AI3.", "用了AI3"),
        (r#"forbidden_terms "AI" must_not_match /3D/"#, "用AI3D", "用"),
        (r#"forbidden_terms "AI" must_not_match /3D/"#, "用AI3 D", "用AI3 D"),
        (r#"forbidden_terms "AI" { gaps on } max_chars 2"#, "A I3", ""),
        (r#"forbidden_terms "日本" { except "日本料理店" } max_chars 4"#, "去日本料理店", "去"),
        (r#"forbidden_terms "日本" { except "日本料理店" } max_chars 6"#, "去日本料理店。", "去日本料理店"),
        (r#"forbidden_terms "日本" { except "明日本来" } max_chars 3"#, "明日本来", "明"),
        (redacted, "用了AI3.", "用了"),
        (redacted, "AI，AI3.", "某，"),
        ("no_urls max_chars 5", "见a.cnx", "见"),
        (r"must_not_match /再见$/ max_chars 3", "说再见了", "说"),
        // The place before the one match is the end of the other.
        (r#"must_not_match /日$/ forbidden_terms "AI" max_chars 4"#, "今日AI3", "今"),
    ] {
        let characters: Vec<&str> = text.split_inclusive(|_: char| true).collect();
        assert_eq!(releases(rules, &characters).concat(), out, "{rules} {text:?}");
        for (at, _) in text.char_indices() {
            let (head, tail) = text.split_at(at);
            assert_eq!(releases(rules, &[head, tail]).concat(), out, "{rules} {head:?} {tail:?}");
        }
    }
}

#[test]
fn the_sentence_after_the_last_is_never_released() {
    let mut monitor = program("max_sentences 2").monitor();
    let first = monitor.push("一。二。");
    assert_eq!((first.released.as_str(), first.sentence_ends.as_slice()), ("一。二。", [6].as_slice()));
    assert_eq!(monitor.push("”\n").released, "”");
    let step = monitor.push("- 三。");
    assert_eq!(step.released, "");
    assert_eq!(step.residual, Residual::Dead);
    assert_eq!((step.violations[0].span.clone(), step.violations[0].cut), (16..21, Some(15)));
    assert_eq!(monitor.finish().released, "");
}

#[test]
fn white_space_at_the_end_is_released_when_nothing_follows_it() {
    assert_eq!(releases("max_sentences 1", &["一。", "\n", "  "]), ["一。", "", "", "\n  "]);
    assert_eq!(releases("max_sentences 1", &["Dr.", " Who"]), ["Dr.", " Who", ""]);
}

#[test]
fn characters_are_limited_without_counting_white_space_or_parts_of_emoji() {
    let rules = "max_chars 3";
    assert_eq!(releases(rules, &["一 二", " 三 ", "四"]), ["一 二", " 三 ", "", ""]);
    let violations = program(rules).check("一 二 三 四").violations;
    assert_eq!((violations[0].span.clone(), violations[0].cut), (12..15, Some(12)));
    for text in ["👨‍👩‍👧👍🏽🇨🇳", "e\u{301}e\u{301}e\u{301}", "a\nb\nc"] {
        assert_eq!(broken(rules, text), [""; 0], "{text}");
    }
}

#[test]
fn sentence_ends_are_given_when_known() {
    let mut monitor = program("max_chars 100").monitor();
    assert_eq!(monitor.push("一。 ").sentence_ends, [0; 0]);
    assert_eq!(monitor.push("二。三").sentence_ends, [0, 6]);
    assert_eq!(monitor.finish().sentence_ends, [0]);
}

#[test]
fn a_share_is_dead_as_soon_as_no_continuation_reaches_it() {
    let program = program("max_sentences 3 response_style 反问句 >= 40%");
    let mut monitor = program.monitor();
    assert_eq!(monitor.push("天下大势。").residual, Residual::Open);
    assert_eq!(monitor.push("分久必合。").residual, Residual::Open);
    // The second plain sentence is over: at best 1 of 3 can be rhetorical.
    assert_eq!(monitor.push("难").residual, Residual::Dead);
    let mut monitor = program.monitor();
    assert_eq!(monitor.push("难道不是吗？岂能逆势？然").residual, Residual::Open);
    assert!(program.check("难道不是吗？岂能逆势？然也。").passes());
    assert!(program.check("难道不是吗？然也。").passes());
    assert!(!program.check("难道不是吗？然也。善哉。").passes());
    assert!(!program.check("").passes());
}

#[test]
fn end_only_rules_hold_once_met() {
    let program = program(r#"required_terms all "谢谢" | "再见" min_sentences 2"#);
    let mut monitor = program.monitor();
    assert_eq!(monitor.push("谢谢。").residual, Residual::Open);
    assert_eq!(monitor.missing(Language::Zh), ["还必须出现“再见”。", "还需要至少1句话。"]);
    assert_eq!(monitor.push("再见").residual, Residual::Holds);
    assert_eq!(monitor.finish().residual, Residual::Holds);
}

#[test]
fn rules_without_an_upper_bound_hold_or_stay_open() {
    let program = program(r"must_match /^你好/");
    assert_eq!(program.monitor().push("你").residual, Residual::Open);
    assert_eq!(program.monitor().push("你好吗").residual, Residual::Holds);
    assert_eq!(program.monitor().push("再见").residual, Residual::Dead);
}

#[test]
fn what_is_missing_is_said_in_both_languages() {
    let mut monitor = program("response_style rhetorical >= 50%").monitor();
    monitor.push("One. Two.");
    assert!(monitor.missing(Language::Zh)[0].starts_with("还需要至少2个反问句"));
    assert!(monitor.missing(Language::En)[0].starts_with("At least 2 more rhetorical"));
    let mut monitor = program("response_style rhetorical >= 50%").monitor();
    monitor.push("One.");
    assert!(monitor.missing(Language::En)[0].starts_with("At least one more rhetorical question with"));
    let mut monitor = program(r#"required_terms any "a" | "b""#).monitor();
    monitor.push("c");
    assert_eq!(monitor.missing(Language::En), [r#"The answer must still contain one of "a", "b"."#]);
    monitor.push(" a");
    assert_eq!(monitor.missing(Language::En), [""; 0]);
}

// Fails when one thing is counted as if it were several.
#[test]
fn one_is_singular() {
    let broken = |rules: &str, text: &str| {
        let violations = program(rules).check(text).violations;
        violations.into_iter().map(|violation| violation.message).collect::<Vec<_>>()
    };
    assert_eq!(broken("max_sentences 1", "One. Two."), ["the reply has more than 1 sentence"]);
    assert_eq!(broken("max_words 2", "One two three."), ["the reply has more than 2 words"]);
    assert_eq!(broken("min_sentences 2", "One."), ["the reply has 1 sentence; at least 2 are required"]);
    assert_eq!(broken("min_chars 1", ""), ["the reply has 0 characters; at least one is required"]);
    let style = broken("response_style question >= 60%", "One? Two.");
    assert_eq!(style, ["1 of 2 sentences is a question; at least 60% are required"]);
}

#[test]
fn the_delivery_mode_follows_from_the_strictest_rule_that_can_block() {
    let mode = |rules: &str| program(rules).delivery_mode();
    assert_eq!(mode(r#"max_sentences 3 forbidden_terms "AI""#), DeliveryMode::Token);
    assert_eq!(mode("max_sentences 3 response_style question <= 40%"), DeliveryMode::Sentence);
    assert_eq!(mode(r#"required_terms "AI" { severity warning }"#), DeliveryMode::Token);
}

#[test]
fn a_finished_monitor_takes_nothing_more() {
    let mut monitor = program("max_sentences 1").monitor();
    monitor.push("一。");
    let _ = monitor.finish();
    assert_eq!(monitor.push("二。").released, "");
    assert_eq!(monitor.finish().violations, []);
}

#[test]
fn the_prompt_says_persona_and_rules() {
    let rules = r#"max_sentences 3 forbidden_terms "AI" | "算法" response_style 反问句 >= 40%"#;
    let contract = common::contract(rules);
    let prompt = contract.prompt();
    for part in ["persona", "最多3句话", "“AI”、“算法”", "40%"] {
        assert!(prompt.contains(part), "{part} in {prompt}");
    }
}

/// Every text of at most `left` further pieces behind `text`.
fn continuations(text: &str, left: usize) -> Vec<String> {
    let mut all = vec![text.to_owned()];
    if left > 0 {
        for piece in ["甲。", "岂能？", "，岂能。"] {
            all.extend(continuations(&format!("{text}{piece}"), left - 1));
        }
    }
    all
}

/// `Dead` too early refuses good replies; too late pays a model for nothing. Both show here, against
/// trying every continuation.
#[test]
fn a_reply_is_dead_exactly_when_no_continuation_complies() {
    for rules in [
        "max_sentences 3 response_style rhetorical >= 40%",
        "max_sentences 2 response_style rhetorical >= 100%",
        "max_sentences 3 response_style rhetorical <= 30%",
        "max_sentences 3 response_style question >= 60% response_style rhetorical <= 60%",
        "max_sentences 3 min_sentences 3",
        "max_chars 6 min_sentences 2",
        "max_chars 8 response_style rhetorical >= 50%",
    ] {
        let program = program(rules);
        for text in continuations("", 3) {
            let mut monitor = program.monitor();
            let dead = monitor.push(&text).residual == Residual::Dead;
            let hopeless = !continuations(&text, 3).iter().any(|text| program.check(text).passes());
            if dead {
                assert!(hopeless, "{rules}: {text} is given up too early");
            } else if hopeless && !rules.contains("max_chars") && !rules.contains("question") {
                panic!("{rules}: {text} is given up too late");
            }
        }
    }
}
