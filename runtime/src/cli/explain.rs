//! `rolecall explain CODE`.

use anyhow::bail;
use clap::Args;
use rolecall_dsl::diagnostic::codes::{self, Declaration};

use super::{DONE, print, print_line};

/// Explains a finding code.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The code, such as RC0301; without one, all are listed.
    code: Option<String>,
}

pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<u8> {
    let Some(code) = &args.code else {
        for declared in codes::ALL {
            print_line(&line(declared))?;
        }
        return Ok(DONE);
    };
    let by_name = || codes::ALL.iter().find(|declared| declared.name.eq_ignore_ascii_case(code)).map(|d| d.page);
    let Some(page) = codes::explain(code).or_else(by_name) else {
        bail!("there is no code {code}; `rolecall explain` lists them");
    };
    print(page)?;
    Ok(DONE)
}

fn line(declared: &Declaration) -> String {
    let severity = format!("{:?}", declared.severity).to_lowercase();
    format!("{} {severity} {}: {}", declared.code, declared.name, declared.summary)
}
