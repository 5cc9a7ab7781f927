//! The result, for people.

use std::io::Write;

use anyhow::Result;

use super::stores::Spread;

/// One figure.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What it is held against, with its value in the same unit.
    pub(crate) baseline: Option<(&'static str, f64)>,
    /// The rounds of which it is the middle.
    pub(crate) rounds: Option<Spread>,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, baseline: None, rounds: None }
    }

    pub(crate) fn against(mut self, what: &'static str, value: f64) -> Self {
        self.baseline = Some((what, value));
        self
    }

    pub(crate) fn within(mut self, rounds: Spread) -> Self {
        self.rounds = Some(rounds);
        self
    }
}

/// Prints the head of an aligned table.
pub(crate) fn head() -> Result<()> {
    let mut out = std::io::stdout().lock();
    Ok(writeln!(out, "{:<56} {:>14} {:<8} {:>12}  baseline", "what", "value", "unit", "× baseline")?)
}

/// Prints figures as its rows.
pub(crate) fn print(rows: &[Row]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for row in rows {
        let (ratio, mut beside) = match row.baseline {
            Some((what, value)) if value > 0.0 => (format!("{:.2}", row.value / value), format!("{what}: {value:.2}")),
            Some((what, _)) => ("-".to_owned(), format!("{what}: nothing measured")),
            None => (String::new(), String::new()),
        };
        if let Some(Spread { low, high, .. }) = row.rounds {
            let comma = if beside.is_empty() { "" } else { "; " };
            beside.push_str(&format!("{comma}rounds {low:.2} to {high:.2}"));
        }
        writeln!(out, "{:<56} {:>14.2} {:<8} {ratio:>12}  {beside}", row.what, row.value, row.unit)?;
    }
    Ok(())
}
