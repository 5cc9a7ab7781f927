//! Findings as text, for people and for tools. Everything is rendered into a `String`; printing is
//! the caller's.

mod github;
mod human;
mod json;
mod junit;
mod sarif;
mod short;

use super::Finding;

/// How findings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Source excerpts with markers, for terminals.
    Human {
        /// Whether to use ANSI colours.
        color: bool,
    },
    /// `file:line:column: error[RC0203]: message`, a line each.
    Short,
    /// A JSON object a line; see [`JsonFinding`]. `rolecall verify` puts the same objects into one
    /// report with its roles.
    Json,
    /// GitHub workflow commands, which become annotations of a pull request.
    Github,
    /// One SARIF 2.1.0 log, for code scanning.
    Sarif,
    /// One JUnit document, for test reports; see [`junit()`], which knows what passed as well.
    Junit,
}

pub use json::{JsonFinding, JsonFix, JsonPosition, JsonRelated, JsonSpan};
pub use junit::{JunitCase, JunitFile, escaped, junit};

/// Renders findings in their order. [`Format::Sarif`] and [`Format::Junit`] give one whole document
/// over all of them, also over none. Every other format ends each finding with a line break, and no
/// findings give the empty text.
#[must_use]
pub fn render(findings: &[Finding], format: Format) -> String {
    let mut out = String::new();
    for finding in findings {
        match format {
            Format::Human { color } => human::render(finding, color, &mut out),
            Format::Short => short::render(finding, &mut out),
            Format::Json => json::render(finding, &mut out),
            Format::Github => github::render(finding, &mut out),
            Format::Sarif | Format::Junit => break,
        }
    }
    match format {
        Format::Sarif => sarif::render(findings),
        Format::Junit => junit(&[], findings),
        _ => out,
    }
}
