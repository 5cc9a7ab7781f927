//! `rolecall verify` beyond the plain stages: real models, repetitions, coverage, changed rules, what
//! is remembered; and `rolecall diff`.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use rolecall_tests::upstream::{self, Script, Upstream, directive};
use rolecall_tests::{paths, server};
use serde_json::{Value, json};
use tempfile::TempDir;

fn rolecall(home: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = server::bare(&paths::binary()?, home);
    command.args(arguments).env("ROLECALL_DATA", home.join("data")).env("ROLECALL_MODEL_KEY", upstream::KEY);
    Ok(command.output()?)
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn read(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout).with_context(|| said(output))
}

/// A home with these files in it.
fn home(files: &[(&str, String)]) -> Result<TempDir> {
    let home = TempDir::with_prefix("rolecall-verify-")?;
    for (name, text) in files {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().context("a folder")?)?;
        std::fs::write(path, text)?;
    }
    Ok(home)
}

fn clerk(rules: &str, cases: &str) -> String {
    format!(
        "role clerk {{\n    version 1.0.0\n    language en\n    persona \"A clerk\"\n    \
         constraints {{ {rules} }}\n    cases {{ {cases} }}\n}}\n"
    )
}

/// A text as a contract writes it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

// Fails when a real model is not asked as often as said, with the same seed each time, or its bad
// replies are lost in the count.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_model_is_asked_and_its_failures_are_shown() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let good = || Script::say(&["Good day."]);
    let sometimes = directive(&[good(), Script::say(&["The pass", "word is 1234."]), good()]);
    let cases = format!(
        "case \"leaks\" {{ user {} }} case \"keeps\" {{ user {} }}",
        quoted(&sometimes),
        quoted(&directive(&[good()]))
    );
    let home = home(&[("clerk.role", clerk("secrets: forbidden_terms \"password\" { on_violation reject }", &cases))])?;
    let url = upstream.url();
    let call = ["verify", "clerk.role", "--model", &url, "--model-name", "scripted", "--repeat", "4"];
    let output = rolecall(home.path(), &[&call[..], &["--format", "json"]].concat())?;
    ensure!(output.status.code() == Some(1), "{}", said(&output));
    let report = read(&output)?;
    let turns = &report["roles"][0]["turns"];
    let expected = json!({"cases": 2, "repeat": 4, "turns": 8, "kept": 7, "always": 1, "repaired": 0, "fallback": 0, "refused": 1, "failed": 0});
    ensure!(*turns == expected, "{turns:#}");
    ensure!(report["roles"][0]["stage"] == "inference" && report["roles"][0]["accepted"] == false, "{report:#}");
    let finding = &report["findings"][0];
    ensure!(
        finding["code"] == "RC0601" && finding["message"].as_str().is_some_and(|it| it.contains("1 of 4")),
        "{finding}"
    );
    let reply = finding["related"][0]["message"].as_str().unwrap_or_default();
    ensure!(reply.contains("The password") && reply.contains("secrets"), "the reply and its rules: {finding}");
    let mut seeds: Vec<u64> = upstream.requests().iter().filter_map(|request| request["seed"].as_u64()).collect();
    seeds.sort_unstable();
    ensure!(seeds == [0, 0, 1, 1, 2, 2, 3, 3], "{seeds:?}");
    let shown = said(&rolecall(home.path(), &["verify", "clerk.role", "--repeat", "3"])?);
    ensure!(shown.contains("pass^1 ") && shown.contains("pass^3 "), "{shown}");
    Ok(())
}

// Fails when plugins are not asked about samples of the tone and about the reply that the analysis found.
#[test]
fn plugins_judge_samples_and_witnesses() -> Result<()> {
    let text = "role scholar {\n    version 1.0.0\n    language zh\n    persona \"战国策士\"\n    \
                style [\"我用电脑给你发邮件。\"]\n    constraints {\n        topic: required_terms \"电脑\"\n        tone: policy \"classical_tone\" { extra [\"电脑\"] }\n    }\n}\n";
    let home = home(&[("scholar.role", text.to_owned())])?;
    let plugins = paths::plugins(&["classical_tone"])?.display().to_string();
    let output = rolecall(home.path(), &["verify", "scholar.role", "--plugins", &plugins, "--format", "json"])?;
    ensure!(output.status.code() == Some(1), "{}", said(&output));
    let report = read(&output)?;
    let findings = report["findings"].as_array().context("no findings")?;
    let found: Vec<(&str, &str)> =
        findings.iter().filter_map(|it| Some((it["code"].as_str()?, it["severity"].as_str()?))).collect();
    ensure!(found == [("RC0408", "error"), ("RC0312", "note"), ("RC0507", "note")], "{found:?}\n{report:#}");
    Ok(())
}

