//! The contract's own first words, for an answer that lacks them.
//!
//! Nothing of a reply goes out before its beginning is known to be one of those that `starts_with`
//! allows. When it is none, the contract's own words take their place in front of it: a repair that
//! needs no model.

use std::sync::Arc;

use rolecall_dsl::contract::{Contract, OnViolation};
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::{Monitor, Program, Residual};

use super::join;

/// Watches how an answer begins.
#[derive(Debug)]
pub(super) struct Preface {
    /// Of the rule alone.
    monitor: Monitor,
    /// The rule's index in the contract.
    rule: usize,
    seen: String,
}

/// What is known of a beginning.
pub(super) enum Begun {
    /// Nothing yet.
    Open,
    /// It is what the rule asks for, or there is nothing to ask of it.
    Kept(String),
    /// It is not: what was said, and what follows it.
    Lost { rule: usize, seen: String, rest: String },
}

impl Preface {
    /// For the first rule about beginnings that asks for a repair.
    pub(super) fn of(contract: &Contract) -> Option<Self> {
        let asks = |rule: &&rolecall_dsl::contract::Rule| {
            let repairs = matches!(rule.on_violation, OnViolation::Repair(_));
            repairs && rule.severity == Severity::Error && !rule.constraint.openings().is_empty()
        };
        let (index, rule) = contract.rules.iter().enumerate().find(|(_, rule)| asks(rule))?;
        let program = Arc::new(Program::new(std::slice::from_ref(rule)));
        Some(Self { monitor: program.monitor(), rule: index, seen: String::new() })
    }

    /// Takes what the model says next, character by character, so that the way it is cut decides nothing.
    pub(super) fn take(&mut self, text: &str, over: bool) -> Begun {
        for (at, c) in text.char_indices() {
            self.seen.push(c);
            let residual = self.monitor.push(c.encode_utf8(&mut [0; 4])).residual;
            let rest = || text.get(at + c.len_utf8()..).unwrap_or_default();
            match residual {
                Residual::Open => {}
                Residual::Holds => return Begun::Kept(self.said() + rest()),
                Residual::Dead => {
                    return Begun::Lost { rule: self.rule, rest: rest().to_owned(), seen: self.said() };
                }
            }
        }
        if !over {
            return Begun::Open;
        }
        match self.monitor.finish().residual {
            Residual::Dead if !self.seen.trim().is_empty() => {
                Begun::Lost { rule: self.rule, seen: self.said(), rest: String::new() }
            }
            _ => Begun::Kept(self.said()),
        }
    }

    fn said(&mut self) -> String {
        std::mem::take(&mut self.seen)
    }
}

/// What was said behind the contract's own words.
pub(super) fn behind(words: &str, seen: &str) -> String {
    let seen = seen.trim_start();
    format!("{words}{}", join::behind(words, seen))
}
