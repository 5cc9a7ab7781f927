//! `rolecall prompt ROLE`: what the model is told.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::{DONE, print_line, settings};
use crate::contracts::Contracts;

/// Shows a role's system prompt.
#[derive(Debug, Args)]
pub(super) struct PromptArgs {
    /// The role.
    role: String,
    /// Folder of the contracts, or one contract file.
    #[arg(long, value_name = "DIR")]
    contracts: Option<PathBuf>,
}

pub(super) fn run(args: &PromptArgs) -> anyhow::Result<u8> {
    let config = settings()?;
    let folder = args.contracts.as_ref().unwrap_or(&config.contracts);
    let (contracts, _findings) = Contracts::load(folder)?;
    let Some(contract) = contracts.get(&args.role) else {
        if contracts.refusal(&args.role).is_some() {
            bail!("the contract of {} has errors; `rolecall verify {}` shows them", args.role, folder.display());
        }
        let known: Vec<String> = contracts.list().iter().map(|contract| contract.name.clone()).collect();
        bail!("there is no role {} in {}; there are: {}", args.role, folder.display(), known.join(", "));
    };
    print_line(&contract.prompt())?;
    Ok(DONE)
}
