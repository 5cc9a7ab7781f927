//! Findings as other programs read them: SARIF against its schema, JUnit as a document, places in
//! several files, and fixes that tools apply.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod support;

use insta::assert_snapshot;
use proptest::prelude::*;
use rolecall_dsl::check::compile;
use rolecall_dsl::diagnostic::{Code, Finding, Format, JunitCase, JunitFile, Severity, apply, codes, junit, render};
use rolecall_dsl::source::Source;
use rolecall_dsl::span::Span;
use serde_json::Value;
use support::{clerk, contracts_and_examples, crate_dir, read};

const SCHOLAR: &str = "\
role zhanguoce_scholar {
    version  1.0
    language zh
    persona  \"战国纵横家\"
    constraints {
        用词: required_terms \"人工智能\"
        禁词: forbidden_terms \"智能\"
    }
}
";

/// A finding whose explanation stands in two other files, far from the line numbers of the first.
fn across_files() -> Finding {
    let role = Source::new("contracts/clerk.role", "role clerk extends courteous {\n    max_sentences 3\n}\n");
    let shared = Source::new(
        "contracts/shared/礼貌.role",
        "// 诸君共守之约。\n//\n//\n//\n//\n//\nrules 礼貌 {\n    须答: required_terms \"请问还有何事\"  min_sentences 5\n}\n",
    );
    let house = Source::new("contracts/house.role", "// house rules\nrules house { max_chars 4 }\n");
    let at = |source: &Source, part: &str| {
        let start = source.text().find(part).expect("the part") as u32;
        Span::new(start, start + part.len() as u32)
    };
    Finding::new(codes::MIN_ABOVE_MAX, &role, at(&role, "max_sentences 3"), "at most 3 sentences, but at least 5")
        .with_related_in(&shared, at(&shared, "min_sentences 5"), "至少五句，在此要求")
        .with_related_in(&house, at(&house, "max_chars 4"), "and at most 4 characters")
        .with_help("keep one of the rules")
}

fn scholar() -> Vec<Finding> {
    compile(&Source::new("contracts/scholar.role", SCHOLAR)).findings
}

/// Fails when a place in another file is shown with the line, the text or the name of the first.
#[test]
fn places_in_other_files() {
    assert_snapshot!("places_human", render(&[across_files()], Format::Human { color: false }));
    assert_snapshot!("places_github", render(&[across_files()], Format::Github));
    let json: Value = serde_json::from_str(&render(&[across_files()], Format::Json)).expect("JSON");
    let related = &json["related"][0];
    assert_eq!(
        (&related["file"], &related["span"]["start"]["line"]),
        (&"contracts/shared/礼貌.role".into(), &8.into())
    );
}

/// Two files of one name are two files: neither is drawn with the other's text.
#[test]
fn files_of_one_name_are_told_apart() {
    let (one, two) = (Source::new("a.role", "first\n"), Source::new("a.role", "x\ny\nsecond\n"));
    let finding =
        Finding::new(Code(106), &one, Span::new(0, 5), "twice").with_related_in(&two, Span::new(4, 10), "other");
    let text = render(&[finding], Format::Human { color: false });
    assert!(text.contains("a.role:1:1") && text.contains("a.role:3:1") && text.contains("second"), "{text}");
}

fn sarif(findings: &[Finding]) -> Value {
    let log: Value = serde_json::from_str(&render(findings, Format::Sarif)).expect("JSON");
    let mut schema: Value =
        serde_json::from_str(&read(&crate_dir().join("tests/schemas/sarif-schema-2.1.0.json"))).expect("a schema");
    // These have a bracket too many for every engine but a browser's; we write no `language`.
    for definition in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][definition]["properties"]["language"];
        assert!(language.as_object_mut().is_some_and(|it| it.remove("pattern").is_some()), "another schema");
    }
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    log
}

