//! `rolecall token rotate`, `revoke` and `keys`: the keys of a running server.

use anyhow::bail;

use crate::cli::print_line;
use crate::clock;
use crate::config::Config;
use crate::gateway::token::{Algorithm, KEY_FILE, KeyFile, KeyInfo};

/// Puts a new key first.
pub(super) fn rotate(config: &Config, algorithm: Algorithm) -> anyhow::Result<()> {
    let file = file(config)?;
    if config.token_key_file.is_none() {
        expect_data(config)?;
    }
    show(&file.rotate(algorithm, config.token_ttl.as_secs())?)
}

/// Takes a key away.
pub(super) fn revoke(config: &Config, kid: &str) -> anyhow::Result<()> {
    show(&file(config)?.revoke(kid)?)
}

/// Lists the keys.
pub(super) fn list(config: &Config) -> anyhow::Result<()> {
    show(&file(config)?.keys()?)
}

/// A new file where no server reads it would sign nothing.
pub(super) fn expect_data(config: &Config) -> anyhow::Result<()> {
    if config.data.join(KEY_FILE).is_file() {
        return Ok(());
    }
    bail!(
        "{} has no {KEY_FILE}; name the server's data directory by --data, in ROLECALL_DATA or rolecall.toml, or its \
         key file in ROLECALL_TOKEN_KEY_FILE",
        config.data.display()
    )
}

fn file(config: &Config) -> anyhow::Result<KeyFile> {
    if config.token_key.is_some() {
        bail!(
            "the key is configured by token-key: put a new one there and the old one into token-keys-old, restart, and \
             take the old one out when token-ttl has passed"
        );
    }
    Ok(KeyFile::at(config.token_key_file.clone().unwrap_or_else(|| config.data.join(KEY_FILE))))
}

/// One line a key. Nothing secret is printed.
fn show(keys: &[KeyInfo]) -> anyhow::Result<()> {
    let now = clock::unix().as_secs();
    for KeyInfo { kid, algorithm, signs, until } in keys {
        let does = match until {
            _ if *signs => "signs".to_owned(),
            None => "verifies".to_owned(),
            Some(until) if *until > now => format!("verifies for {} s", until - now),
            Some(_) => "ended".to_owned(),
        };
        print_line(&format!("{kid} {algorithm} {does}"))?;
    }
    Ok(())
}
