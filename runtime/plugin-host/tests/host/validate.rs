use crate::guests::{host, mode, params};

/// Fails when a finding does not say which parameter it is about.
#[tokio::test]
async fn findings_name_the_parameter() {
    let host = host(&["classical_tone", "hostile"]);
    let cases = [
        (r#"{"max_modern": "two"}"#, "max_modern"),
        (r#"{"max_modern": -1}"#, "max_modern"),
        (r#"{"extra": ["ok", 7]}"#, "extra"),
        (r#"{"maximum": 2}"#, "maximum"),
        // Fits the schema; the policy itself refuses it.
        (r#"{"allow": [" "]}"#, "allow"),
    ];
    for (json, param) in cases {
        let findings = host.validate("classical_tone", &params(json)).await.expect_err(json);
        assert_eq!(findings.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), [param], "{json}: {findings:?}");
    }
    assert_eq!(host.validate("classical_tone", &params(r#"{"max_modern": 1, "extra": ["灵石"]}"#)).await, Ok(()));
    let required = host.validate("hostile", &params("{}")).await.expect_err("required");
    assert_eq!(required[0].0, "mode");
    let slow = host.validate("hostile", &mode("spin_create")).await.expect_err("a loop");
    assert!(slow[0].1.contains("`create` ran longer than 250 ms"), "{slow:?}");
    let missing = host.validate("nobody", &params("{}")).await.expect_err("missing");
    assert!(missing[0].1.contains("not in force"), "{missing:?}");
}
