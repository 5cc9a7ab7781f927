use proptest::prelude::*;
use rolecall_dsl::Contract;
use serde_json::json;

use super::judge::Judged;
use super::strings::strings;
use super::*;
use crate::enforce::policy::Policies;
use crate::enforce::testing::{Double, Doubles, role};

fn offer(name: &str, parameters: Option<Value>) -> Offer {
    Offer { name: name.to_owned(), parameters, ..Offer::default() }
}

fn tools(choice: ToolChoice, parallel: Option<bool>) -> Tools {
    let city = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    Tools::new(vec![offer("weather", Some(city)), offer("note", None)], choice, parallel).unwrap()
}

fn piece(index: Option<u64>, id: &str, name: &str, arguments: &str) -> CallPiece {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    CallPiece { index, id: some(id), name: some(name), arguments: arguments.to_owned() }
}

fn assembled(tools: &Tools, pieces: Vec<CallPiece>) -> (Vec<(String, String)>, bool) {
    let mut calls = Calls::of(tools);
    let on = pieces.into_iter().all(|piece| calls.take(piece));
    (calls.into_calls().into_iter().map(|call| (call.name, call.arguments)).collect(), on)
}

/// Fails when a server's way of streaming calls mixes them up, doubles them or loses a part.
#[test]
fn calls_are_assembled_however_servers_number_them() {
    let expected = vec![("weather".to_owned(), "{\"city\":1}".to_owned()), ("note".to_owned(), "{}".to_owned())];
    let by_index = vec![
        piece(Some(0), "a", "weather", ""),
        piece(Some(1), "b", "note", "{"),
        piece(Some(0), "", "", "{\"city\""),
        piece(Some(1), "", "", "}"),
        piece(Some(0), "", "", ":1}"),
    ];
    let repeating = vec![
        piece(Some(0), "a", "weather", "{\"city\""),
        piece(Some(0), "a", "weather", ":1}"),
        piece(Some(1), "b", "note", "{"),
        piece(Some(1), "b", "note", "}"),
    ];
    let one_index = vec![piece(Some(0), "a", "weather", "{\"city\":1}"), piece(Some(0), "b", "note", "{}")];
    let by_id =
        vec![piece(None, "a", "weather", "{\"city\""), piece(None, "", "", ":1}"), piece(None, "b", "note", "{}")];
    let by_name = vec![piece(None, "", "weather", "{\"city\":1}"), piece(None, "", "note", "{}")];
    for pieces in [by_index, repeating, one_index, by_id, by_name] {
        assert_eq!(assembled(&tools(ToolChoice::Auto, None), pieces.clone()), (expected.clone(), true), "{pieces:?}");
    }
}

/// Fails when a model is read on although none of its calls can go out, or without end.
#[test]
fn vain_calls_stop_the_model() {
    let stops = |tools: &Tools, pieces: Vec<CallPiece>| {
        let mut calls = Calls::of(tools);
        let last = pieces.len() - 1;
        for (at, piece) in pieces.into_iter().enumerate() {
            assert_eq!(calls.take(piece), at < last);
        }
        assert!(!calls.is_empty() && !calls.take(piece(None, "z", "note", "{}")), "it stays stopped");
    };
    stops(&tools(ToolChoice::Auto, None), vec![piece(Some(0), "a", "rm", "")]);
    stops(&tools(ToolChoice::Never, None), vec![piece(Some(0), "a", "note", "")]);
    stops(&tools(ToolChoice::Named("note".into()), None), vec![piece(Some(0), "a", "weather", "")]);
    stops(
        &tools(ToolChoice::Auto, Some(false)),
        vec![piece(Some(0), "a", "note", "{}"), piece(Some(1), "b", "note", "")],
    );
    let many = (0..=MAX_CALLS as u64).map(|n| piece(Some(n), &n.to_string(), "note", "{}")).collect();
    stops(&tools(ToolChoice::Auto, None), many);
    let half = "x".repeat(MAX_ARGUMENT_BYTES / 2);
    let large = vec![piece(Some(0), "a", "note", &half), piece(Some(0), "", "", &half), piece(Some(0), "", "", "x")];
    stops(&tools(ToolChoice::Auto, None), large);
}

