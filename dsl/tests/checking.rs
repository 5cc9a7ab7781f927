//! What a contract becomes, and what is said about one that is wrong.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod support;

use std::time::Duration;

use rolecall_dsl::Contract;
use rolecall_dsl::check::{compile, compile_bytes};
use rolecall_dsl::contract::{BeatMode, Expect, Language, OnFailure, OnViolation};
use rolecall_dsl::diagnostic::{Finding, Format, Severity, nearest, render};
use rolecall_dsl::source::Source;
use serde_json::json;
use support::{clerk, codes, compile_text, rules};

fn contract(text: &str) -> Contract {
    let compiled = compile_text(text);
    assert!(compiled.findings.is_empty(), "{}", render(&compiled.findings, Format::Human { color: false }));
    assert_eq!(compiled.contracts.len(), 1);
    Contract::clone(&compiled.contracts[0])
}

/// The one finding of a text.
fn finding(text: &str) -> Finding {
    let mut findings = compile_text(text).findings;
    assert_eq!(findings.len(), 1, "{}", render(&findings, Format::Short));
    findings.remove(0)
}

/// The text with the finding's fix applied.
fn fixed(text: &str) -> String {
    let fix = finding(text).fix.expect("a fix");
    let mut text = text.to_owned();
    text.replace_range(fix.span.range(), &fix.replacement);
    text
}

// Fails when a mode of the heartbeat is lost, or a wrong one is not told what there is.
#[test]
fn the_heartbeat_has_two_modes() {
    let with =
        |beats: &str| format!("role clerk {{\n version 1.0.0\n persona \"A clerk\"\n heartbeat {{ {beats} }}\n}}\n");
    for (beats, mode) in [
        ("timeout 30s", None),
        ("mode table  base { 4g 8s }", Some(BeatMode::Table)),
        ("timeout 12s  mode adaptive  floor 6s", Some(BeatMode::Adaptive)),
        // The floor that is not written gives way to a short timeout.
        ("mode adaptive  timeout 5s", Some(BeatMode::Adaptive)),
    ] {
        assert_eq!(contract(&with(beats)).heartbeat.mode, mode, "{beats}");
    }
    assert_eq!(fixed(&with("mode adaptiv")), with("mode adaptive"));
    let wrong = finding(&with("mode fast"));
    assert_eq!(
        (wrong.code.to_string().as_str(), wrong.message.as_str()),
        ("RC0104", "`mode` takes `table` or `adaptive`")
    );
    let base = finding(&with("mode adaptive  base { 4g 8s }"));
    assert_eq!(base.message, "`mode adaptive` learns the intervals that `base` sets");
    let floor = finding(&with("mode adaptive  timeout 10s  floor 6s"));
    assert_eq!(floor.message, "the floor of 6s is more than half of the timeout of 10s");
}

#[test]
fn the_articles_contract_is_accepted_as_written() {
    let text = r#"role zhanguoce_scholar {
    version   1.0.0
    language  zh
    persona   "战国纵横家,善用典故与类比"
    stateful  true                          // dialogue state is kept and snapshotted

    constraints {
        max_sentences    3
        forbidden_terms  "AI" | "算法" | "2024"
        response_style   反问句 >= 40%       // alias of rhetorical(v1); English name: rhetorical
    }
}
"#;
    let contract = contract(&format!("/// 战国策士:善用典故与类比。            // doc comment\n{text}"));
    assert_eq!(contract.name, "zhanguoce_scholar");
    assert_eq!(contract.version, semver::Version::new(1, 0, 0));
    assert_eq!(contract.languages, [Language::Zh]);
    assert_eq!(contract.persona, "战国纵横家,善用典故与类比");
    assert_eq!(contract.doc, "战国策士:善用典故与类比。            // doc comment");
    assert!(contract.stateful);
    let ids: Vec<&str> = contract.rules.iter().map(|rule| &*rule.id).collect();
    assert_eq!(ids, ["max_sentences", "forbidden_terms", "response_style"]);
    assert!(contract.rules.iter().all(|rule| rule.on_violation == OnViolation::Repair(2)));
    assert_eq!(contract.digest, blake3_hex(text.trim_end()));

    assert!(contract.program.check("良禽择木而栖,岂能久困于枯枝?").passes());
    assert!(!contract.program.check("良禽择木而栖,岂能久困于AI?").passes());
}

