use rolecall_plugin::PolicyError;
use rolecall_plugin::testing::Constraint;
use serde::Deserialize;
use serde_json::Value;

use super::Policy;

#[derive(Deserialize)]
struct Golden {
    params: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    params: Option<Value>,
    reply: String,
    violations: Vec<Expected>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Expected {
    rule: String,
    spans: Vec<(usize, usize)>,
}

/// Every case of `cases.json`, whole and however it is cut.
#[test]
fn the_cases_hold() {
    let golden: Golden = serde_json::from_str(include_str!("../cases.json")).unwrap();
    for case in golden.cases {
        let params = case.params.as_ref().unwrap_or(&golden.params).to_string();
        let policy = Constraint::<Policy>::create(&params).unwrap();
        let found = policy
            .check(&case.reply)
            .unwrap()
            .into_iter()
            .map(|violation| Expected {
                rule: violation.rule,
                spans: violation
                    .spans
                    .into_iter()
                    .map(|span| (span.start, span.end))
                    .collect(),
            });
        assert_eq!(found.collect::<Vec<_>>(), case.violations, "{}", case.name);
        policy.assert_streams(&case.reply);
    }
}

#[test]
fn an_empty_word_is_refused() {
    let refused = Constraint::<Policy>::create(r#"{ "words": ["AI", ""] }"#);
    assert!(matches!(refused, Err(PolicyError::BadParams(bad)) if bad.param == "words"));
}