/// Fails when tools are taken that cannot be judged by, or the error does not say which.
#[test]
fn tools_are_checked_when_they_are_offered() {
    let new = |offers: Vec<Offer>| Tools::new(offers, ToolChoice::Auto, None);
    assert_eq!(new(vec![offer("ok", None), offer("not ok", None)]).unwrap_err().tool(), Some(1));
    assert_eq!(new(vec![offer("", None)]).unwrap_err(), BadTools::Name(0));
    assert_eq!(new(vec![offer(&"x".repeat(65), None)]).unwrap_err(), BadTools::Name(0));
    assert_eq!(new(vec![offer("a", None), offer("a", None)]).unwrap_err(), BadTools::Twice(1));
    let endless = json!({"$ref": "#"});
    assert!(matches!(new(vec![offer("a", Some(endless))]), Err(BadTools::Parameters(0, _))));
    assert!(matches!(new(vec![offer("a", Some(json!({"type": "sting"})))]), Err(BadTools::Parameters(0, _))));
    let many = (0..=MAX_TOOLS).map(|n| offer(&format!("t{n}"), None)).collect();
    assert_eq!(new(many).unwrap_err(), BadTools::TooMany(MAX_TOOLS + 1));
    let patterned = |count| json!({"prefixItems": vec![json!({"pattern": "a"}); count]});
    let patterned = (0..2).map(|n| offer(&format!("t{n}"), Some(patterned(33)))).collect();
    assert!(matches!(new(patterned), Err(BadTools::Patterns(66))));
    let long = Offer { description: Some("x".repeat(MAX_TOOL_BYTES + 1)), ..offer("a", None) };
    assert!(matches!(new(vec![long]), Err(BadTools::TooLarge(_))));
    let named = Tools::new(vec![offer("a", None)], ToolChoice::Named("b".into()), None);
    assert_eq!(named.unwrap_err(), BadTools::Choice);
    assert_eq!(Tools::new(Vec::new(), ToolChoice::Required, None).unwrap_err(), BadTools::Choice);
}

/// Fails when a tool can flood a prompt.
#[test]
fn results_are_bounded() {
    let result = |bytes: usize| Line { answers: Some("a".into()), ..Line::said(Speaker::Tool, "x".repeat(bytes)) };
    let used = |lines| ToolUse::new(Tools::default(), lines).map(|_| ());
    assert_eq!(used(vec![result(MAX_RESULT_BYTES - 1); 4]), Ok(()));
    assert_eq!(used(vec![result(MAX_RESULT_BYTES + 1)]), Err(BadTools::Result(MAX_RESULT_BYTES + 1)));
    assert_eq!(used(vec![result(MAX_RESULT_BYTES); 5]), Err(BadTools::Steps(5 * (MAX_RESULT_BYTES + 1))));
}

async fn judged(contract: &Arc<Contract>, doubles: Doubles, name: &str, arguments: &str, limited: bool) -> Judged {
    let mut calls = Calls::of(&tools(ToolChoice::Auto, None));
    calls.take(piece(Some(0), "upstream-id", name, arguments));
    judge(calls, limited, contract, &mut Policies::of(contract, Arc::new(doubles))).await
}

