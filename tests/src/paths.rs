//! Where the things under test are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// The folder of built programs that this test was built into.
///
/// # Errors
/// When the system does not say where the test runs.
pub fn target_dir() -> Result<PathBuf> {
    let exe = std::env::current_exe().context("cannot tell where the test runs")?;
    let dir = exe.parent().context("the test program has no folder")?;
    let inner = dir.file_name().is_some_and(|name| name == "deps" || name == "examples");
    Ok(if inner { dir.parent().unwrap_or(dir).to_path_buf() } else { dir.to_path_buf() })
}

/// The program under test, beside this test in the target folder.
///
/// # Errors
/// When it was not built; the message says how to build it.
pub fn binary() -> Result<PathBuf> {
    program("rolecall")
}

/// A program of a crate of the same name, beside this one in the target folder.
///
/// # Errors
/// As [`binary`].
pub fn program(name: &str) -> Result<PathBuf> {
    let path = target_dir()?.join(name);
    let release = if path.components().any(|part| part.as_os_str() == "release") { "--release " } else { "" };
    ensure!(path.is_file(), "{} is missing; run: cargo build {release}-p {name}", path.display());
    Ok(path)
}

/// The folder of built plugins, with every named one present.
///
/// # Errors
/// When one was not built; the message says how to build it.
pub fn plugins(names: &[&str]) -> Result<PathBuf> {
    let dir = root().join("plugins");
    for name in names {
        let file = dir.join(format!("{name}.wasm"));
        ensure!(file.is_file(), "{} is missing; run: make plugins", file.display());
    }
    Ok(dir)
}

/// The contracts that ship.
#[must_use]
pub fn contracts() -> PathBuf {
    root().join("contracts")
}

/// The contracts that only the tests use.
#[must_use]
pub fn test_contracts() -> PathBuf {
    root().join("tests/contracts")
}
