//! `rolecall explain ROLE`: how a role's replies go out, and which rules make it so.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::monitor::DeliveryMode;

use crate::app::host_config;
use crate::cli::kept::Kept;
use crate::cli::{DONE, print};
use crate::config::Config;
use crate::contracts::Contracts;
use crate::enforce::{delivery_mode, mode_reasons};
use crate::plugin::{HostConfig, PluginHost};
use crate::telemetry::Metrics;

/// What was found under a name.
pub(super) enum Found {
    Contract(Arc<Contract>),
    /// Its contract has errors.
    Broken,
    /// Nothing; these are there.
    Nothing(Vec<String>),
}

pub(super) fn find(contracts: &Path, role: &str) -> anyhow::Result<Found> {
    let (contracts, _findings) = Contracts::load(contracts)?;
    Ok(match contracts.get(role) {
        Some(contract) => Found::Contract(contract),
        None if contracts.refusal(role).is_some() => Found::Broken,
        None => Found::Nothing(contracts.list().iter().map(|contract| contract.name.clone()).collect()),
    })
}

pub(super) fn show(config: &Config, contract: &Contract) -> anyhow::Result<u8> {
    let (plugins, _loaded) = PluginHost::start(
        HostConfig { cache: Kept::of(config).plugins, ..host_config(config) },
        Arc::new(Metrics::new()?),
    )?;
    let mut text = format!("{} {}\n", contract.name, contract.version);
    for (index, scenario) in contract.scenarios.iter().enumerate() {
        let Some(bound) = contract.in_scenario(index) else { continue };
        let when = scenario.name.as_ref().map_or_else(String::new, |name| format!(" when {name}"));
        let mode = delivery_mode(&bound, &plugins);
        write!(text, "\ndelivery {}{when}: {}\n", mode.name(), meaning(mode))?;
        for reason in mode_reasons(&bound, &plugins) {
            let decides = if reason.mode == mode && mode > DeliveryMode::Token { '*' } else { ' ' };
            writeln!(text, "{decides} {:<24} {:<9} {}", reason.rule, reason.mode.name(), reason.why)?;
        }
    }
    print(&text)?;
    Ok(DONE)
}

fn meaning(mode: DeliveryMode) -> &'static str {
    match mode {
        DeliveryMode::Token => "every character at once, but for what could still become a forbidden match",
        DeliveryMode::Sentence => "sentence by sentence, each when the reply can be brought to a good end with it",
        DeliveryMode::Full => "the whole reply at its end",
    }
}