/// Fails when a log of any finding of any contract at hand is not SARIF.
#[test]
fn sarif_validates() {
    let mut all = vec![across_files()];
    for (index, text) in contracts_and_examples().iter().enumerate() {
        all.extend(compile(&Source::new(&format!("a b/{index} 战%.role"), text)).findings);
    }
    assert!(all.len() > 100, "only {} findings", all.len());
    let log = sarif(&all);
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
    for result in log["runs"][0]["results"].as_array().expect("results") {
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    assert_eq!(sarif(&[])["runs"][0]["results"], Value::Array(Vec::new()), "no findings are a log as well");
}

#[test]
fn sarif_of_the_scholar() {
    let log = sarif(&scholar());
    let results = serde_json::to_string_pretty(&log["runs"][0]["results"]).expect("JSON");
    assert_snapshot!(results);
    let rule = &log["runs"][0]["tool"]["driver"]["rules"][0];
    assert_eq!((&rule["id"], &rule["defaultConfiguration"]["level"]), (&"RC0001".into(), &"error".into()));
    assert!(rule["help"]["markdown"].as_str().expect("a page").contains("## Remedy"));
}

fn fingerprints(text: &str) -> Vec<Value> {
    let log = sarif(&compile(&Source::new("a.role", text)).findings);
    let results = log["runs"][0]["results"].as_array().expect("results").clone();
    results.iter().map(|result| result["partialFingerprints"]["rolecallFinding/v1"].clone()).collect()
}

/// Fails when moving lines makes known findings new ones, or when two findings count as one.
#[test]
fn fingerprints_move_with_their_lines() {
    let text = clerk("stateful maybe\nstateful maybe\nfallbak \"No\"");
    let before = fingerprints(&text);
    assert_eq!(before.len(), 3, "{before:?}");
    assert_eq!(before, fingerprints(&format!("// a\n\n// b\n{}", text.replace("stateful", "   stateful"))));
    let mut unique = before.clone();
    unique.sort_by_key(Value::to_string);
    unique.dedup();
    assert_eq!(unique.len(), before.len(), "{before:?}");
    assert_ne!(before, fingerprints(&text.replace("fallbak", "falback")));
}

#[test]
fn sarif_addresses_are_encoded() {
    let uri = |name: &str| {
        let finding = Finding::new(Code(104), &Source::new(name, "x"), Span::new(0, 1), "odd");
        sarif(&[finding])["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"].clone()
    };
    let relative = uri("./contracts/战国 策%.role");
    assert_eq!(relative["uri"], "contracts/%E6%88%98%E5%9B%BD%20%E7%AD%96%25.role");
    assert_eq!(relative["uriBaseId"], "%SRCROOT%");
    assert_eq!(uri("a:b\\c#d.role")["uri"], "a%3Ab/c%23d.role");
    let absolute = uri("/srv/a.role");
    assert_eq!((&absolute["uri"], &absolute["uriBaseId"]), (&"file:///srv/a.role".into(), &Value::Null));
}

/// Fails when counts, nesting or escapes are wrong: test reports then show nothing, or the wrong file.
#[test]
fn junit_documents() {
    let role = |name: &str, start, end| JunitCase { name: name.to_owned(), span: Span::new(start, end) };
    let whole = u32::try_from(SCHOLAR.len()).expect("a short text");
    let files = [
        JunitFile { name: "contracts/fine.role".to_owned(), cases: vec![role("role fine", 0, 10)] },
        JunitFile { name: "contracts/scholar.role".to_owned(), cases: vec![role("role zhanguoce_scholar", 0, whole)] },
    ];
    let mut findings = scholar();
    findings.push(across_files());
    let text = junit(&files, &findings);
    assert_snapshot!(text);
    let document = roxmltree::Document::parse(&text).expect("XML");
    let root = document.root_element();
    assert_eq!(
        (root.tag_name().name(), root.attribute("tests"), root.attribute("failures")),
        ("testsuites", Some("5"), Some("2"))
    );
    for suite in root.children().filter(roxmltree::Node::is_element) {
        let cases = suite.children().filter(|node| node.has_tag_name("testcase"));
        assert_eq!(suite.attribute("tests"), Some(cases.clone().count().to_string().as_str()));
        let failed = cases.filter(|case| case.children().any(|node| node.has_tag_name("failure"))).count();
        assert_eq!(suite.attribute("failures"), Some(failed.to_string().as_str()));
    }
}

#[test]
fn a_warning_fails_no_case() {
    let warning = Finding::new(codes::REPEATED_TERM, &Source::new("a.role", "x"), Span::new(0, 1), "twice");
    assert_eq!(warning.severity, Severity::Warning);
    let text = render(&[warning], Format::Junit);
    assert!(text.contains("failures=\"0\"") && text.contains("<system-out>") && !text.contains("<failure"), "{text}");
}

/// What a document says again after it was read.
fn read_back(message: &str, name: &str) -> (String, String) {
    let finding = Finding::new(codes::UNREADABLE, &Source::new(name, "x"), Span::new(0, 1), message);
    let text = render(&[finding], Format::Junit);
    let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).expect("a failure");
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).expect("a suite");
    (failure.attribute("message").expect("a message").to_owned(), suite.attribute("name").expect("a name").to_owned())
}