/// Fails when a policy's warning keeps a call from going out, or is lost.
#[tokio::test]
async fn warnings_about_arguments_are_kept() {
    let odd = Double { odd: "odd", ..Double::objecting("", true) };
    let doubles = Doubles { any: Some(odd), ..Doubles::default() };
    let contract = role("en", "policy \"tone\"", "");
    let judged = judged(&contract, doubles, "note", r#"{"a":"How odd."}"#, false).await;
    assert_eq!((judged.calls.len(), judged.broken.len()), (1, 0));
    assert_eq!(
        judged.warned.first().map(|(rule, message)| (rule.as_str(), message.as_str())),
        Some(("policy", "\"odd\" is odd"))
    );
}

/// Fails when a forbidden match goes out because of how, or where, the arguments say it.
#[tokio::test]
async fn the_contract_judges_what_arguments_say() {
    let rules = "terms: forbidden_terms \"password\" | \"2024\" | \"算法\" { on_violation reject }\n\
                 links: no_urls { on_violation redact \"[link]\" }\n\
                 short: max_sentences 1\n\
                 close: required_terms any \"please\"";
    let contract = role("en", rules, "");
    for (arguments, rule) in [
        (r#"{"a":"the password"}"#, Some("terms")),
        (r#"{"a":"the \u0070ass\u0077ord"}"#, Some("terms")),
        (r#"{"a":"the PASS\u200bWORD"}"#, Some("terms")),
        (r#"{"password":"a"}"#, Some("terms")),
        (r#"{"a":[{"b":["x",{"c":"password"}]}]}"#, Some("terms")),
        (r#"{"a":"{\"b\":\"\\u0070assword\"}"}"#, Some("terms")),
        (r#"{"a":"[\"{\\\"b\\\":\\\"\\\\u0070assword\\\"}\"]"}"#, Some("terms")),
        (r#"{"year":2024}"#, Some("terms")),
        (r#"{"a":"用算\u6cd5"}"#, Some("terms")),
        (r#"{"a":"see https://example.org/x"}"#, Some("links")),
        (r#"{"a":"see https:\/\/example.org\/x"}"#, Some("links")),
        (r#"{"a":"x","a":"y"}"#, Some("tool_arguments")),
        (r#"{"a":"#, Some("tool_arguments")),
        (r#"["a"]"#, Some("tool_arguments")),
        // What one reader cannot make out, another one may.
        (r#"{"a":"{\"b\":1,\"b\":2,\"c\":\"\\u0070assword\"}"}"#, Some("tool_arguments")),
        (r#"{"a":"{\"b\":\"\\u0070assword\", no JSON"}"#, Some("terms")),
        (r#"{"a":"{\"b\":\"x\\ny\", no JSON"}"#, None),
        (r#"{"a":"One. Two. Three.","b":"passwords of 20240"}"#, None),
        ("", None),
        ("{}", None),
    ] {
        let judged = judged(&contract, Doubles::default(), "note", arguments, false).await;
        assert_eq!(judged.broken.first().map(|b| b.id.as_str()), rule, "{arguments}: {judged:?}");
        assert_eq!(judged.calls.is_empty(), rule.is_some(), "{arguments}");
        for call in judged.calls {
            assert!(call.get().id.starts_with("call_") && call.get().id != "call_", "{call:?}");
            assert_eq!(call.get().arguments, if arguments.is_empty() { "{}" } else { arguments });
        }
    }
}

/// A string in a string and so on, which the innermost hides by escapes.
fn nested(levels: usize) -> String {
    let mut text = r#""\u0070assword""#.to_owned();
    for _ in 1..levels {
        text = serde_json::to_string(&text).unwrap();
    }
    format!("{{\"a\":{text}}}")
}

/// Fails when a forbidden match goes out because it is nested deep, or what is too deep to be read is let out.
#[tokio::test]
async fn nesting_hides_nothing() {
    let contract = role("en", "terms: forbidden_terms \"password\"", "");
    for levels in [1, 2, 3, 4, 5, 9, 14] {
        let arguments = nested(levels);
        assert!(arguments.len() <= MAX_ARGUMENT_BYTES, "{levels}");
        let judged = judged(&contract, Doubles::default(), "note", &arguments, false).await;
        assert_eq!(judged.broken.first().map(|b| b.id.as_str()), Some("terms"), "{levels}");
    }
    assert!(strings(&nested(17)).unwrap().contains(&"password".to_owned()));
    assert!(strings(&nested(18)).unwrap_err().to_string().contains("16 levels"));
    // Deeper than this reader goes, and not deeper than others do.
    let deep = format!("{}\"\\u0070assword\"{}", "[".repeat(200), "]".repeat(200));
    assert!(strings(&json!({"a": deep}).to_string()).is_err());
}

/// Fails when the model of a role is told in another language what is wrong with its calls, or people are.
#[tokio::test]
async fn models_are_told_in_their_language() {
    let rules = "terms: forbidden_terms \"算法\" { on_violation redact \"某物\" }\nlinks: no_urls";
    let han = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for (name, arguments) in [
        ("note", r#"{"a":"算\u6cd5"}"#),
        ("note", r#"{"a":"https://example.org/x"}"#),
        ("note", r#"{"a":"#),
        ("note", "[]"),
        ("note", r#"{"a":1,"a":2}"#),
        ("weather", "{}"),
        ("rm", "{}"),
    ] {
        let zh = judged(&role("zh", rules, ""), Doubles::default(), name, arguments, false).await;
        assert!(!zh.broken.is_empty(), "{arguments}");
        for broken in &zh.broken {
            let told = zh.told.iter().find(|(message, _)| *message == broken.message);
            assert!(told.is_some_and(|(_, told)| han(told)), "{broken:?} in {:?}", zh.told);
        }
        let en = judged(&role("en", rules, ""), Doubles::default(), name, arguments, false).await;
        assert!(!en.broken.is_empty() && en.told.is_empty(), "{en:?}");
    }
}

/// Fails when arguments go out that the tool does not take, or the model is not told what is wrong.
#[tokio::test]
async fn arguments_must_fit_the_schema() {
    let contract = role("en", "max_sentences 3", "");
    let about =
        async |arguments: &str, limited| judged(&contract, Doubles::default(), "weather", arguments, limited).await;
    let wrong = about(r#"{"city":7}"#, false).await;
    assert!(wrong.broken[0].message.contains("/city") && wrong.broken[0].message.contains("weather"), "{wrong:?}");
    assert_eq!(about("{}", false).await.broken.len(), 1);
    assert_eq!(about(r#"{"city":"北京"}"#, false).await.calls.len(), 1);
    // The model's token limit may cut the last call, which is then left out; a whole one stays.
    let cut = about(r#"{"city":"北"#, true).await;
    assert!(cut.calls.is_empty() && cut.broken.is_empty(), "{cut:?}");
    assert_eq!(about(r#"{"city":"北京"}"#, true).await.calls.len(), 1);
}

/// Fails when a policy is not asked about calls, or reads only how they are written.
#[tokio::test]
async fn policies_judge_calls() {
    let contract = role("en", "tone: policy \"tone\"", "");
    let doubles = || Doubles {
        plugins: [("tone", Double::objecting("rude", false))].into_iter().collect(),
        ..Doubles::default()
    };
    let fine = judged(&contract, doubles(), "note", r#"{"a":"kind"}"#, false).await;
    assert_eq!(fine.calls.len(), 1, "{fine:?}");
    let rude = judged(&contract, doubles(), "note", r#"{"a":"\u0072ude"}"#, false).await;
    assert_eq!(rude.broken[0].id, "tone", "{rude:?}");
    let missing = judged(&contract, Doubles::default(), "note", "{}", false).await;
    assert!(missing.calls.is_empty(), "a policy that is not there lets nothing out: {missing:?}");
}

/// A string as JSON, its characters escaped or not as the bits say.
fn written(text: &str, bits: u64) -> String {
    let mut out = String::from("\"");
    for (at, c) in text.chars().enumerate() {
        if bits >> (at % 64) & 1 == 1 || c.is_control() || matches!(c, '"' | '\\') {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out + "\""
}

proptest! {
    /// Fails when some way of escaping hides a string, wherever it stands.
    #[test]
    fn every_string_is_found(texts in prop::collection::vec("[a-z算法\"\\\\\u{0}😀]{1,8}", 1..6), bits: u64) {
        let mut json = String::new();
        for (at, text) in texts.iter().enumerate() {
            let text = written(text, bits >> (at * 7));
            json = match at % 3 {
                0 => format!("{{{text}:[{json}]}}"),
                1 => format!("[true,{text},{}null]", if json.is_empty() { String::new() } else { json + "," }),
                _ => format!("{{\"k\":{text},\"l\":{}}}", if json.is_empty() { "1" } else { &json }),
            };
        }
        let found = strings(&json).unwrap();
        for text in &texts {
            prop_assert!(found.contains(text), "{text:?} of {json} in {found:?}");
        }
    }
}
