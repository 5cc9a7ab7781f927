//! The five stages, and how far a role came.

use rolecall_dsl::diagnostic::{Code, Finding, Severity, codes};
use serde::{Deserialize, Serialize};

/// A stage. A role that fails one does not enter the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    /// The file can be read.
    Syntax,
    /// Names and types, plugin parameters included.
    Names,
    /// The rules can be kept together.
    Conflicts,
    /// The contract's own texts, judged by the checker and the plugins.
    Sandbox,
    /// A model's turns through the whole enforcement.
    Inference,
}

impl Stage {
    /// How many there are.
    pub(super) const COUNT: usize = 5;

    /// The stage that gives findings of this code.
    pub(super) fn of(code: Code) -> Self {
        match code {
            Code(0..=99) if ![codes::NO_ROLE, codes::NOT_IMPLEMENTED].contains(&code) => Self::Syntax,
            Code(300..=399) => Self::Conflicts,
            codes::PLUGIN_FAILED | Code(400..=499) => Self::Sandbox,
            Code(600..=699) => Self::Inference,
            Code(_) => Self::Names,
        }
    }

    /// The first stage that these errors fail; `None` without errors.
    pub(super) fn failed(findings: &[Finding]) -> Option<Self> {
        findings.iter().filter(|it| it.severity == Severity::Error).map(|it| Self::of(it.code)).min()
    }

    /// From 1.
    pub(super) fn number(self) -> usize {
        match self {
            Self::Syntax => 1,
            Self::Names => 2,
            Self::Conflicts => 3,
            Self::Sandbox => 4,
            Self::Inference => 5,
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Syntax => "syntax",
            Self::Names => "names and types",
            Self::Conflicts => "conflicts",
            Self::Sandbox => "sandbox",
            Self::Inference => "inference",
        })
    }
}
