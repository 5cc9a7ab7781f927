//! What is held back of ordinary replies, in characters behind each delta of the model.

use anyhow::{Result, ensure};
use rolecall_dsl::source::Source;
use rolecall_dsl::{Contract, Monitor};
use rolecall_tests::replies;
use std::sync::Arc;

use super::table::Row;

/// Characters of a delta.
pub(crate) const DELTA: usize = 2;

pub(crate) fn run() -> Result<Vec<Row>> {
    let quoted: Vec<String> = replies::terms().iter().map(|term| format!("\"{term}\"")).collect();
    let contract = compile(&format!("forbidden_terms {}", quoted.join(" | ")))?;
    let (mut token, mut sentence, mut full) = (Vec::new(), Vec::new(), Vec::new());
    for reply in replies::ordinary() {
        let mut monitor = contract.program.monitor();
        let (mut taken, mut released, mut ended) = (0, 0, 0);
        for delta in deltas(reply) {
            taken += delta.chars().count();
            let out = push(&mut monitor, &delta);
            // Sentence by sentence, what is out is what stood before the last known end of one.
            ended = out.1.map_or(ended, |end| released + end);
            released += out.0;
            token.push(taken - released);
            sentence.push(taken - ended);
            full.push(taken);
        }
        ensure!(contract.program.check(reply).passes(), "{reply:?} is no ordinary reply");
    }
    let modes = [("token", token), ("sentence", sentence), ("full", full)];
    Ok(modes.into_iter().flat_map(|(mode, held)| rows(mode, held)).collect())
}

/// Characters released, and where among them the last sentence ended.
fn push(monitor: &mut Monitor, delta: &str) -> (usize, Option<usize>) {
    let step = monitor.push(delta);
    let end = step.sentence_ends.last().and_then(|end| step.released.get(..*end));
    (step.released.chars().count(), end.map(|text| text.chars().count()))
}

fn rows(mode: &str, mut held: Vec<usize>) -> Vec<Row> {
    held.sort_unstable();
    let at = |percent: usize| held.get(held.len() * percent / 100).or(held.last()).copied().unwrap_or(0);
    let row =
        |(name, percent)| Row::new(format!("held behind a delta, mode {mode}, {name}"), at(percent) as f64, "chars");
    [("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)].map(row).into()
}

/// A reply as a model says it.
pub(crate) fn deltas(reply: &str) -> Vec<String> {
    reply.chars().collect::<Vec<char>>().chunks(DELTA).map(|two| two.iter().collect()).collect()
}

/// A contract of these rules.
pub(crate) fn compile(rules: &str) -> Result<Arc<Contract>> {
    let text =
        format!("role bench {{\n version 1.0.0\n language zh, en\n persona \"p\"\n constraints {{\n{rules}\n}}\n}}\n");
    let compiled = rolecall_dsl::compile(&Source::new("bench.role", &text));
    let findings: Vec<String> = compiled.findings.iter().map(|finding| finding.message.clone()).collect();
    compiled.contracts.into_iter().next().ok_or_else(|| anyhow::anyhow!("{findings:?}"))
}