fn blake3_hex(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// Both ways of writing the article's rules mean the same.
#[test]
fn the_articles_other_spellings_mean_the_same() {
    let one = contract(&rules("forbidden_terms \"AI\" | \"算法\" | \"2024\"\nresponse_style 反问句 >= 40%"));
    let other = contract(&rules("forbidden_terms \"AI|算法|2024\"\nresponse_style \"反问句占比≥40%\""));
    for (a, b) in one.rules.iter().zip(&other.rules) {
        assert_eq!(a.constraint.fact(), b.constraint.fact());
    }
}

#[test]
fn every_field_arrives() {
    let contract = contract(
        r#"role support_agent {
            version 2.1.0-rc.1  language zh, en
            persona """
                Patient.
                """
            model { temperature 1  max_tokens 300 }
            constraints {
                short: max_sentences 4 { on_violation truncate  severity warning }
                max_chars 200 { severity note  on_violation repair 5 }
                max_chars 300 { on_violation reject }
                secrets: forbidden_terms "x1" { on_violation redact "[…]" }
                min_sentences 0 { on_violation fallback }
            }
            fallback "No."
            delivery { policy "digest" { keep 3  mode "a"  flag true  off false  share 40%  wait 2s  deep { a [1, "b"]  n -1 }  on_failure allow }  expire 36h }
            cases {
                case "a" { user "u"  reply "r"  expect pass }
                case "b" { reply "x1"  expect violates secrets }
                case "c" { user "only" }
            }
        }"#,
    );
    assert_eq!(contract.version.to_string(), "2.1.0-rc.1");
    assert_eq!(contract.languages, [Language::Zh, Language::En]);
    assert_eq!(contract.persona, "Patient.");
    assert!(!contract.stateful);
    assert_eq!((contract.model.temperature, contract.model.max_tokens), (Some(1.0), Some(300)));
    assert_eq!(contract.fallback.as_ref().map(|text| text.value.as_str()), Some("No."));

    let seen: Vec<_> = contract.rules.iter().map(|r| (&*r.id, r.on_violation.clone(), r.severity)).collect();
    assert_eq!(
        seen,
        [
            ("short", OnViolation::Truncate, Severity::Warning),
            ("max_chars", OnViolation::Repair(5), Severity::Note),
            ("max_chars_2", OnViolation::Reject, Severity::Error),
            ("secrets", OnViolation::Redact("[…]".to_owned()), Severity::Error),
            ("min_sentences", OnViolation::Fallback, Severity::Error),
        ]
    );

    assert_eq!(contract.delivery.expire, Some(Duration::from_secs(36 * 3600)));
    let policy = contract.delivery.policy.expect("a policy");
    assert_eq!(policy.plugin, "digest");
    assert_eq!(policy.on_failure, OnFailure::Allow);
    assert_eq!(
        serde_json::Value::Object(policy.params),
        json!({
            "keep": 3, "mode": "a", "flag": true, "off": false, "share": 0.4, "wait": 2000,
            "deep": { "a": [1, "b"], "n": -1 },
        })
    );
    assert_eq!(
        policy.param_spans.first().map(|(name, span)| (name.as_str(), contract.source.slice(*span))),
        Some(("keep", "keep"))
    );

    let expected: Vec<_> = contract.cases.iter().map(|case| (case.title.value.as_str(), case.expect.clone())).collect();
    assert_eq!(expected[0], ("a", Expect::Pass));
    assert!(matches!(&expected[1].1, Expect::Violates(ids) if ids[0].value == "secrets"));
    assert_eq!(expected[2], ("c", Expect::Pass));
}

#[test]
fn a_role_without_a_language_speaks_its_personas() {
    let language = |persona: &str| contract(&format!("role a {{ version 1.0.0 persona \"{persona}\" }}")).languages;
    assert_eq!(language("A clerk"), [Language::En]);
    assert_eq!(language("一位店员"), [Language::Zh]);
}

