//! Contracts: reading and proving one of 12 rules and 100 terms, the corpus of hard ones, and verifying a folder of 100.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rolecall_dsl::Contract;
use rolecall_dsl::conflict::{Answer, analyse};
use rolecall_dsl::contract::{Language, Rule};
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::source::Source;
use rolecall_tests::{clock, paths, server};

use super::table::Row;

const CONTRACTS: usize = 100;

pub(crate) fn run() -> Result<Vec<Row>> {
    let mut rows = one()?;
    rows.extend(corpus()?);
    rows.extend(folder()?);
    Ok(rows)
}

fn one() -> Result<Vec<Row>> {
    let text = large("bench");
    let compiled = timed(|| rolecall_dsl::compile(&Source::new("bench.role", &text)).contracts.len() == 1);
    let contract = contract(&text)?;
    let rules: Vec<&Rule> = contract.rules.iter().filter(|rule| rule.severity == Severity::Error).collect();
    ensure!(rules.len() == 12, "{} rules", rules.len());
    let analysed = timed(|| matches!(analyse(&rules, Language::En).answer, Answer::Witness(_)));
    Ok(vec![
        Row::new("parse and check 12 rules, 100 terms", compiled, "ms").against("the limit for all together", 5.0),
        Row::new("prove that they can be kept", analysed, "ms").against("the limit for all together", 5.0),
    ])
}

/// Every contract of the corpus, most of them made to be hard.
fn corpus() -> Result<Vec<Row>> {
    let root = paths::root().join("dsl/tests/corpus");
    let mut times = Vec::new();
    for folder in ["zh", "en", "mixed", "sharp", "adversarial"] {
        for entry in std::fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            let source = Source::new(&path.display().to_string(), &std::fs::read_to_string(&path)?);
            let start = clock::now();
            std::hint::black_box(rolecall_dsl::compile(&source));
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1)).copied().unwrap_or_default();
    Ok(vec![
        Row::new(format!("read and prove one of {} hard contracts, p50", times.len()), at(50), "ms"),
        Row::new("the same, p99", at(99), "ms").against("its limit", 50.0),
        Row::new("the same, slowest", at(100), "ms"),
    ])
}

/// The program as an author calls it: cold, with what passed before remembered, and doing nothing.
fn folder() -> Result<Vec<Row>> {
    let home = tempfile::TempDir::with_prefix("rolecall-bench-")?;
    let folder = home.path().join("contracts");
    std::fs::create_dir(&folder)?;
    for number in 0..CONTRACTS {
        std::fs::write(folder.join(format!("r{number}.role")), small(number))?;
    }
    // The first call compiles the plugins, which is kept apart from what the contracts cost.
    let _plugins = call(home.path(), &["verify", "contracts", "--no-cache"])?;
    let nothing = call(home.path(), &["--version"])?;
    let cold = call(home.path(), &["verify", "contracts"])?;
    let warm = call(home.path(), &["verify", "contracts"])?;
    Ok(vec![
        Row::new(format!("verify {CONTRACTS} contracts, plugins compiled"), cold, "ms")
            .against("a program that does nothing", nothing),
        Row::new(format!("verify {CONTRACTS} contracts that passed before"), warm, "ms")
            .against("a program that does nothing", nothing),
    ])
}

/// Milliseconds of one call.
fn call(home: &Path, arguments: &[&str]) -> Result<f64> {
    let plugins = paths::plugins(&["classical_tone", "digest"])?;
    let mut command = server::bare(&paths::binary()?, home);
    command.args(arguments).env("ROLECALL_DATA", home.join("data")).env("ROLECALL_PLUGINS", plugins);
    let start = clock::now();
    let output = command.output()?;
    let millis = start.elapsed().as_secs_f64() * 1e3;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(millis)
}

fn contract(text: &str) -> Result<std::sync::Arc<Contract>> {
    let compiled = rolecall_dsl::compile(&Source::new("bench.role", text));
    compiled.contracts.into_iter().next().with_context(|| format!("{:?}", compiled.findings))
}

fn large(name: &str) -> String {
    let terms =
        |from: usize, to: usize| (from..to).map(|n| format!("\"forbidden{n:03}word\"")).collect::<Vec<_>>().join(" | ");
    format!(
        "role {name} {{\n version 1.0.0\n language en\n persona \"A clerk\"\n constraints {{\n max_sentences 4\n \
         min_sentences 2\n max_chars 400\n a: forbidden_terms {}\n b: forbidden_terms {}\n closing: required_terms any \
         \"anything else\" | \"goodbye\"\n greeting: required_terms \"welcome\"\n asks: response_style question >= 30%\n \
         must_not_match /[0-9]{{4,}}/\n c: forbidden_terms \"as an AI\"\n must_match /book/\n d: max_sentences 9\n }}\n}}\n",
        terms(0, 50),
        terms(50, 99),
    )
}

fn small(number: usize) -> String {
    format!(
        "role r{number} {{\n version 1.0.0\n language zh\n persona \"策士第{number}号\"\n constraints {{\n short: max_sentences \
         3\n modern: forbidden_terms \"算法{number}\" | \"AI\"\n rhetoric: response_style 反问句 >= 40%\n tone: policy \
         \"classical_tone\" {{ max_modern 0 }}\n }}\n cases {{\n case \"a\" {{ user \"天下如何？\" reply \
         \"难道唇亡齿寒之理，诸君不知？合纵则六国存。岂可坐待其亡？\" expect pass }}\n }}\n}}\n"
    )
}

/// Milliseconds per call: the median of nine.
fn timed(mut call: impl FnMut() -> bool) -> f64 {
    let mut times = Vec::new();
    for _ in 0..9 {
        let start = clock::now();
        std::hint::black_box(call());
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
