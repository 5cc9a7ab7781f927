//! `rolecall token`: session tokens by hand, and the keys that sign them.

mod keys;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::{DONE, ERRORS, print_line, settings};
use crate::config::Config;
use crate::gateway::token::{Algorithm, KEY_FILE, Tokens};
use crate::ids::SessionId;

/// Issues and inspects session tokens, and changes the keys that sign them.
///
/// The server's configuration is read as the server reads it (rolecall.toml, ROLECALL_…): token-key, else token-key-file,
/// else token.key in the data directory, which `--data` names too. A key file has a key a line, `hs256 SECRET` or `eddsa SEED`; the first signs,
/// all verify, and one with `until=SECONDS` (since 1970) behind it verifies until then. Running servers take over what
/// changes in it within seconds, and at once when a token names a key that they do not know.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// The server's data directory, as `serve --data` names it.
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
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
        /// How often its token was renewed. One below that of a token that was used is refused as `token_replayed`,
        /// with the number to write here.
        #[arg(long, default_value_t = 0)]
        generation: u32,
    },
    /// Verify a token and show what it says.
    Inspect {
        /// The token.
        token: String,
    },
    /// Let a new key sign. Those before verify until the last token that they signed has ended: no session is lost.
    Rotate {
        /// How the new key signs: `hs256`, or `eddsa`, which takes many times as long.
        #[arg(long, default_value_t = Algorithm::Hs256)]
        algorithm: Algorithm,
    },
    /// Take a key away at once, because it got known. Its tokens are refused (401 token_key_unknown), and connections
    /// that were opened with one close (4101). The key that signs must be rotated first.
    Revoke {
        /// The key, as `keys` lists it.
        kid: String,
    },
    /// List the keys: name, algorithm, what each does.
    Keys,
}

pub(super) fn run(args: TokenArgs) -> anyhow::Result<u8> {
    let mut config = settings()?;
    config.data = args.data.unwrap_or(config.data);
    match args.command {
        TokenCommand::Issue { session, role, epoch, generation } => {
            let session: SessionId = session.parse().with_context(|| session.clone())?;
            print_line(&tokens(&config)?.issue_generation(&session, &role, epoch, generation)?.0)?;
        }
        TokenCommand::Inspect { token } => return inspect(&config, &token),
        TokenCommand::Rotate { algorithm } => keys::rotate(&config, algorithm)?,
        TokenCommand::Revoke { kid } => keys::revoke(&config, &kid)?,
        TokenCommand::Keys => keys::list(&config)?,
    }
    Ok(DONE)
}

fn inspect(config: &Config, token: &str) -> anyhow::Result<u8> {
    match tokens(config)?.verify(token) {
        Ok(claims) => {
            let shown = serde_json::json!({
                "sid": claims.sid.as_str(), "role": claims.role, "epoch": claims.epoch, "gen": claims.generation,
                "iat": claims.iat, "exp": claims.exp, "kid": claims.kid,
            });
            print_line(&serde_json::to_string_pretty(&shown)?)?;
            Ok(DONE)
        }
        Err(error) => {
            print_line(&format!("{}: {error}", error.code()))?;
            Ok(ERRORS)
        }
    }
}

fn tokens(config: &Config) -> anyhow::Result<Tokens> {
    let ttl = config.token_ttl;
    Ok(match (&config.token_key, &config.token_key_file) {
        (Some(key), _) => Tokens::under(key, &config.token_keys_old, ttl)?,
        (None, Some(file)) => Tokens::open(file.clone(), ttl)?,
        (None, None) => {
            keys::expect_data(config)?;
            Tokens::open(config.data.join(KEY_FILE), ttl)?
        }
    })
}
