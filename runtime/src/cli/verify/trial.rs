//! The stages behind compiling, for one role.

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::conflict::review;
use rolecall_dsl::diagnostic::{Finding, Severity};

use super::bench::Bench;
use super::coverage::Coverage;
use super::inference::Inference;
use super::mutation::Mutation;
use super::stages::Stage;
use super::tally::Tally;
use super::witness::Proved;
use super::{coverage, inference, mutation, witness};
use crate::contracts::sandbox::Sandbox;
use crate::contracts::{check_policies, sandbox};

/// What became of one contract.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) findings: Vec<Finding>,
    /// The last stage that it entered.
    pub(super) stage: Stage,
    /// Replies judged: cases, fallback, samples.
    pub(super) judged: usize,
    /// What shows that its rules can be kept, scenario by scenario.
    pub(super) scenarios: Vec<Proved>,
    /// User turns answered by the model.
    pub(super) turns: Tally,
    pub(super) coverage: Option<Coverage>,
    pub(super) mutation: Option<Mutation>,
}

/// Takes a compiled contract through the remaining stages.
pub(super) async fn run(contract: &Arc<Contract>, bench: &Bench) -> Trial {
    let mut trial = Trial {
        findings: check_policies(contract, &bench.plugins).await,
        stage: Stage::Names,
        judged: 0,
        scenarios: Vec::new(),
        turns: Tally::default(),
        coverage: None,
        mutation: None,
    };
    if trial.has_errors() {
        return trial;
    }
    trial.findings.extend(review(contract));
    // What does not go together was found while compiling.
    trial.stage = Stage::Sandbox;
    let Sandbox { findings, judged, cases } = sandbox::run(contract, &bench.plugins).await;
    trial.findings.extend(findings);
    trial.judged = judged;
    let (scenarios, findings) = witness::run(contract, &bench.plugins).await;
    trial.findings.extend(findings);
    trial.scenarios = scenarios;
    let covered = Coverage::of(contract, &cases);
    if bench.options.coverage {
        trial.findings.extend(coverage::notes(contract, &covered));
    }
    trial.coverage = Some(covered);
    if trial.has_errors() {
        return trial;
    }
    trial.stage = Stage::Inference;
    let Inference { findings, tally } = inference::run(contract, bench).await;
    trial.findings.extend(findings);
    trial.turns = tally;
    if bench.options.mutate {
        let (mutation, findings) = mutation::run(contract, &bench.plugins).await;
        trial.findings.extend(findings);
        trial.mutation = Some(mutation);
    }
    trial
}

impl Trial {
    fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}
