//! `format json`: what is accepted, when a reply is given up, and what becomes of schemas.

#![allow(clippy::unwrap_used, clippy::panic, clippy::string_slice, reason = "helpers of tests fail by panicking")]

mod common;

use common::program;
use proptest::prelude::*;
use rolecall_dsl::check::compile;
use rolecall_dsl::constraint::Fact;
use rolecall_dsl::contract::Language;
use rolecall_dsl::monitor::{DeliveryMode, Residual};
use rolecall_dsl::schema::JsonSchema;
use rolecall_dsl::source::Source;
use serde_json::json;

fn schema(text: &str) -> String {
    format!("format json \"\"\"{text}\"\"\"")
}

/// The texts among these that the rule does not judge as `passes` says.
fn wrong<'t>(rule: &str, passes: bool, texts: &[&'t str]) -> Vec<&'t str> {
    let program = program(rule);
    texts.iter().copied().filter(|text| program.check(text).passes() != passes).collect()
}

/// Codes and messages of a contract with this rule.
fn findings(rule: &str) -> Vec<(String, String)> {
    let text = format!("role test {{ version 1.0.0 language zh persona \"p\" constraints {{\n{rule}\n}} }}");
    let found = compile(&Source::new("test.role", &text)).findings;
    found.iter().map(|finding| (finding.code.to_string(), finding.source.slice(finding.span).to_owned())).collect()
}

#[test]
fn a_reply_is_one_value() {
    let texts = ["{}", " [1, 2.5e3, -0]\n", "\"好\"", "null", "7", r#"{"a": {"b": []}, "c": "\u597d\uD83D\uDE00"}"#];
    assert_eq!(wrong("format json", true, &texts), [""; 0]);
    let texts =
        ["", "好", "{} {}", "```json\n{}\n```", "{a: 1}", "[1,]", "{\"a\":1,}", "01", "'a'", "{\"a\"", "\u{FEFF}{}"];
    assert_eq!(wrong("format json", false, &texts), [""; 0]);
    assert_eq!(program("format json").delivery_mode(), DeliveryMode::Full);
    assert_eq!(program("format json { severity warning }").delivery_mode(), DeliveryMode::Token);
}

#[test]
fn a_reply_is_dead_as_soon_as_it_cannot_be_json() {
    let at = |rule: &str, text: &str| program(rule).monitor().push(text).residual;
    assert_eq!(at("format json", "H"), Residual::Dead);
    assert_eq!(at("format json", "{\"a\": tr"), Residual::Open);
    assert_eq!(at("format json", "{\"a\": tx"), Residual::Dead);
    assert_eq!(at("format json", "{} "), Residual::Open);
    // A whole value that breaks the schema cannot be mended by what follows.
    let rule = schema(r#"{"required": ["a"]}"#);
    assert_eq!((at(&rule, "{\"b\": 1"), at(&rule, "{\"b\": 1}")), (Residual::Open, Residual::Dead));
    assert_eq!(at(&schema(r#"{"minimum": 10}"#), "1"), Residual::Open);
}

#[test]
fn a_value_keeps_its_schema() {
    let rule = schema(
        r##"{"type": "object", "required": ["name", "age"], "additionalProperties": false,
        "properties": {"name": {"type": "string", "minLength": 2}, "age": {"type": "integer", "minimum": 0},
        "friends": {"type": "array", "items": {"$ref": "#"}}}}"##,
    );
    let good =
        [r#"{"name": "Bo", "age": 0}"#, r#" {"age": 3, "name": "李四", "friends": [{"name": "Al", "age": 1}]} "#];
    assert_eq!(wrong(&rule, true, &good), [""; 0]);
    let bad = [
        r#"{"name": "B", "age": 0}"#,
        r#"{"name": "Bo"}"#,
        r#"{"name": "Bo", "age": 1, "x": 2}"#,
        "[]",
        "{}",
        r#"{"name": "Bo", "age": 1, "friends": [{}]}"#,
    ];
    assert_eq!(wrong(&rule, false, &bad), [""; 0]);
    let message = &program(&rule).check(r#"{"name": "Bo", "age": -1}"#).violations[0].message;
    assert!(message.contains("/age: -1 is less than the minimum of 0"), "{message}");
    let mut monitor = program(&rule).monitor();
    monitor.push("{\"name\"");
    assert!(monitor.missing(Language::Zh)[0].contains("JSON Schema"));
    assert!(monitor.missing(Language::En)[0].contains("not a complete JSON value"));
}

#[test]
fn a_wrong_schema_is_found_at_its_place() {
    assert_eq!(findings(&schema("{\"type\": \"objekt\"}"))[0].0, "RC0220");
    assert_eq!(
        findings(&schema("\n    {\n      \"type\": \"object\"\n      \"a\": 1\n    }\n")),
        [("RC0220".into(), "\"".into())]
    );
    assert_eq!(findings("format json \"[]\"")[0].0, "RC0220");
    assert_eq!(findings("format json \"{\\\"type\\\": }\"")[0].0, "RC0220");
    assert_eq!(findings("format xml"), [("RC0202".into(), "xml".into())]);
    assert_eq!(findings("format"), [("RC0202".into(), "format".into())]);
    assert_eq!(findings("format json { on_violation truncate }")[0].0, "RC0208");
}

/// References that never end would overflow the stack of the checker.
#[test]
fn endless_references_are_refused() {
    for text in [
        r##"{"$ref": "#"}"##,
        r##"{"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#"}}}}"##,
        r##"{"$anchor": "a", "$ref": "#a"}"##,
        r##"{"properties": {"a": {"$ref": "#/%24defs/a"}}, "$defs": {"a": {}}}"##,
        r##"{"properties": {"a": {"$id": "https://a.b/", "$ref": "#"}}}"##,
        r##"{"$ref": "https://example.org/schema"}"##,
        r##"{"$dynamicRef": "#"}"##,
    ] {
        assert_eq!(findings(&schema(text)).first().map(|found| found.0.as_str()), Some("RC0220"), "{text}");
    }
    let chain = |word: &str| {
        let links: Vec<String> = (0..250)
            .map(|n| format!("\"d{n}\": {{\"{word}\": {{\"a\": {{\"$ref\": \"#/$defs/d{}\"}}}}}}", n + 1))
            .collect();
        format!("{{\"$ref\": \"#/$defs/d0\", \"$defs\": {{{}, \"d250\": {{}}}}}}", links.join(", "))
    };
    assert_eq!(findings(&schema(&chain("properties"))), []);
    let deep = format!("{}1{}", "{\"a\": ".repeat(60), "}".repeat(60));
    assert!(program(&schema(&chain("properties"))).check(&deep).passes());
}

/// The validator remembers nothing of definitions that do not lead back: here it would judge the innermost of 40
/// lists a million million times.
#[test]
fn definitions_that_double_at_each_level_are_refused() {
    let doubled = |levels: usize| {
        let level = |n: usize| {
            let next = format!("{{\"$ref\": \"#/$defs/d{}\"}}", n + 1);
            format!("\"d{n}\": {{\"items\": {{\"anyOf\": [{next}, {next}]}}}}")
        };
        let all: Vec<String> = (0..levels).map(level).collect();
        let last = format!("\"d{levels}\": {{\"type\": \"string\"}}");
        format!("{{\"$ref\": \"#/$defs/d0\", \"$defs\": {{{}, {last}}}}}", all.join(", "))
    };
    assert_eq!(findings(&schema(&doubled(40)))[0].0, "RC0220");
    assert!(findings(&schema(&doubled(4))).iter().all(|found| found.0 != "RC0220"));
    assert!(!program(&schema(&doubled(4))).check("[[[[1]]]]").passes());
}

/// Hangs when errors are collected where both alternatives lead on: there are as many as ways down, a million
/// million here.
#[test]
fn a_schema_that_branches_at_each_level_is_judged_at_once() {
    let text = r##"{"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"anyOf": [
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}},
        {"type": "object", "minProperties": 1, "properties": {"a": {"$ref": "#/$defs/n"}}}]}}}"##;
    let nested = |leaf: &str| format!("{}{leaf}{}", "{\"a\":".repeat(40), "}".repeat(40));
    let program = program(&schema(text));
    assert!(program.check(&nested("{}")).passes());
    let message = program.check(&nested("1")).violations[0].message.clone();
    assert!(message.contains("the value does not keep the schema"), "{message}");
    let judge = JsonSchema::read(text).unwrap();
    let errors = |leaf: &str| judge.errors(&serde_json::from_str(&nested(leaf)).unwrap());
    assert_eq!(errors("{}"), [""; 0]);
    assert_eq!(errors("1").len(), 1);
}

