//! Whole folders through every stage.

mod guards;

use rolecall_dsl::diagnostic::codes;
use tempfile::TempDir;

use super::*;
use crate::config::Sources;

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
    std::fs::create_dir(&config.data).unwrap();
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
    for format in [Format::Human, Format::Short, Format::Json, Format::Github, Format::Sarif, Format::Junit] {
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

// Fails when a language error hides what is wrong with a plugin, or the file of a refused role is not named.
#[tokio::test]
async fn language_errors_hide_no_plugin_findings() {
    let text = role("    constraints { max_sentnces 3  tone: policy \"nowhere\" { x 1 } }");
    let (_dir, verified) = check(&[("clerk.role", &text)]).await;
    let verified = verified.unwrap();
    let mut found: Vec<String> = verified.findings.iter().map(|finding| finding.code.to_string()).collect();
    found.sort();
    assert_eq!(found, [codes::UNKNOWN_KIND.to_string(), codes::PLUGIN_MISSING.to_string()]);
    let shown = summary::render(Format::Human, &verified, &LoadReport::default());
    assert!(shown.contains("clerk.role: 2 errors, stopped in stage 2 of 5 (names and types)"), "{shown}");
}

// Fails when a summary does not say how far a role came.
#[tokio::test]
async fn the_stage_is_told() {
    for (text, stage) in [
        (role("    constraints {").replace("role clerk", "role clerk x"), "stage 1 of 5"),
        (role("    constraints { max_sentences 1 min_sentences 2 }"), "stage 3 of 5"),
        (role("    constraints { max_sentences 1 }\n    fallback \"One. Two.\""), "stage 4 of 5"),
        (role("    constraints { max_sentences 1 }"), "all 5 stages passed"),
    ] {
        let (_dir, verified) = check(&[("clerk.role", &text)]).await;
        let shown = summary::render(Format::Human, &verified.unwrap(), &LoadReport::default());
        assert!(shown.contains(stage), "{stage}: {shown}");
    }
}

// Fails when the interval is another one than Wilson's, whose values for these are in textbooks.
#[test]
fn the_interval_is_wilsons() {
    let near = |(low, high): (f64, f64), expected: (f64, f64)| {
        assert!((low - expected.0).abs() < 0.1 && (high - expected.1).abs() < 0.1, "{low} {high}");
    };
    near(tally::wilson(10, 10), (72.2, 100.0));
    near(tally::wilson(0, 10), (0.0, 27.8));
    near(tally::wilson(5, 10), (23.7, 76.3));
    near(tally::wilson(0, 0), (0.0, 100.0));
}

// Fails when a way of writing a rule is not changed, or is changed into something else than one step.
#[test]
fn rules_are_changed_one_step_at_a_time() {
    let what = |rule: &str| -> Vec<(String, String)> {
        let changes = rewrite::changes(rule, None, 100).0.into_iter();
        changes.map(|it| (rule.get(it.span.range()).unwrap().to_owned(), it.what)).collect()
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(what("short: max_sentences 3 { on_violation repair 2 }"), [pair("3", "4 instead of 3")]);
    assert_eq!(what("min_sentences 2"), [pair("2", "1 instead of 2")]);
    assert_eq!(what("response_style 反问句 >= 40%"), [pair("40%", "30% instead of 40%")]);
    assert_eq!(what("response_style question <= 95%"), [pair("95%", "100% instead of 95%")]);
    assert_eq!(
        what("forbidden_terms \"AI\" | /a+b/i | \"算法\""),
        [pair("\"AI\"", "\"AI\" left out"), pair("/a+b/i", "/a+b/i left out"), pair("\"算法\"", "\"算法\" left out")]
    );
    assert_eq!(what("forbidden_terms \"AI|算法\"").len(), 2);
    assert_eq!(what("forbidden_terms \"AI\"").len(), 0);
    assert_eq!(what("required_terms any \"a\" | \"b\"").last().unwrap().1, "`all` instead of `any`");
    assert_eq!(what("tone: policy \"p\" { min_score 0.7  on_failure allow }"), [pair("0.7", "0.6 instead of 0.7")]);
    assert_eq!(what("not a rule at all {{{"), []);
    let (some, rest) = rewrite::changes("forbidden_terms \"a\" | \"b\" | \"c\"", None, 1);
    assert_eq!((some.len(), rest), (1, 2));
}

// Fails when a result outlives a change of an imported file, of the options, or of the file's name.
#[test]
fn a_kept_result_follows_from_everything_it_was_made_of() {
    let dir = tempfile::tempdir().unwrap();
    let sources = Sources { directory: dir.path().to_owned(), ..Sources::default() };
    let config = sources.read().unwrap().config;
    let host = HostConfig::new(dir.path().join("plugins"));
    let (plugins, _) = PluginHost::start(host, Arc::new(Metrics::new().unwrap())).unwrap();
    let plain = Cache::open(dir.path().join("kept"), &config, Options::default(), &plugins);
    let other = Cache::open(dir.path().join("kept"), &config, Options { mutate: true, ..Options::default() }, &plugins);
    let folders = Folders::of(&[dir.path().to_owned()]);
    let name = |file: &str| dir.path().join(file).display().to_string();
    let text = format!("import \"shared/a.role\"\n{}", role(RULES));
    let source = Source::new(&name("clerk.role"), &text);
    assert_eq!(plain.key(&source, &folders), None, "what cannot be read cannot be compared later");
    std::fs::create_dir(dir.path().join("shared")).unwrap();
    let imported = |text: &str| std::fs::write(dir.path().join("shared/a.role"), text).unwrap();
    imported("import \"b.role\"\n");
    assert_eq!(plain.key(&source, &folders), None, "nor what that imports");
    std::fs::write(dir.path().join("shared/b.role"), "import \"a.role\"\n").unwrap();
    let first = plain.key(&source, &folders).unwrap();
    assert_eq!(plain.key(&source, &folders).unwrap(), first);
    assert_ne!(other.key(&source, &folders).unwrap(), first);
    assert_ne!(plain.key(&Source::new(&name("other.role"), &text), &folders).unwrap(), first);
    imported("import \"b.role\"\n// changed\n");
    assert_ne!(plain.key(&source, &folders).unwrap(), first);
}
