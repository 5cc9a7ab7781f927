//! `rolecall-mutants`: puts each known bug into a copy of the sources, and demands that the simulator
//! notices it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use rolecall_sim::mutants::{self, Mutant};

/// Folders that a mutant is built from.
const SOURCES: &[&str] = &["sdk/wire", "tests/sim"];
/// How a mutant is built: quickly, and fast enough. Sums that overflow stop it.
const PROFILE: &str = "[profile.mutant]\ninherits = \"release\"\nopt-level = 1\nlto = false\ncodegen-units = 16\noverflow-checks = true\n";
/// A mutant that needs so many times as long as the seeds without any is caught in a loop.
const PATIENCE: u32 = 5;
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Shows that the simulator notices every known bug of `tests/sim/mutants`.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where built programs go; the copies are in `mutants` below it.
    #[arg(long, default_value = "target")]
    target: PathBuf,
    /// The repository.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Seeds after which a mutant counts as missed.
    #[arg(long, default_value_t = 200_000)]
    seeds: u64,
    /// Seeds that must hold without any mutant.
    #[arg(long, default_value_t = 20_000)]
    control: u64,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Only mutants whose name contains this.
    #[arg(long)]
    only: Option<String>,
}

/// Where mutants are built.
struct Bench {
    tree: PathBuf,
    target: PathBuf,
    jobs: usize,
}

/// What became of a mutant.
enum Fate {
    Missed,
    /// The property that did not hold, and after how many seeds that was seen.
    Caught(String),
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout().lock();
    let root = arguments.root.canonicalize().with_context(|| format!("--root {}", arguments.root.display()))?;
    let mut mutants = mutants::read(&root.join("tests/sim/mutants"))?;
    let target = if arguments.target.is_absolute() { arguments.target } else { root.join(arguments.target) };
    let bench =
        Bench { tree: target.join("mutants/tree"), target: target.join("mutants/target"), jobs: arguments.jobs };
    bench.copy(&root)?;
    for mutant in &mutants {
        mutant.apply(&std::fs::read_to_string(root.join(&mutant.file))?)?;
    }
    if let Some(only) = &arguments.only {
        mutants.retain(|mutant| mutant.name.contains(only));
        ensure!(!mutants.is_empty(), "no mutant's name contains {only:?}; tests/sim/mutants/*.toml name them");
    }
    bench.build()?.then_some(()).context("the sources do not build")?;
    let began = now();
    if let Fate::Caught(how) = bench.run(arguments.control, Duration::MAX)? {
        bail!("without any mutant: {how}");
    }
    let seeds = arguments.seeds.max(arguments.control);
    let times = f64::from(PATIENCE) * seeds as f64 / arguments.control.max(1) as f64;
    let patience = began.elapsed().max(LOOK).mul_f64(times);
    let mut missed = 0;
    for mutant in &mutants {
        let fate = bench.judge(mutant, arguments.seeds, patience)?;
        let (verdict, how) = match fate {
            Fate::Caught(how) => ("caught", how),
            Fate::Missed => {
                missed += 1;
                ("MISSED", format!("{} seeds and nothing seen: {}", arguments.seeds, mutant.bug))
            }
        };
        writeln!(out, "{verdict}  {:<34} {how}", mutant.name)?;
        out.flush()?;
    }
    writeln!(out, "{} of {} mutants caught", mutants.len() - missed, mutants.len())?;
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Bench {
    /// Copies the sources into a workspace of their own.
    fn copy(&self, root: &Path) -> Result<()> {
        if self.tree.exists() {
            std::fs::remove_dir_all(&self.tree)?;
        }
        for source in SOURCES {
            copy_folder(&root.join(source), &self.tree.join(source))?;
        }
        std::fs::copy(root.join("Cargo.lock"), self.tree.join("Cargo.lock"))?;
        let manifest: toml::Table = toml::from_str(&std::fs::read_to_string(root.join("Cargo.toml"))?)?;
        let workspace = manifest.get("workspace").and_then(toml::Value::as_table).cloned();
        let mut workspace = workspace.context("Cargo.toml has no [workspace]; is --root the repository?")?;
        workspace.retain(|key, _| !["default-members", "exclude", "lints"].contains(&key));
        let sources = SOURCES.iter().map(|source| toml::Value::from(*source)).collect();
        workspace.insert("members".to_owned(), toml::Value::Array(sources));
        // A mutant may leave something unused.
        workspace.insert("lints".to_owned(), toml::Value::Table(toml::Table::new()));
        let whole = toml::Table::from_iter([("workspace".to_owned(), toml::Value::Table(workspace))]);
        std::fs::write(self.tree.join("Cargo.toml"), format!("{}\n{PROFILE}", toml::to_string(&whole)?))?;
        Ok(())
    }

    fn judge(&self, mutant: &Mutant, seeds: u64, patience: Duration) -> Result<Fate> {
        let copy = self.tree.join(&mutant.file);
        let original = std::fs::read_to_string(&copy)?;
        std::fs::write(&copy, mutant.apply(&original)?)?;
        let built = self.build()?;
        let fate = if built {
            self.run(seeds, patience)
        } else {
            Err(anyhow::anyhow!("mutant {} does not build", mutant.name))
        };
        std::fs::write(&copy, original)?;
        fate
    }

    fn build(&self) -> Result<bool> {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("RUSTFLAGS", "-Awarnings")
            .env("CARGO_INCREMENTAL", "1");
        cargo.args([
            "build",
            "--quiet",
            "--offline",
            "--profile",
            "mutant",
            "-p",
            "rolecall-sim",
            "--bin",
            "rolecall-sim",
        ]);
        Ok(cargo.status().context("cargo cannot be started")?.success())
    }

    fn run(&self, seeds: u64, patience: Duration) -> Result<Fate> {
        let mut simulator = Command::new(self.target.join("mutant/rolecall-sim"));
        simulator.args(["--quiet", "--brief", "--seeds", &seeds.to_string(), "--jobs", &self.jobs.to_string()]);
        let mut running = simulator.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let began = now();
        while began.elapsed() < patience {
            if running.try_wait()?.is_some() {
                let output = running.wait_with_output()?;
                let text = String::from_utf8_lossy(&output.stdout);
                if output.status.success() {
                    return Ok(Fate::Missed);
                }
                let last = text.lines().last().unwrap_or("stopped without a word").to_owned();
                ensure!(!last.contains("second time"), "runs are not repeatable: {last}");
                return Ok(Fate::Caught(last));
            }
            std::thread::sleep(LOOK);
        }
        running.kill()?;
        running.wait()?;
        Ok(Fate::Caught("it never ends".to_owned()))
    }
}

#[allow(clippy::disallowed_methods, reason = "how long a mutant takes decides nothing but its end")]
fn now() -> Instant {
    Instant::now()
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &place)?;
        } else {
            std::fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}