proptest! {
    /// Fails when a text ends its attribute or element early, or XML cannot hold it.
    #[test]
    fn junit_holds_any_text(message in any::<String>(), name in "[^\u{0}-\u{1F}]*") {
        let writable: String = message
            .chars()
            .map(|c| if (c < ' ' && !"\t\n\r".contains(c)) || "\u{FFFE}\u{FFFF}".contains(c) { '\u{FFFD}' } else { c })
            .collect();
        let (read_message, read_name) = read_back(&message, &name);
        prop_assert_eq!(read_message, writable);
        prop_assert_eq!(read_name, name.replace(['\u{FFFE}', '\u{FFFF}'], "\u{FFFD}"));
    }

    /// Fixes of any places: never a panic, never a syntax error more than before.
    #[test]
    fn any_fixes_can_be_applied(
        pick in any::<proptest::sample::Index>(),
        fixes in proptest::collection::vec((any::<proptest::sample::Index>(), 0u32..30, "[a-z{}\"|\n ]{0,6}"), 1..6),
    ) {
        let all = contracts_and_examples();
        let picked: &String = pick.get(&all);
        let source = Source::new("a.role", picked);
        let errors = |text: &str| {
            let mut findings = Vec::new();
            let _tree = rolecall_dsl::parse::parse(&Source::new("a.role", text), &mut findings);
            findings.len()
        };
        let findings: Vec<Finding> = fixes
            .iter()
            .map(|(at, length, replacement)| {
                let start = at.index(source.text().len() + 5) as u32;
                let span = Span::new(start, start + length);
                Finding::new(codes::UNREADABLE, &source, span, "odd").with_fix(span, replacement.clone())
            })
            .collect();
        prop_assert!(errors(&apply(&source, &findings)) <= errors(source.text()));
    }
}

fn fixed(text: &str) -> String {
    let source = Source::new("a.role", text);
    apply(&source, &compile(&source).findings)
}

/// Fails when a fix lands next to its place, or takes its neighbour along.
#[test]
fn fixes_are_applied_in_their_places() {
    let text = "role clerk {\n    version = 1.0\n    language en\n    persona 战国\n    constraints {\n        max_sentence 4\n        response_style 反问句 >= 40\n        required_terms \"a\", \"b\"\n    }\n    fallbak \"No.\"\n}\n";
    let first = fixed(text);
    assert_eq!(
        first,
        "role clerk {\n    version  1.0\n    language en\n    persona \"战国\"\n    constraints {\n        max_sentences 4\n        response_style 反问句 >= 40%\n        required_terms \"a\" | \"b\"\n    }\n    fallback \"No.\"\n}\n"
    );
    // What was hidden behind the first mistake is found in the second round.
    assert_eq!(fixed(&first), first.replace("version  1.0\n", "version  1.0.0\n"));
}

/// Fails when the second of two fixes for one place is applied to the result of the first, when a fix
/// of another file is applied here, or when one that breaks the file is.
#[test]
fn fixes_that_do_not_fit_are_left_out() {
    let source = Source::new("a.role", "role clerk { version 1.0.0 }\n");
    let other = Source::new("b.role", "role clerk { version 1.0.0 }\n");
    let fix = |source: &Source, start, end, text: &str| {
        Finding::new(codes::WRONG_VALUE, source, Span::new(start, end), "odd").with_fix(Span::new(start, end), text)
    };
    let findings = [
        fix(&source, 21, 26, "2.0.0"),
        fix(&source, 23, 24, "9"),
        fix(&other, 5, 10, "baker"),
        fix(&source, 11, 12, "["),
        fix(&source, 900, 901, "x"),
        fix(&source, 21, 26, "2.0.0"),
    ];
    assert_eq!(apply(&source, &findings), "role clerk { version 2.0.0 }\n");
    assert_eq!(apply(&source, &[]), source.text());
}
