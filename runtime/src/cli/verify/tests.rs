//! Whole folders through every stage.

use rolecall_dsl::diagnostic::codes;
use tempfile::TempDir;

use super::*;

fn role(body: &str) -> String {
    format!("role clerk {{\n    version 1.0.0\n    language en\n    persona \"A clerk of a book shop\"\n{body}\n}}\n")
}

const RULES: &str =
    "    constraints {\n        short: max_sentences 2\n        secrets: forbidden_terms \"password\"\n    }\n";

async fn check(files: &[(&str, &str)]) -> (TempDir, anyhow::Result<Verification>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let sources = Sources { directory: dir.path().to_owned(), ..Sources::default() };
    let mut config = sources.read().unwrap().config;
    config.plugins = dir.path().join("plugins");
    config.data = dir.path().join("data");
    let paths = [dir.path().to_owned()];
    let verified =
        verify(&config, &paths, Options::default(), None, true).await.map(|(verification, _plugins)| verification);
    (dir, verified)
}

async fn codes_of(text: &str) -> Vec<String> {
    let (_dir, verified) = check(&[("clerk.role", text)]).await;
    verified.unwrap().findings.iter().map(|finding| finding.code.to_string()).collect()
}

// Fails when a sound contract is refused, or passes without being judged and rehearsed.
#[tokio::test]
async fn a_sound_contract_passes_every_stage() {
    let text = role(&format!(
        "{RULES}    fallback \"I cannot help with that.\"\n    cases {{\n        \
         case \"greets\" {{ user \"Hello\"  reply \"Good day.\"  expect pass }}\n        \
         case \"keeps secrets\" {{ user \"Tell me\"  reply \"The password is 1234.\"  expect violates secrets }}\n    }}"
    ));
    let (_dir, verified) = check(&[("clerk.role", &text)]).await;
    let verified = verified.unwrap();
    assert!(verified.findings.is_empty(), "{:?}", verified.findings);
    let shown = summary::render(Format::Human, &verified, &LoadReport::default());
    assert!(shown.contains("ok       clerk@1.0.0: 2 rules, 3 replies judged, 2 turns rehearsed"), "{shown}");
    assert!(shown.ends_with("1 file: 0 errors, 0 warnings\n"), "{shown}");
}

// Fails when verifying names another mode than replies go out in.
#[tokio::test]
async fn the_mode_is_the_one_that_replies_go_out_in() {
    let late = "    constraints { closing: required_terms any \"Anything else?\" }";
    let fallback = "\n    fallback \"Pardon. Anything else?\"";
    for (text, mode) in [
        (role(RULES), "delivered by token"),
        (role(&format!("{late}{fallback}")), "delivered by sentence"),
        (role(late), "delivered by full"),
    ] {
        let (_dir, verified) = check(&[("clerk.role", &text)]).await;
        let shown = summary::render(Format::Human, &verified.unwrap(), &LoadReport::default());
        assert!(shown.contains(mode), "{shown}");
    }
}

// Fails when a case is believed instead of tried.
#[tokio::test]
async fn cases_are_tried() {
    let wrong_pass = "case \"a\" { user \"Hi\"  reply \"One. Two. Three.\"  expect pass }";
    assert!(
        codes_of(&role(&format!("{RULES}    cases {{ {wrong_pass} }}"))).await.contains(&codes::CASE_FAILS.to_string())
    );
    let wrong_fail = "case \"a\" { user \"Hi\"  reply \"One.\"  expect violates short }";
    assert!(
        codes_of(&role(&format!("{RULES}    cases {{ {wrong_fail} }}")))
            .await
            .contains(&codes::CASE_PASSES.to_string())
    );
    let fallback = "    fallback \"Your password is lost.\"";
    assert!(codes_of(&role(&format!("{RULES}{fallback}"))).await.contains(&codes::FALLBACK_VIOLATES.to_string()));
}

// Fails when a plugin that is not there is passed over.
#[tokio::test]
async fn a_missing_plugin_is_an_error_with_its_remedy() {
    let text = role("    constraints { tone: policy \"classical_tone\" { min_score 0.7 } }");
    let (_dir, verified) = check(&[("clerk.role", &text)]).await;
    let verified = verified.unwrap();
    assert_eq!(verified.errors(), 1);
    let finding = &verified.findings[0];
    assert_eq!((finding.code, finding.source.slice(finding.span)), (codes::PLUGIN_MISSING, "\"classical_tone\""));
    assert!(finding.help.as_ref().unwrap().contains("make plugins"), "{finding:?}");
    let allowed = "    constraints { tone: policy \"classical_tone\" { on_failure allow } }";
    let (_dir, verified) = check(&[("clerk.role", &role(allowed))]).await;
    let verified = verified.unwrap();
    assert_eq!(verified.warnings(), 1, "{:?}", verified.findings);
}

// Fails when one broken contract keeps the others from being tried, or the order is chance.
#[tokio::test]
async fn broken_contracts_are_listed_beside_sound_ones() {
    let sound = role(RULES).replace("clerk", "sound");
    let (_dir, verified) = check(&[("b.role", "role broken {"), ("a.role", &sound), ("c.role", "")]).await;
    let verified = verified.unwrap();
    let accepted: Vec<(&str, bool)> = verified.roles.iter().map(|r| (r.role.as_str(), r.accepted)).collect();
    assert!(accepted.contains(&("sound", true)) && accepted.iter().filter(|(_, ok)| !ok).count() == 2, "{accepted:?}");
    let files: Vec<&str> = verified.findings.iter().map(|f| f.source.name()).collect();
    assert!(files.is_sorted(), "{files:?}");
}

// Fails when tools get something else than they can parse.
#[tokio::test]
async fn every_format_shows_every_finding() {
    let (_dir, verified) = check(&[("clerk.role", &role("    constraints { max_sentnces 3 }"))]).await;
    let verified = verified.unwrap();
    for format in [Format::Human, Format::Short, Format::Json, Format::Github] {
        let shown = summary::render(format, &verified, &LoadReport::default());
        assert!(shown.contains("RC0201") && shown.contains("clerk.role"), "{format:?}: {shown}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&summary::render(Format::Json, &verified, &LoadReport::default())).unwrap();
    assert_eq!((&json["errors"], &json["findings"][0]["code"]), (&serde_json::json!(1), &serde_json::json!("RC0201")));
}

// Fails when an empty folder passes, which in CI would hide a wrong path.
#[tokio::test]
async fn a_folder_without_contracts_is_a_usage_error() {
    assert!(check(&[]).await.1.unwrap_err().to_string().contains("no contract file"));
}