/// Each definition stands for eight of the next: two million schemas for one value, all of which the checker
/// would ask. The chain and the number of references are small.
#[test]
fn references_that_multiply_are_refused() {
    let levels = |word: &str, levels: usize, times: usize| {
        let level = |n: usize| {
            let next = format!("{{\"$ref\": \"#/$defs/a{}\"}}", n + 1);
            format!("\"a{n}\": {{\"{word}\": [{}]}}", vec![next; times].join(", "))
        };
        let all: Vec<String> = (0..levels).map(level).collect();
        format!("{{\"$ref\": \"#/$defs/a0\", \"$defs\": {{{}, \"a{levels}\": {{}}}}}}", all.join(", "))
    };
    for word in ["oneOf", "anyOf", "allOf"] {
        // The place is the reference that makes them too many, not the whole schema.
        assert_eq!(findings(&schema(&levels(word, 7, 8))), [("RC0220".into(), "\"".into())], "{word}");
        // 8 * 8 * 8 are few enough.
        assert_eq!(
            findings(&schema(&levels(word, 3, 8))).iter().filter(|found| found.0 == "RC0220").count(),
            0,
            "{word}"
        );
    }
    // What stands under the names of `dependentSchemas` judges the same value too.
    let text = r##"{"dependentSchemas": {"a": {"$ref": "#"}}}"##;
    assert_eq!(findings(&schema(text))[0].0, "RC0220");
    let text = format!("format json \"\"\"{}\"\"\"", levels("anyOf", 7, 8));
    let contract = format!("role test {{ version 1.0.0 language en persona \"p\" constraints {{\n{text}\n}} }}");
    let found = compile(&Source::new("test.role", &contract)).findings;
    assert!(
        found[0].message.contains("`#/$defs/a") && found[0].message.contains("more than 10000"),
        "{}",
        found[0].message
    );
}

