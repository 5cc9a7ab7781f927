//! `rolecall serve`.

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use super::{DONE, ERRORS, banner, output, print};
use crate::app::{App, AppError};
use crate::config::{Config, Resolved, SettingFlags, Sources};
use crate::telemetry;

/// Serves the roles of a folder.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    settings: SettingFlags,
    /// Show every setting with its value and origin, and stop.
    #[arg(long)]
    print_config: bool,
}

pub(super) async fn run(args: ServeArgs) -> anyhow::Result<u8> {
    let resolved = Sources::process(args.settings).resolve()?;
    if args.print_config {
        print(&shown(&resolved))?;
        return Ok(DONE);
    }
    let Resolved { config, warnings, .. } = resolved;
    telemetry::init(config.log_format, &config.log_level);
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    // From here on the call itself was right, and what fails is the start.
    match start(config).await {
        Ok(ended) => Ok(if ended { DONE } else { ERRORS }),
        // A folder that is not there, or a model that cannot be meant: the configuration again.
        Err(error) if error.downcast_ref().is_some_and(AppError::is_a_setting) => Err(error),
        Err(error) => {
            output::complain(&format!("rolecall: {error:#}"));
            Ok(ERRORS)
        }
    }
}

/// Serves until a signal. Says whether everything ended in time.
async fn start(config: Config) -> anyhow::Result<bool> {
    // Before the parts start: a taken port is found out at once. Callers wait in the backlog.
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("cannot listen on {}; stop what listens there or choose another address with --listen", config.listen)
    })?;
    let address = listener.local_addr()?;
    let stop = stop_signal()?;
    let (app, report) = App::build(config).await?;
    print(&banner::text(&app, &report, address))?;
    Ok(app.serve(listener, stop).await)
}

fn shown(resolved: &Resolved) -> String {
    let mut text = String::new();
    for setting in &resolved.shown {
        let line = match &setting.value {
            Some(value) => format!("{} = {value}", setting.key),
            None => format!("# {} is not set", setting.key),
        };
        text.push_str(&format!("{line:<48} # {}\n", setting.origin));
    }
    for warning in &resolved.warnings {
        text.push_str(&format!("# warning: {warning}\n"));
    }
    text
}

/// Resolves at the first SIGINT or SIGTERM. A second one finds the default action again: an
/// impatient operator is obeyed.
#[cfg(unix)]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
