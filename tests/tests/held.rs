//! Ordinary replies flow: what is held behind a delta is nothing, and hardly ever more than a word.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rolecall_dsl::Contract;
use rolecall_dsl::source::Source;
use rolecall_tests::{replies, server};

fn contract() -> Result<Arc<Contract>> {
    let terms: Vec<String> = replies::terms().iter().map(|term| format!("\"{term}\"")).collect();
    let text = format!(
        "role plain {{\n version 1.0.0\n language zh, en\n persona \"p\"\n constraints {{ forbidden_terms {} }}\n}}\n",
        terms.join(" | ")
    );
    rolecall_dsl::compile(&Source::new("plain.role", &text)).contracts.into_iter().next().context("no contract")
}

// Fails when text is held without need: a window, a word, a sentence. A head of a term holds itself.
#[test]
fn ordinary_text_is_not_held() -> Result<()> {
    let contract = contract()?;
    for size in [1, 2, 5, 9] {
        let mut held = Vec::new();
        for reply in replies::ordinary() {
            let mut monitor = contract.program.monitor();
            let (mut taken, mut released) = (0, String::new());
            for delta in reply.chars().collect::<Vec<char>>().chunks(size) {
                taken += delta.len();
                released.push_str(&monitor.push(&delta.iter().collect::<String>()).released);
                held.push(taken - released.chars().count());
            }
            released.push_str(&monitor.finish().released);
            ensure!(released == reply, "{reply:?} came out as {released:?}");
        }
        held.sort_unstable();
        let at = |percent: usize| held.get(held.len() * percent / 100).copied().unwrap_or_default();
        let figures = format!("p50 {} p90 {} p99 {} max {:?}", at(50), at(90), at(99), held.last());
        server::show(&format!("characters held behind a delta of {size}"), &figures);
        ensure!(at(50) == 0, "{figures}");
        ensure!(at(99) <= 8, "{figures}");
    }
    Ok(())
}