// Fails when a short schema makes large machines of its patterns, or many of them.
#[test]
fn patterns_are_bounded() {
    let refusal = |schema: serde_json::Value| {
        JsonSchema::read(&schema.to_string()).err().map(|unusable| unusable.message).unwrap_or_default()
    };
    let properties = |pattern: &str, count: usize| {
        let members = (0..count).map(|at| (format!("p{at}"), json!({"pattern": pattern})));
        json!({"properties": members.collect::<serde_json::Map<_, _>>()})
    };
    let named = (0..65).map(|at| (format!("^{at}"), json!({}))).collect::<serde_json::Map<_, _>>();
    assert_eq!(refusal(properties("^[a-z]{1,64}$", 64)), "");
    assert!(refusal(properties("a", 65)).contains("more than 64 patterns"));
    assert!(refusal(json!({"patternProperties": named})).contains("more than 64 patterns"));
    let large = refusal(properties("(.{999}){99}", 1));
    assert!(large.contains("cannot be used") && large.contains("/properties/p0/pattern"), "{large}");
}

/// Two million numbers would have to be made for a sample; the schema itself is fine.
#[test]
fn a_schema_of_large_values_is_taken_without_a_sample() {
    let array = |items: &str| format!("{{\"type\": \"array\", \"minItems\": 128, \"items\": {items}}}");
    let rule = schema(&array(&array(&array("{\"type\": \"integer\"}"))));
    assert!(findings(&rule).iter().all(|found| found.0 != "RC0220"));
    assert!(!program(&rule).check("[[[1]]]").passes());
}

/// The analysis starts from these; one that breaks its own schema would be worth nothing.
#[test]
fn samples_keep_their_schema() {
    for text in [
        r#"{"type": "object", "required": ["a", "b"], "properties": {"a": {"enum": ["x", "yy"]}, "b": {"const": 7}}}"#,
        r#"{"type": "array", "minItems": 3, "uniqueItems": true, "items": {"type": "integer", "minimum": 5}}"#,
        r#"{"type": "string", "minLength": 4, "maxLength": 4}"#,
        r#"{"type": "string", "pattern": "^[0-9]{3}-[a-z]$"}"#,
        r#"{"anyOf": [{"type": "object", "required": ["long_name"]}, {"type": "null"}]}"#,
        r#"{"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "boolean"}}}]}"#,
        r#"{"type": "number", "exclusiveMinimum": 1, "maximum": 2}"#,
        r#"{"type": "integer", "multipleOf": 7, "minimum": 10}"#,
        r#"{"type": ["integer", "null"], "exclusiveMaximum": -3}"#,
        r#"{"minProperties": 2, "additionalProperties": {"type": "string"}}"#,
        r#"{"type": "array", "prefixItems": [{"type": "string"}], "minItems": 2, "contains": {"const": 1}, "items": {"const": 1}}"#,
        r##"{"properties": {"child": {"$ref": "#/$defs/node"}}, "required": ["child"], "$defs": {"node": {"type": "object", "required": ["v"], "properties": {"v": {"type": "number"}}}}}"##,
        "{}",
    ] {
        let contract = common::contract(&schema(text));
        let Fact::Recognized(machine) = contract.rules[0].constraint.fact() else { panic!("{text}") };
        let wholes = machine.hints().wholes;
        assert!(!wholes.is_empty(), "{text}");
        assert!(wholes.iter().all(|whole| contract.program.check(whole).passes()), "{text}: {wholes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// A verdict that depends on white space between the parts, or on how the text was cut, shows here.
    #[test]
    fn a_value_is_judged_as_a_parser_and_the_validator_would(value in json(), pretty in any::<bool>(), at in any::<prop::sample::Index>()) {
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        let shape = serde_json::json!({"type": ["object", "array"], "maxProperties": 2, "items": {"not": {"type": "null"}},
            "properties": {"a": {"type": "string", "maxLength": 1}}});
        let wanted = jsonschema::validator_for(&shape).unwrap().is_valid(&value);
        let program = program(&schema(&shape.to_string()));
        prop_assert_eq!(program.check(&text).passes(), wanted, "{}", text);
        let cut = text.char_indices().map(|(at, _)| at).nth(at.index(text.chars().count())).unwrap();
        let mut monitor = program.monitor();
        let before = monitor.push(&text[..cut]).residual;
        monitor.push(&text[cut..]);
        prop_assert_eq!(monitor.finish().residual == Residual::Holds, wanted);
        prop_assert!(!(wanted && before == Residual::Dead));
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f32>().prop_filter("finite", |x| x.is_finite()).prop_map(|x| Value::from(f64::from(x))),
        "[a好\"\\\\\n😀 ]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[abc]", inner), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}