// Fails when a model that cannot be reached, or is not named, looks like a contract that holds.
#[test]
fn a_model_that_is_not_there_is_not_a_pass() -> Result<()> {
    let home = home(&[("clerk.role", clerk("max_sentences 2", "case \"a\" { user \"Hello\" }"))])?;
    let nobody = format!("http://{}/v1", server::free_port()?);
    let call = ["verify", "clerk.role", "--model", &nobody, "--model-name", "x"];
    let output = rolecall(home.path(), &call)?;
    ensure!(output.status.code() == Some(1) && said(&output).contains("RC0601"), "{}", said(&output));
    for wrong in [
        &call[..4],
        &["verify", "clerk.role", "--model", "nonsense", "--model-name", "x"],
        &["verify", "--repeat", "0"],
    ] {
        let output = rolecall(home.path(), wrong)?;
        ensure!(output.status.code() == Some(2), "{wrong:?}: {}", said(&output));
    }
    Ok(())
}

// Fails when a rule that no case breaks counts as covered, or a change that no case notices is not told.
#[test]
fn coverage_and_changes_are_told() -> Result<()> {
    let cases = "case \"a\" { user \"Hi\"  reply \"One. Two.\"  expect pass }\n\
                 case \"b\" { reply \"One. Two. Three. Four. Five.\"  expect violates short }";
    let home =
        home(&[("clerk.role", clerk("short: max_sentences 3 secrets: forbidden_terms \"a1\" | \"b2\"", cases))])?;
    let output = rolecall(home.path(), &["verify", "clerk.role", "--mutate", "--coverage", "--format", "json"])?;
    ensure!(output.status.code() == Some(0), "{}", said(&output));
    let report = read(&output)?;
    let role = &report["roles"][0];
    ensure!(role["coverage"] == json!({"covered": 1, "rules": 2, "uncovered": ["secrets"]}), "{role:#}");
    let survivors = role["mutation"]["survivors"].as_array().context("no survivors")?;
    let changes: Vec<(&str, &str)> = survivors
        .iter()
        .map(|it| (it["rule"].as_str().unwrap_or_default(), it["change"].as_str().unwrap_or_default()))
        .collect();
    ensure!(changes == [("short", "4 instead of 3"), ("secrets", "dropped")], "{changes:?}");
    let codes: Vec<&str> =
        report["findings"].as_array().into_iter().flatten().filter_map(|it| it["code"].as_str()).collect();
    ensure!(codes == ["RC0603", "RC0602", "RC0603"], "{codes:?}");
    let quiet = rolecall(home.path(), &["verify", "clerk.role"])?;
    let shown = said(&quiet);
    ensure!(shown.contains("covered 1 of 2 rules; no case breaks: secrets") && !shown.contains("RC06"), "{shown}");
    // A case at each edge leaves nothing to survive.
    let cases = "case \"a\" { reply \"One. Two. Three.\"  expect pass }\n\
                 case \"b\" { reply \"One. Two. Three. Four.\"  expect violates short }\n\
                 case \"c\" { reply \"a1\"  expect violates secrets } case \"d\" { reply \"b2\"  expect violates secrets }";
    std::fs::write(
        home.path().join("clerk.role"),
        clerk("short: max_sentences 3 secrets: forbidden_terms \"a1\" | \"b2\"", cases),
    )?;
    let shown = said(&rolecall(home.path(), &["verify", "clerk.role", "--mutate"])?);
    ensure!(shown.contains("cases notice 5 of 5 changes") && shown.contains("covered 2 of 2 rules"), "{shown}");
    Ok(())
}

/// The entries of the cache.
fn entries(home: &Path) -> Result<Vec<PathBuf>> {
    let folder = home.join("data/cache/verify");
    let files: Vec<PathBuf> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    Ok(files)
}

