//! The public client libraries, installed from their registries into the target folder, and the suites
//! that use them as applications do.
//!
//! Each environment is made once and remade when its list of packages changes. The suites run against a
//! server in front of the misbehaving upstream, and learn both addresses from the environment.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::paths;
use crate::server::{Server, show};
use crate::upstream::Upstream;

/// The oldest Node that the JavaScript packages support.
const NODE: u32 = 20;

/// A suite of `tests/python`, run to its end.
///
/// # Errors
/// When the environment cannot be made, or any case fails; the output is shown.
pub async fn python(suite: &'static str, server: &Server, upstream: &Upstream) -> Result<()> {
    let addresses = addresses(server, upstream);
    blocking(move || {
        let mut command = Command::new(python_environment()?);
        command.arg(paths::root().join("tests/python").join(suite));
        command.env("PYTHONUTF8", "1").env("PYTHONDONTWRITEBYTECODE", "1").envs(addresses);
        run(&mut command)
    })
    .await
}

/// A suite of `tests/node`, run to its end.
///
/// # Errors
/// As [`python`].
pub async fn node(suite: &'static str, server: &Server, upstream: &Upstream) -> Result<()> {
    let addresses = addresses(server, upstream);
    blocking(move || {
        let mut command = Command::new("node");
        command.args(["--test", "--test-reporter=spec"]).arg(node_environment()?.join(suite)).envs(addresses);
        run(&mut command)
    })
    .await
}

async fn blocking(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work).await?
}

fn addresses(server: &Server, upstream: &Upstream) -> [(&'static str, String); 3] {
    let loopback = "127.0.0.1".to_owned();
    [("ROLECALL_URL", server.url()), ("UPSTREAM_URL", upstream.url()), ("NO_PROXY", loopback)]
}

/// The interpreter of the Python environment, with everything in `tests/python/requirements.txt`.
///
/// # Errors
/// As [`interpreter`].
pub fn python_environment() -> Result<PathBuf> {
    interpreter("public-python", "tests/python/requirements.txt")
}

/// The interpreter of a Python environment of this name, with everything that the list asks for.
///
/// # Errors
/// When Python 3 with `venv` is missing, or the registry cannot be reached.
pub fn interpreter(name: &str, requirements: &str) -> Result<PathBuf> {
    let requirements = paths::root().join(requirements);
    let home = environment(name, &[&requirements], |home| {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(home))
            .context("cannot make a Python environment; run: make deps")?;
        run(Command::new(home.join("bin/python"))
            .args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "-r"])
            .arg(&requirements))
        .with_context(|| format!("cannot install {}; is the package registry reachable?", requirements.display()))
    })?;
    Ok(home.join("bin/python"))
}

fn node_environment() -> Result<PathBuf> {
    modules("public-node", "tests/node")
}

/// The folder of a Node environment of this name: the packages of a folder's `package.json`, and its scripts beside
/// them, because modules are looked up from where the importing file stands.
///
/// # Errors
/// When Node is missing or too old, or the registry cannot be reached.
pub fn modules(name: &str, from: &str) -> Result<PathBuf> {
    let from = paths::root().join(from);
    let packages = ["package.json", "package-lock.json"].map(|name| from.join(name));
    let home = environment(name, &[&packages[0], &packages[1]], |home| {
        supported_node()?;
        copy(&packages, home)?;
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(home))
            .context("cannot install the JavaScript packages; is npm there (make deps) and its registry reachable?")
    })?;
    let scripts = std::fs::read_dir(&from)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let scripts: Vec<PathBuf> =
        scripts.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "mjs")).collect();
    copy(&scripts, &home)?;
    Ok(home)
}

fn supported_node() -> Result<()> {
    let remedy = "the JavaScript packages need Node 20 or newer with npm; on Debian 13: \
                  sudo apt-get install nodejs npm";
    let output = Command::new("node").arg("--version").output().context(remedy)?;
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let major = version.trim().trim_start_matches('v').split('.').next().unwrap_or_default().parse::<u32>();
    ensure!(major.is_ok_and(|major| major >= NODE), "node is {}: {remedy}", version.trim());
    Ok(())
}

fn copy(files: &[PathBuf], to: &Path) -> Result<()> {
    for file in files {
        let name = file.file_name().context("a file has a name")?;
        // Tests run side by side: a reader sees the old file or the new one.
        let partial = to.join(format!("{}.{}", name.to_string_lossy(), std::process::id()));
        std::fs::copy(file, &partial).with_context(|| format!("cannot copy {}", file.display()))?;
        std::fs::rename(&partial, to.join(name))?;
    }
    Ok(())
}

/// A folder in the target folder that `make` has filled, once for this content of the lists.
fn environment(name: &str, lists: &[&Path], make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let home = paths::target_dir()?.join(name);
    let done = home.join("installed.txt");
    let mut wanted = String::new();
    for list in lists {
        wanted.push_str(&std::fs::read_to_string(list).with_context(|| format!("{} is missing", list.display()))?);
    }
    // Whoever comes second waits for the first one's work.
    let lock = File::create(home.with_extension("lock"))?;
    lock.lock()?;
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(home);
    }
    if home.exists() {
        std::fs::remove_dir_all(&home)?;
    }
    std::fs::create_dir_all(&home)?;
    make(&home)?;
    std::fs::write(&done, wanted)?;
    Ok(home)
}

/// Runs a program to its end and shows what it said.
///
/// # Errors
/// When it cannot start or does not succeed.
pub fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {name}; run: make deps"))?;
    show(&name, &String::from_utf8_lossy(&output.stdout));
    show(&format!("{name} errors"), &String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?} ended with {}", output.status);
    Ok(())
}
