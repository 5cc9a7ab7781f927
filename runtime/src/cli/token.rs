//! `rolecall token`: session tokens by hand.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::{DONE, ERRORS, print_line};
use crate::config::{SettingFlags, Sources};
use crate::gateway::token::{KEY_FILE, Tokens};
use crate::ids::SessionId;

/// Issues or inspects session tokens with the server's key: `token-key`, else the data directory's.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Issue a token for an existing session. Nothing is looked up: the server judges it when it is used.
    Issue {
        /// The session, `s_…`.
        session: String,
        /// The role that answers there.
        role: String,
        /// The session's epoch.
        #[arg(long, default_value_t = 1)]
        epoch: u32,
    },
    /// Verify a token and show what it says.
    Inspect {
        /// The token.
        token: String,
    },
}

pub(super) fn run(args: TokenArgs) -> anyhow::Result<u8> {
    let config = Sources::process(SettingFlags::default()).read()?.config;
    let tokens = match &config.token_key {
        Some(key) => Tokens::with_key(key.reveal().as_bytes(), config.token_ttl),
        // Opening would make a new key, which signs nothing that a server knows.
        None if !config.data.join(KEY_FILE).is_file() => bail!(
            "{} has no {KEY_FILE}; name the server's data directory in ROLECALL_DATA or rolecall.toml",
            config.data.display()
        ),
        None => Tokens::open(&config.data, config.token_ttl)?,
    };
    match args.command {
        TokenCommand::Issue { session, role, epoch } => {
            let session: SessionId = session.parse().with_context(|| session.clone())?;
            print_line(&tokens.issue(&session, &role, epoch)?)?;
            Ok(DONE)
        }
        TokenCommand::Inspect { token } => match tokens.verify(&token) {
            Ok(claims) => {
                let shown = serde_json::json!({
                    "sid": claims.sid.as_str(), "role": claims.role, "epoch": claims.epoch,
                    "iat": claims.iat, "exp": claims.exp,
                });
                print_line(&serde_json::to_string_pretty(&shown)?)?;
                Ok(DONE)
            }
            Err(error) => {
                print_line(&format!("{}: {error}", error.code()))?;
                Ok(ERRORS)
            }
        },
    }
}