// Fails when what is remembered differs from what is found, outlives a change, or is believed when damaged.
#[test]
fn what_passed_is_remembered_and_nothing_else() -> Result<()> {
    let sound = clerk(
        "short: max_sentences 3 forbidden_terms \"a\" | \"a\"",
        "case \"a\" { user \"Hi\"  reply \"One.\"  expect pass }",
    );
    let home = home(&[
        ("contracts/a.role", sound.clone()),
        ("contracts/b.role", clerk("max_sentnces 3", "").replace("clerk", "broken")),
    ])?;
    std::fs::create_dir(home.path().join("data"))?;
    let run = |more: &[&str]| rolecall(home.path(), &[&["verify", "contracts", "--format", "json"], more].concat());
    let first = run(&[])?;
    ensure!(first.status.code() == Some(1) && said(&first).contains("RC0306"), "{}", said(&first));
    let kept = entries(home.path())?;
    ensure!(kept.len() == 1, "only what passed is kept: {kept:?}");
    for (what, damage) in [("untouched", None), ("empty", Some("")), ("nonsense", Some("{}\n{}"))] {
        if let Some(damage) = damage {
            std::fs::write(&kept[0], damage)?;
        }
        let again = run(&[])?;
        ensure!(again.stdout == first.stdout, "{what}: {}\n{}", said(&first), said(&again));
    }
    // A kept result that is tampered with in one letter is not believed either.
    let text = std::fs::read_to_string(&kept[0])?;
    std::fs::write(&kept[0], text.replace("clerk", "clark"))?;
    ensure!(run(&[])?.stdout == first.stdout, "{}", said(&run(&[])?));
    ensure!(run(&["--no-cache"])?.stdout == first.stdout);
    std::fs::write(home.path().join("contracts/a.role"), sound.replace("reply \"One.\"", "reply \"a\""))?;
    ensure!(said(&run(&[])?).contains("RC0402"), "a changed file was not tried: {}", said(&run(&[])?));
    // Two sound files that were remembered one by one still cannot have one name.
    std::fs::write(home.path().join("contracts/a.role"), &sound)?;
    std::fs::write(home.path().join("contracts/b.role"), sound.replace("\"One.\"", "\"Two.\""))?;
    for _ in 0..2 {
        ensure!(said(&run(&[])?).contains("RC0106"), "{}", said(&run(&[])?));
    }
    Ok(())
}

