//! `rolecall explain CODE | ROLE | --trace ID`: what a finding means, how a role's replies go out, why a
//! reply is as it is.

mod code;
mod role;
mod trace;

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};

use super::settings;
use crate::config::Secret;

/// Explains a finding code, a role's delivery, or a reply.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A finding code such as RC0301, or a role; without either, all codes are listed.
    subject: Option<String>,
    /// The id of a reply on which a rule acted: its response's, or SESSION.TURN.
    #[arg(long, value_name = "ID", conflicts_with = "subject")]
    trace: Option<String>,
    /// Ask a server for the trace, instead of reading the data directory.
    #[arg(long, value_name = "URL", requires = "trace", conflicts_with = "data")]
    url: Option<String>,
    /// That server's API key.
    #[arg(long, env = "ROLECALL_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<Secret>,
    /// The data directory that the server writes to.
    #[arg(long, value_name = "DIR", requires = "trace")]
    data: Option<PathBuf>,
    /// How a trace is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Folder of the contracts, or one contract file, for a role.
    #[arg(long, value_name = "DIR")]
    contracts: Option<PathBuf>,
}

/// How a trace is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

pub(super) async fn run(args: ExplainArgs) -> anyhow::Result<u8> {
    let config = settings;
    if let Some(id) = &args.trace {
        let found = match &args.url {
            Some(url) => trace::ask(url, args.api_key.as_ref().map(Secret::reveal), id).await?,
            None => trace::read(&args.data.map_or_else(|| config().map(|config| config.data), Ok)?, id).await?,
        };
        return trace::show(&found, args.format);
    }
    let Some(subject) = &args.subject else { return code::list() };
    if let Some(page) = code::page(subject) {
        return code::show(page);
    }
    if code::is_like_one(subject) {
        bail!("there is no code {subject}; `rolecall explain` lists them");
    }
    let mut config = config()?;
    config.contracts = args.contracts.unwrap_or(config.contracts);
    match role::find(&config.contracts, subject)? {
        role::Found::Contract(contract) => role::show(&config, &contract),
        role::Found::Broken => {
            let folder = config.contracts.display();
            bail!("the contract of {subject} has errors; `rolecall verify {folder}` shows them")
        }
        role::Found::Nothing(known) => bail!(
            "{subject} is neither a code (`rolecall explain` lists them) nor a role in {} (there are: {})",
            config.contracts.display(),
            known.join(", ")
        ),
    }
}
