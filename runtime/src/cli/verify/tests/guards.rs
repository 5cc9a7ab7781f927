//! Contracts whose rules depend on the turn, and contracts that take rules from other files.

use super::*;

/// Brief in general, and with more room where money is concerned.
fn counter(more: &str) -> String {
    role(&format!(
        "    intents {{ refund \"I want my money back\" }}\n    fallback \"We pay within 30 days.\"\n    constraints {{\n        short: max_sentences 1\n        \
         when intent refund {{\n            patient: max_sentences 3\n            terms: required_terms \"30 days\"\n        \
         }}\n    }}\n{more}"
    ))
}

// Fails when a set of turns is not proved by a reply of its own, or the reply is not shown.
#[tokio::test]
async fn each_scenario_has_its_reply() {
    let (_dir, verified) = check(&[("clerk.role", &counter(""))]).await;
    let verified = verified.unwrap();
    assert!(verified.findings.is_empty(), "{:?}", verified.findings);
    let json: serde_json::Value =
        serde_json::from_str(&summary::render(Format::Json, &verified, &LoadReport::default())).unwrap();
    let scenarios = json["roles"][0]["scenarios"].as_array().unwrap();
    let names: Vec<&serde_json::Value> = scenarios.iter().map(|it| &it["name"]).collect();
    assert_eq!(names, [&serde_json::Value::Null, &serde_json::json!("intent refund")]);
    assert!(scenarios[1]["witness"].as_str().unwrap().contains("30 days"), "{scenarios:?}");
    let shown = summary::render(Format::Human, &verified, &LoadReport::default());
    for part in ["           a reply that complies: “", "           a reply that complies (intent refund): “"] {
        assert!(shown.contains(part), "{shown}");
    }
}

// Fails when a guarded rule that is left out is only missing, and the rule whose place it takes stays away.
#[tokio::test]
async fn an_unguarded_rule_comes_back_when_the_guarded_one_goes() {
    let cases = "    cases {\n        case \"a\" { user \"I want my money back\"  \
                 reply \"Sorry. We pay within 30 days.\"  expect pass }\n    }";
    let compiled = rolecall_dsl::compile(&Source::new("clerk.role", &counter(cases)));
    let contract = compiled.contracts.into_iter().next().unwrap_or_else(|| panic!("{:?}", compiled.findings));
    let dir = tempfile::tempdir().unwrap();
    let host = HostConfig::new(dir.path().join("plugins"));
    let (plugins, _) = PluginHost::start(host, Arc::new(Metrics::new().unwrap())).unwrap();
    let (mutation, _) = mutation::run(&contract, &plugins).await;
    let survivors: Vec<(&str, &str)> =
        mutation.survivors.iter().map(|it| (it.rule.as_str(), it.change.as_str())).collect();
    assert!(survivors.contains(&("patient", "4 instead of 3")), "{survivors:?}");
    assert!(survivors.contains(&("short", "dropped")), "no case is a turn without the intent: {survivors:?}");
    assert!(!survivors.contains(&("patient", "dropped")), "{survivors:?}");
}

// Fails when a single contract cannot be verified where it is, or imports lead out of the folder of contracts.
#[tokio::test]
async fn one_file_of_the_folder_has_the_imports_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    write("contracts/shared/brief.role", "rules brief { short: max_sentences 2 }\n");
    let text = format!("import \"../shared/brief.role\"\n{}", role("    constraints { use brief }"));
    let (inside, outside) = (write("contracts/shop/clerk.role", &text), write("other/clerk.role", &text));
    write("shared/brief.role", "rules brief { short: max_sentences 2 }\n");
    let sources = Sources { directory: dir.path().to_owned(), ..Sources::default() };
    let mut config = sources.read().unwrap().config;
    (config.contracts, config.data) = (dir.path().join("contracts"), dir.path().join("data"));
    config.plugins = dir.path().join("plugins");
    std::fs::create_dir(&config.data).unwrap();
    for (file, accepted) in [(inside, true), (outside, false)] {
        for _remembered in 0..2 {
            let paths = std::slice::from_ref(&file);
            let (verified, _) = verify(&config, paths, Options::default(), None, true).await.unwrap();
            assert_eq!(verified.roles[0].accepted, accepted, "{}: {:?}", file.display(), verified.findings);
        }
    }
}