#[test]
fn fixes_repair_what_they_are_for() {
    for broken in [
        "role a { persona \"A\" }".to_owned(),
        "role a { version 1.0 persona \"A\" }".to_owned(),
        "role a { version \"v1.2.3\" persona \"A\" }".to_owned(),
        clerk("fallbak \"No.\""),
        rules("max_sentence 3"),
        rules("max_sentences 3 { on_violaton reject }"),
        rules("max_sentences 3 { on_violation rejct }"),
        rules("max_sentences 3 { severity waring }"),
        rules("max_sentences = 3"),
        clerk("delivery { policy \"digest\" { mode strict } }"),
        rules("max_sentences ３"),
        rules("max_sentences 1０"),
        rules("max_sentences 3；"),
        rules("max_sentences 3；no_emoji"),
        rules("short：max_sentences 3"),
        rules("forbidden_terms \"a\"，\"b，c\"、\"d\"，\"e\""),
        rules("response_style question ＞＝ ４０％"),
        rules("max_sentences ３ ｛ on_violation truncate ｝"),
        clerk("fallback “好，的。”；"),
        clerk("fallback：\"No.\""),
        clerk("").replace('{', "｛"),
        clerk("fallback \"a\u{200B}b\""),
        clerk("fallback \"\u{202E}b\""),
        clerk("fallback \"wаit\""),
        clerk("cases { case \"a\" { user \"x\" expect pas } }"),
        format!("{}\n// {}", clerk(""), "\u{2066}"),
    ] {
        let fixed = fixed(&broken);
        assert_eq!(codes(&fixed), Vec::<String>::new(), "{broken}\nbecame\n{fixed}");
    }
}

// Fails when what an input method typed is not named, or its help says something else than its fix does.
#[test]
fn full_width_characters_are_named() {
    let help = |text: &str| finding(text).help.unwrap_or_default();
    for (line, expected) in [
        ("max_sentences ３", "`３` is a full-width digit; write `3`"),
        ("max_sentences 1０", "`０` is a full-width digit; write `0`"),
        ("max_sentences 3；", "`；` is full-width punctuation; end the line without it"),
        ("forbidden_terms \"a\"，\"b\"", "`，` is full-width punctuation; write `|`"),
        ("short：max_sentences 3", "`：` is full-width punctuation; write `:`"),
    ] {
        assert_eq!(help(&rules(line)), expected, "{line}");
    }
    assert!(help(&rules("max_sentences = \"，\"")).contains("a space and the value"), "a text is not looked into");
}

#[test]
fn slips_of_the_finger_are_recognised_and_strangers_are_not() {
    let words = ["max_sentences", "max_chars", "policy", "zh", "en"];
    for (written, meant) in
        [("max_sentance", "max_sentences"), ("MaxChars", "max_chars"), ("polcy", "policy"), ("ploicy", "policy")]
    {
        assert_eq!(nearest(written, words), Some(meant), "{written}");
    }
    for stranger in ["temperature", "", "反问句", "fr"] {
        assert_eq!(nearest(stranger, words), None, "{stranger}");
    }
}

/// An unreadable field was written: it is not missing, and its rule's name is not unknown.
#[test]
fn a_broken_line_has_one_finding() {
    assert_eq!(codes("role a { version = 1.0.0\n persona \"A\" }"), ["RC0001"]);
    assert_eq!(codes("role a { version 1.0.0\n persona \"A\\q\" }"), ["RC0005"]);
    let broken_rule =
        "constraints { short: max_sentences = 1 }\ncases { case \"a\" { reply \"b\" expect violates short } }";
    assert_eq!(codes(&clerk(broken_rule)), ["RC0001"]);
    assert_eq!(codes(&clerk("cases { case \"a\" { reply = \"b\"\n expect violates short } }")).len(), 2);
    assert_eq!(codes(&rules("max_chars 5 { on_violation redact }\nforbidden_terms \"a")), ["RC0006", "RC0211"]);
}

#[test]
fn an_error_drops_its_role_and_one_outside_drops_all() {
    let good = "role good { version 1.0.0 persona \"A\" }";
    let names = |text: &str| compile_text(text).contracts.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&format!("role bad {{ }}\n{good}")), ["good"]);
    assert_eq!(names(&format!("{good}\nimport \"x.role\"")), Vec::<String>::new(), "the import's rules are missing");
    assert_eq!(names(&format!("{good} }}")), Vec::<String>::new(), "what stands outside may belong inside");
    let warned = good.replace("\"A\"", "\"A\u{200B}\"");
    assert_eq!(names(&warned), ["good"], "a warning drops nothing");
}

#[test]
fn bytes_are_judged_before_they_are_text() {
    let compiled = compile_bytes("a.role", "role a { version 1.0.0 persona \"战\" }".as_bytes());
    assert!(compiled.findings.is_empty() && compiled.contracts.len() == 1);
    let gbk = compile_bytes("a.role", b"role a { persona \"\xC4\xE3\" }");
    assert_eq!(gbk.findings[0].message, "the file is not UTF-8: byte 18 does not belong to a character");
}

