//! The compiler's process, which the server starts for a plugin that is not in the cache.

use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::anyhow;

use crate::plugin::{Compiler, CompilerProcess, Metering, compile_stream};

/// The program, once it is known that this process runs it and not one that embeds this crate: such a
/// one knows no `plugin compile`.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Says that this process runs the program `rolecall`.
pub fn this_is_the_program() {
    // Under this name it is the same program after an upgrade has put another in its place.
    let program = if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() };
    if let Ok(program) = program {
        let _first = PROGRAM.set(program);
    }
}

/// The program as a compiler within these bounds. Within another program plugins are compiled in its own
/// process, which is the same without the bounds.
#[must_use]
pub fn compiler(time: Duration, memory: u64) -> Compiler {
    let Some(program) = PROGRAM.get().cloned() else {
        tracing::info!("plugins are compiled in this process, without bounds");
        return Compiler::Here;
    };
    let seconds = time.as_secs().max(1);
    let bounds = [format!("--seconds={seconds}"), format!("--bytes={memory}")];
    let arguments = ["plugin", "compile"].map(String::from).into_iter().chain(bounds).collect();
    Compiler::Process(CompilerProcess { program, arguments, time: Duration::from_secs(seconds), memory })
}

/// Compiles standard input.
pub(super) fn run(out: &mut impl Write, (seconds, bytes): (u64, u64), fuel: bool) -> anyhow::Result<()> {
    bound(seconds, bytes)?;
    let metering = if fuel { Metering::Fuel } else { Metering::Time };
    compile_stream(&mut std::io::stdin().lock(), out, metering).map_err(|why| anyhow!(why))
}

#[cfg(unix)]
fn bound(seconds: u64, bytes: u64) -> anyhow::Result<()> {
    use nix::sys::resource::{Resource, setrlimit};
    // The soft bound ends the process by a signal of its own, so that it can be told from others.
    setrlimit(Resource::RLIMIT_CPU, seconds, seconds.saturating_add(1))?;
    setrlimit(Resource::RLIMIT_AS, bytes, bytes)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    Ok(())
}

#[cfg(not(unix))]
fn bound(_seconds: u64, _bytes: u64) -> anyhow::Result<()> {
    Ok(())
}
