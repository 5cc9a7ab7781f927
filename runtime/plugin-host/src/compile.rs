//! From a component to code for this machine, here or in a process of its own.
//!
//! The compiler's time and memory grow faster than what it compiles: a module of 370 KB can keep it
//! busy for ten seconds with 370 MiB. A process of its own is bounded by the system, and what it
//! takes down with it is nothing.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::load::complexity;
use crate::{Metering, Refusal, clock, engine};

/// Where components are compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Compiler {
    /// On the thread that loads, without a bound: for one's own components.
    #[default]
    Here,
    /// In a process for each, within bounds.
    Process(CompilerProcess),
}

/// A program that compiles what comes in at its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompilerProcess {
    /// The program. It bounds itself by what the arguments say, calls [`compile_stream`] and writes why it
    /// failed to its standard error.
    pub program: PathBuf,
    /// Its arguments; `--fuel` follows them where the code is to count instructions ([`Metering::Fuel`]).
    pub arguments: Vec<String>,
    /// Processor time that it bounds itself to. It is killed when it takes five times as long.
    pub time: Duration,
    /// Bytes of memory that it bounds itself to.
    pub memory: u64,
}

/// What says so.
const COUNTS_FUEL: &str = "--fuel";
/// Bytes of compiled code: of a component of the largest size, with room.
const MAX_CODE_BYTES: u64 = 1 << 30;
/// Bytes of a reason.
const MAX_REASON_BYTES: u64 = 4 << 10;
/// How often the process is looked at.
const PAUSE: Duration = Duration::from_millis(2);

/// How components are compiled.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    /// For engines like this one.
    pub(crate) engine: &'a Engine,
    pub(crate) compiler: &'a Compiler,
    pub(crate) metering: Metering,
}

impl<'a> Job<'a> {
    /// On this thread, for engines that count time.
    pub(crate) fn here(engine: &'a Engine) -> Self {
        Self { engine, compiler: &Compiler::Here, metering: Metering::Time }
    }

    /// Compiles a component.
    pub(crate) fn run(&self, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        complexity::limit(bytes)?;
        match self.compiler {
            Compiler::Here => Ok(here(self.engine, bytes)?),
            Compiler::Process(process) => process.compile(bytes, self.metering),
        }
    }
}

/// Compiles what can be read, to its end, and writes the code: what a [`CompilerProcess`] does.
///
/// # Errors
/// A sentence for the plugin's author, or the system's word.
pub fn compile_stream(input: &mut impl Read, output: &mut impl Write, metering: Metering) -> Result<(), String> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|error| format!("the component could not be read: {error}"))?;
    let engine = engine::for_inspection(metering).map_err(|error| format!("no engine: {error}"))?;
    let code = here(&engine, &bytes)?;
    output.write_all(&code).and_then(|()| output.flush()).map_err(|error| format!("the code is lost: {error}"))
}

/// Code that [`Job::run`] gave, as a component.
pub(crate) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come from the compiler, in this process or in one that runs this program, or
    // from the cache, which holds what came from there: its digest covers them, the file is our own,
    // and nobody else may write to it or to its folder. wasmtime itself refuses code for other engines.
    #[allow(unsafe_code, reason = "deserialising compiled code is unsafe by nature; see SAFETY")]
    unsafe {
        Component::deserialize(engine, code)
    }
}

/// wasmtime promises not to panic on any bytes; a plugin's file is not the place to find out.
fn here(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, String> {
    match catch_unwind(AssertUnwindSafe(|| engine.precompile_component(bytes))) {
        Ok(Ok(code)) => Ok(code),
        Ok(Err(error)) => Err(format!("the component is damaged or cut off: {}", error.root_cause())),
        Err(_) => Err("the compiler failed on this component".into()),
    }
}

impl CompilerProcess {
    fn compile(&self, bytes: &[u8], metering: Metering) -> Result<Vec<u8>, Refusal> {
        let failed =
            |error: std::io::Error| Refusal::Passing(format!("the compiler's process could not be run: {error}"));
        // Files without names instead of pipes: nobody waits for the other.
        let file = || tempfile::tempfile().map_err(failed);
        let (mut input, mut output, mut reason) = (file()?, file()?, file()?);
        input.write_all(bytes).and_then(|()| input.rewind()).map_err(failed)?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .args((metering == Metering::Fuel).then_some(COUNTS_FUEL))
            .env_clear()
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output.try_clone().map_err(failed)?))
            .stderr(Stdio::from(reason.try_clone().map_err(failed)?))
            .spawn()
            .map_err(failed)?;
        let status = wait(&mut child, self.time.saturating_mul(5)).map_err(failed)?;
        if !status.is_some_and(|status| status.success()) {
            return Err(self.why(status, &read(&mut reason, MAX_REASON_BYTES).map_err(failed)?));
        }
        let code = read(&mut output, MAX_CODE_BYTES + 1).map_err(failed)?;
        if code.len() as u64 > MAX_CODE_BYTES {
            return Err(format!("its code has more than {} MiB", MAX_CODE_BYTES >> 20).into());
        }
        Ok(code)
    }

    /// Why there is no code.
    fn why(&self, status: Option<ExitStatus>, said: &[u8]) -> Refusal {
        let said = String::from_utf8_lossy(said);
        match status.map(ended) {
            None => Refusal::Passing(format!("the compiler did not end within {} s", self.time.as_secs() * 5)),
            Some(End::OutOfTime) => {
                format!("it takes the compiler more than {} s; make its functions smaller", self.time.as_secs()).into()
            }
            Some(End::Aborted) if said.contains("memory allocation") => {
                format!("it takes the compiler more than {} MiB; make its functions smaller", self.memory >> 20).into()
            }
            Some(End::Killed) => Refusal::Passing("the compiler's process was killed".into()),
            Some(_) => {
                let reason = said.lines().find(|line| !line.trim().is_empty());
                let reason = reason.unwrap_or("the compiler's process ended without a word");
                // Programs name themselves in front of what they complain of.
                reason.strip_prefix("rolecall: ").unwrap_or(reason).to_owned().into()
            }
        }
    }
}

enum End {
    OutOfTime,
    Aborted,
    Killed,
    Otherwise,
}

fn ended(status: ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt;
    // Numbers that are the same on Linux and macOS.
    const SIGABRT: i32 = 6;
    const SIGKILL: i32 = 9;
    const SIGXCPU: i32 = 24;
    match status.signal() {
        Some(SIGABRT) => End::Aborted,
        Some(SIGXCPU) => End::OutOfTime,
        // By the system for want of memory, or by somebody.
        Some(SIGKILL) => End::Killed,
        _ => End::Otherwise,
    }
}

/// Waits for the end, and makes it come; `None` when it had to.
fn wait(child: &mut Child, patience: Duration) -> std::io::Result<Option<ExitStatus>> {
    let began = clock::now();
    while began.elapsed() < patience {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(PAUSE),
            Ok(ended) => return Ok(ended),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                return Err(error);
            }
        }
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

fn read(file: &mut File, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