#[test]
fn emoji_and_chinese_are_nothing_suspicious() {
    let quiet = [
        "fallback \"👩\u{200D}🦰 ❤\u{FE0F} AI算法 naïve Straße\"",
        "fallback \"привет 5μm αβγ Ωmega café\"",
        "// ОК — кириллица, 反问句, ｆｕｌｌ\u{3000}width",
    ];
    for text in quiet {
        assert_eq!(codes(&clerk(text)), Vec::<String>::new(), "{text}");
    }
}

/// A contradiction that does not name its other side helps nobody.
#[test]
fn contradictions_name_every_rule_that_takes_part() {
    for (text, related) in [
        ("min_sentences 4\nmax_sentences 3", 2),
        ("required_terms \"人工智能\"\nforbidden_terms \"智能\"", 2),
        ("max_sentences 3\nresponse_style question >= 40%\nresponse_style question <= 45%", 3),
        ("response_style question >= 40%\nresponse_style question <= 30%", 2),
        ("max_chars 3\nrequired_terms \"four\"", 2),
    ] {
        let found = finding(&rules(text));
        assert_eq!(found.related.len(), related, "{text}: {found:?}");
    }
}

/// What the run time allows is no contradiction.
#[test]
fn possible_contracts_are_not_accused() {
    for text in [
        "min_sentences 3\nmax_sentences 3",
        "required_terms \"category\"\nforbidden_terms \"cat\"",
        "required_terms any \"智能\" | \"机器\"\nforbidden_terms \"智能\"",
        "required_terms \"said\"\nmust_not_match /^said$/",
        "max_sentences 3\nresponse_style question >= 30%\nresponse_style question <= 40%",
        "max_sentences 3\nresponse_style question >= 100%",
        "response_style question >= 33.33%\nresponse_style question <= 33.34%",
        "max_chars 4\nrequired_terms \"four\"",
        "min_sentences 5 { severity warning }\nmax_sentences 3",
    ] {
        assert_eq!(codes(&rules(text)), Vec::<String>::new(), "{text}");
    }
}

/// The excerpt shows the words that break the rule, not the whole text.
#[test]
fn a_failing_text_is_shown_at_the_words_that_break_the_rule() {
    let found = finding(&clerk("constraints { no: forbidden_terms \"密码\" }\nfallback \"你的密码是一\""));
    assert_eq!(found.source.slice(found.span), "密码");
    assert_eq!(found.source.slice(found.related[0].span), "no: forbidden_terms \"密码\"");
    let escaped = finding(&clerk("constraints { forbidden_terms \"密码\" }\nfallback \"你的\\n密码\""));
    assert_eq!(escaped.source.slice(escaped.span), "\"你的\\n密码\"");
}

/// The checker of the conflicts must agree with what a search through all sentence counts says.
#[test]
fn shares_agree_with_brute_force() {
    let feasible =
        |low: u32, high: u32, most: u32| (1..=most).any(|n| (0..=n).any(|k| k * 100 >= low * n && k * 100 <= high * n));
    for most in [1, 2, 3, 4, 7] {
        for low in (0..=100).step_by(9) {
            for high in (0..=100).step_by(7) {
                let text = format!(
                    "max_sentences {most}\nresponse_style question >= {low}%\nresponse_style question <= {high}%"
                );
                let accused = compile(&Source::new("x", &rules(&text))).findings.iter().any(|f| f.code.0 == 303);
                assert_eq!(accused, !feasible(low, high, most), "{text}");
            }
        }
    }
}

// Fails when a replacement is put into replies although no reply may hold it, or nobody sees it.
#[test]
fn replacements_keep_the_rules_too() {
    for by in ["[removed by AI]", "", "\\u{200B}", " ", "a1", "One. Two. Three.", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        let text = format!(
            "forbidden_terms \"password\" | \"a1\" {{ on_violation redact \"{by}\" }}\n\
             forbidden_terms \"AI\"\nmax_sentences 2\nmax_chars 30\nmin_sentences 2"
        );
        assert_eq!(codes(&rules(&text)), ["RC0406"], "{by}");
    }
    let sound = "forbidden_terms \"password\" { on_violation redact \"[removed]\" }\nmin_sentences 2\nresponse_style question >= 50%";
    assert_eq!(codes(&rules(sound)), [""; 0]);
}