// Fails when a command that only reads leaves something where it is called, or its remedies leave what an input method
// typed.
#[test]
fn nothing_is_left_behind() -> Result<()> {
    let sound = clerk("short: max_sentences 3", "case \"a\" { user \"Hi\"  reply \"One.\"  expect pass }");
    let (home, caches) = (home(&[("contracts/a.role", sound.clone())])?, TempDir::new()?);
    let call = |arguments: &[&str]| -> Result<Output> {
        let mut command = server::bare(&paths::binary()?, home.path());
        Ok(command.args(arguments).env("HOME", caches.path()).output()?)
    };
    for arguments in [&["verify", "contracts"][..], &["explain", "clerk"], &["prompt", "clerk"]] {
        let output = call(arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {}", said(&output));
    }
    let there: Vec<_> = std::fs::read_dir(home.path())?.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
    ensure!(there == ["contracts"], "{there:?}");
    ensure!(caches.path().join(".cache/rolecall/verify").is_dir(), "what passed is remembered elsewhere");
    let typed = "constraints { short：max_sentences ３；secrets: forbidden_terms \"a1\"，\"b2\"、\"c3\" }";
    let rules = "constraints { short: max_sentences 3 }";
    std::fs::write(home.path().join("contracts/a.role"), sound.replace(rules, typed))?;
    let output = call(&["verify", "--fix", "contracts"])?;
    ensure!(output.status.success() && said(&output).contains("1 file changed"), "{}", said(&output));
    Ok(())
}

// Fails when the pages of codes need a folder of contracts, or a code that is none is taken for a role.
#[test]
fn codes_are_explained_anywhere() -> Result<()> {
    let empty = TempDir::new()?;
    for code in ["RC0201", "rc0201", "[RC0201]", "unknown-kind"] {
        let output = rolecall(empty.path(), &["explain", code])?;
        ensure!(
            output.status.success() && said(&output).contains("# RC0201 unknown-kind"),
            "{code}: {}",
            said(&output)
        );
    }
    let output = rolecall(empty.path(), &["explain", "RC9999"])?;
    ensure!(
        said(&output).contains("there is no code RC9999") && !said(&output).contains("folder"),
        "{}",
        said(&output)
    );
    Ok(())
}

// Fails when the result does not follow what the comparison says, or a wrong call looks like a result.
#[test]
fn diff_says_what_gets_through() -> Result<()> {
    let cases = "case \"a\" { reply \"One.\"  expect pass }";
    let home = home(&[
        ("old/clerk.role", clerk("max_sentences 3", cases)),
        ("new/clerk.role", clerk("max_sentences 9", cases).replace("A clerk", "A kind clerk")),
        ("new/porter.role", clerk("max_sentences 3", cases).replace("clerk", "porter")),
        ("tight.role", clerk("max_sentences 1", cases)),
        ("bad.role", clerk("max_sentnces 3", cases)),
    ])?;
    let diff = |arguments: &[&str]| rolecall(home.path(), &[&["diff"], arguments].concat());
    let same = diff(&["old", "old"])?;
    ensure!(same.status.code() == Some(0) && said(&same).contains("clerk 1.0.0: equal"), "{}", said(&same));
    let wider = diff(&["old", "new"])?;
    let shown = said(&wider);
    ensure!(wider.status.code() == Some(1), "{shown}");
    for part in ["changed  persona: \"A clerk\" → \"A kind clerk\"", "porter: added", "should be a major step"] {
        ensure!(shown.contains(part), "no {part:?} in {shown}");
    }
    let allowed = diff(&["old", "new", "--allow", "wider", "--format", "json"])?;
    ensure!(allowed.status.code() == Some(0), "{}", said(&allowed));
    ensure!(read(&allowed)?["added"] == json!(["porter"]), "{}", said(&allowed));
    let one = diff(&["old", "new", "--role", "porter"])?;
    ensure!(one.status.code() == Some(0) && !said(&one).contains("clerk 1"), "{}", said(&one));
    ensure!(shown.contains("WIDER") && shown.contains("only the new contract allows: "), "{shown}");
    let tight = diff(&["old", "tight.role", "--format", "json"])?;
    let relation = &read(&tight)?["roles"][0];
    ensure!(tight.status.code() == Some(0) && relation["relation"] == "narrower", "{relation}");
    ensure!(relation["scenarios"][0]["only_old"].is_string(), "{relation}");
    for wrong in [&["old", "nowhere"][..], &["old"], &["old", "bad.role"], &["old", "new", "--role", "nobody"]] {
        let output = diff(wrong)?;
        ensure!(output.status.code() == Some(2), "{wrong:?}: {}", said(&output));
    }
    Ok(())
}

// Fails when code scanning or a test report gets something else than a document with every role in it.
#[test]
fn machines_get_whole_documents() -> Result<()> {
    let cases = "case \"a\" { reply \"One.\"  expect pass }";
    let home = home(&[
        ("contracts/a.role", clerk("max_sentences 3", cases)),
        ("contracts/b.role", clerk("max_sentnces 3", cases).replace("clerk", "broken")),
    ])?;
    let run = |format: &str| rolecall(home.path(), &["verify", "contracts", "--format", format]);
    let sarif = run("sarif")?;
    ensure!(sarif.status.code() == Some(1), "{}", said(&sarif));
    let result = &read(&sarif)?["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    ensure!(result["ruleId"] == "RC0201" && place["artifactLocation"]["uri"] == "contracts/b.role", "{result:#}");
    let junit = said(&run("junit")?);
    for part in ["role clerk", "role broken", "failures=\"1\"", "RC0201"] {
        ensure!(junit.contains(part), "no {part:?} in {junit}");
    }
    ensure!(said(&run("github")?).contains("::error file=contracts/b.role,line=5"), "{}", said(&run("github")?));
    Ok(())
}

// Fails when a remedy is not applied, touches a file that needs none, or what is left is not reported.
#[test]
fn remedies_are_applied() -> Result<()> {
    let sound = clerk("max_sentences 3", "");
    let home = home(&[
        ("contracts/a.role", clerk("max_sentnces 3", "")),
        ("contracts/b.role", sound.replace("clerk", "sound")),
        ("contracts/c.role", clerk("max_sentnces 3 max_chars x", "").replace("clerk", "hopeless")),
    ])?;
    let output = rolecall(home.path(), &["verify", "contracts", "--fix"])?;
    let shown = said(&output);
    ensure!(output.status.code() == Some(1) && shown.contains("2 files changed"), "{shown}");
    ensure!(std::fs::read_to_string(home.path().join("contracts/a.role"))? == sound);
    ensure!(shown.contains("RC0202") && !shown.contains("RC0201"), "{shown}");
    let output = rolecall(home.path(), &["verify", "contracts/a.role", "--fix"])?;
    ensure!(output.status.code() == Some(0) && said(&output).contains("0 files changed"), "{}", said(&output));
    Ok(())
}
