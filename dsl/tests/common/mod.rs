//! Contracts from the rules of a test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]
#![allow(dead_code, reason = "each test file uses some of it")]

use std::sync::Arc;

use rolecall_dsl::contract::OnViolation;
use rolecall_dsl::source::Source;
use rolecall_dsl::{Contract, Program, compile};

/// A contract with these rules.
pub(crate) fn contract(rules: &str) -> Arc<Contract> {
    let text = format!(
        "role test {{\n version 1.0.0\n language zh, en\n persona \"persona\"\n constraints {{\n{rules}\n}}\n}}\n"
    );
    let compiled = compile(&Source::new("test.role", &text));
    let messages: Vec<&str> = compiled.findings.iter().map(|finding| finding.message.as_str()).collect();
    let mut readable = compiled.contracts.into_iter().chain(compiled.contradictory);
    readable.next().unwrap_or_else(|| panic!("{messages:?}"))
}

/// Its program.
pub(crate) fn program(rules: &str) -> Arc<Program> {
    Arc::clone(&contract(rules).program)
}

/// The same with other replacements than loading lets through: what is checked when a contract is read
/// is not relied on when it runs.
#[allow(dead_code, reason = "each test file uses some of it")]
pub(crate) fn program_replacing(rules: &str, by: &str) -> Arc<Program> {
    let mut rules = contract(rules).rules.clone();
    for rule in &mut rules {
        if let OnViolation::Redact(text) = &mut rule.on_violation {
            by.clone_into(text);
        }
    }
    Arc::new(Program::new(&rules))
}
