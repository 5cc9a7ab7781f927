//! Where the products of others are, and of which version.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rolecall_tests::paths;
use serde_json::Value;

/// The version of a package of `tests/peers/node`, which names each exactly.
pub(crate) fn package(name: &str) -> Result<String> {
    let list = std::fs::read(paths::root().join("tests/peers/node/package.json"))?;
    let list: Value = serde_json::from_slice(&list)?;
    Ok(list["dependencies"][name].as_str().with_context(|| format!("{name} is not in package.json"))?.to_owned())
}

/// Where Debian keeps the sources of Go libraries.
const GO_PATH: &str = "/usr/share/gocode";

/// The server of `tests/peers/centrifuge`, built into the target folder; Go builds what has changed.
pub(crate) fn centrifuge() -> Result<PathBuf> {
    let library = Path::new(GO_PATH).join("src/github.com/centrifugal/centrifuge");
    ensure!(library.is_dir(), "Centrifuge's library is missing; run: make deps-peers");
    let home = paths::target_dir()?.join("peers-centrifuge");
    std::fs::create_dir_all(&home)?;
    let program = home.join("server");
    let mut command = Command::new("go");
    command.args(["build", "-o"]).arg(&program).arg("main.go");
    command.current_dir(paths::root().join("tests/peers/centrifuge"));
    // Without modules: the packages of the system are the versions that are meant, and nothing is fetched.
    command.env("GO111MODULE", "off").env("GOPATH", GO_PATH).env("GOCACHE", home.join("cache"));
    // Without what the user has set for programs of their own.
    command.env("GOFLAGS", "").env("GOENV", "off");
    let built = command.output().context("Go is missing; run: make deps-peers")?;
    let words = String::from_utf8_lossy(&built.stderr);
    ensure!(built.status.success(), "tests/peers/centrifuge/main.go does not build ({}):\n{words}", built.status);
    Ok(program)
}

/// The version of the library that [`centrifuge`] is built with.
pub(crate) fn centrifuge_version() -> Result<String> {
    let mut command = Command::new("dpkg-query");
    command.args(["-W", "-f", "${Version}", "golang-github-centrifugal-centrifuge-dev"]);
    let asked = command.output()?;
    ensure!(asked.status.success(), "Debian has no such package here; run: make deps-peers");
    Ok(String::from_utf8(asked.stdout)?)
}

/// The broker's program.
pub(crate) fn mosquitto() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps it where only the administrator's search path looks.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let program = folders.map(|folder| folder.join("mosquitto")).find(|program| program.is_file());
    program.context("mosquitto is missing; run: make deps-peers")
}

/// The version that it says it is.
pub(crate) fn mosquitto_version() -> Result<String> {
    // It succeeds in nothing but serving: the status of its help is not looked at.
    let help = String::from_utf8(Command::new(mosquitto()?).arg("-h").output()?.stdout)?;
    let version = help.lines().find_map(|line| line.strip_prefix("mosquitto version "));
    Ok(version.context("mosquitto does not say its version")?.trim().to_owned())
}
