//! The command line: one file per command.
//!
//! Exit codes: 0 done, 1 the thing asked for has errors, 2 the call itself was wrong.

mod banner;
pub mod chat;
mod diff;
mod eval;
mod explain;
mod fmt;
mod kept;
mod output;
pub mod plugin;
mod prompt;
mod serve;
mod store;
mod token;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use output::{print, print_line};

use crate::config::{Config, SettingFlags, Sources};

/// The command succeeded.
pub const DONE: u8 = 0;

/// What was asked for has errors.
pub const ERRORS: u8 = 1;

/// The call was wrong: arguments, configuration, files that are not there.
pub const USAGE: u8 = 2;

#[derive(Debug, Parser)]
#[command(name = "rolecall", version, about = "A runtime for AI roles", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the roles of a folder over HTTP and WebSocket.
    Serve(Box<serve::ServeArgs>),
    /// Talk to a role in the terminal.
    Chat(chat::ChatArgs),
    /// Check contracts: language, plugins, conflicts, every case, and a rehearsal of each.
    Verify(verify::VerifyArgs),
    /// Compare two versions of contracts: what does the new one let through?
    Diff(diff::DiffArgs),
    /// Measure what rules rest on by labelled sets.
    Eval(eval::EvalArgs),
    /// Lay contracts out in their one form.
    Fmt(fmt::FmtArgs),
    /// Pack, list and inspect policies.
    Plugin(plugin::PluginArgs),
    /// Show the system prompt that a contract compiles to.
    Prompt(prompt::PromptArgs),
    /// Explain a finding code, how a role's replies go out, or why a reply is as it is.
    Explain(explain::ExplainArgs),
    /// Issue or inspect session tokens, rotate or revoke the keys that sign them.
    Token(token::TokenArgs),
    /// Back up, check or export the sessions of a data directory, also of a running server.
    Store(store::StoreArgs),
}

/// Runs the command that the arguments name, to its end.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Also help and version, which are no errors. A closed pipe is nobody's loss.
            let _closed = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { DONE });
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("the async runtime could not start")),
    };
    let code = match runtime.block_on(run(cli.command)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error),
    };
    // What still blocks a thread (a terminal read) must not hold the process.
    runtime.shutdown_background();
    code
}

async fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Serve(args) => Box::pin(serve::run(*args)).await,
        Command::Chat(args) => Ok(match Box::pin(chat::run(args)).await {
            Ok(()) => DONE,
            Err(error) => {
                output::complain(&format!("rolecall: {error:#}"));
                ERRORS
            }
        }),
        Command::Verify(args) => Box::pin(verify::run(args)).await,
        Command::Diff(args) => diff::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Plugin(args) => plugin::run(args).await.map(|()| DONE),
        Command::Prompt(args) => prompt::run(&args),
        Command::Explain(args) => explain::run(args).await,
        Command::Token(args) => token::run(args),
        Command::Store(args) => store::run(args).await,
    }
}

/// The settings for a command that serves nobody. What looks like a mistake in them is told on standard error.
fn settings() -> anyhow::Result<Config> {
    let resolved = Sources::process(SettingFlags::default()).read()?;
    for warning in &resolved.warnings {
        output::complain(&format!("rolecall: warning: {warning}"));
    }
    Ok(resolved.config)
}

fn fail(error: &anyhow::Error) -> ExitCode {
    output::complain(&format!("rolecall: {error:#}"));
    ExitCode::from(USAGE)
}
