//! Builds the guests once, and hosts to run them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rolecall_plugin_host::{HostConfig, LoadReport, NoObserver, PluginHost, pack};
use serde_json::{Map, Value};
use tempfile::TempDir;

/// Tenths of a second that the build of the guests may take.
const BUILD_DECISECONDS: u32 = 6_000;

/// A guest as a component.
pub(crate) fn component(name: &str) -> Vec<u8> {
    pack(&module(name)).expect("a component")
}

/// A guest as cargo leaves it.
pub(crate) fn module(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    const GUESTS: &[&str] = &["classical_tone", "digest", "hostile", "legacy", "sampler"];
    let dir = BUILT.get_or_init(|| build("wasm32-unknown-unknown", GUESTS));
    fs::read(dir.join(format!("rolecall_{name}.wasm"))).expect("the guest that was just built")
}

/// The sampler for WASI, of which the compiler itself makes a component.
pub(crate) fn sampler_with_wasi() -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let dir = BUILT.get_or_init(|| build("wasm32-wasip2", &["sampler"]));
    fs::read(dir.join("rolecall_sampler.wasm")).expect("the guest that was just built")
}

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).expect("a file");
    }
    dir
}

/// A configuration with the cache that all tests share: it makes them fast, and concurrent test
/// processes make it a test of its own.
pub(crate) fn config(dir: &Path) -> HostConfig {
    HostConfig::new(dir).with_workers(2).with_cache(target().join("tmp/plugin-cache"))
}

/// A host with these guests.
pub(crate) fn host(names: &[&str]) -> PluginHost {
    let files: Vec<(String, Vec<u8>)> = names.iter().map(|name| (format!("{name}.wasm"), component(name))).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let dir = folder(&files);
    let (host, report) = start(config(dir.path()));
    assert_eq!(report.refused, [], "a guest was refused");
    host
}

/// Starts a host.
pub(crate) fn start(config: HostConfig) -> (PluginHost, LoadReport) {
    PluginHost::start(config, std::sync::Arc::new(NoObserver)).expect("a host")
}

/// Parameters from JSON.
pub(crate) fn params(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).expect("a JSON object")
}

/// Parameters of the hostile guest.
pub(crate) fn mode(mode: &str) -> Map<String, Value> {
    params(&format!(r#"{{"mode": "{mode}"}}"#))
}

fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder")
}

fn build(triple: &str, guests: &[&str]) -> PathBuf {
    let log = target().join(format!("tmp/guests-{triple}.log"));
    let mut cargo = Command::new(env!("CARGO"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .args(["build", "--profile", "plugin", "--target", triple, "--target-dir"])
        .arg(target())
        .args(guests.iter().flat_map(|guest| ["-p".to_owned(), format!("rolecall-{guest}")]))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).expect("a log"))
        .spawn()
        .expect("cargo");
    for _ in 0..BUILD_DECISECONDS {
        if let Some(status) = cargo.try_wait().expect("cargo's status") {
            let said = fs::read_to_string(&log).unwrap_or_default();
            assert!(
                !said.contains("target may not be installed"),
                "the guests need the wasm target; install it:\n    rustup target add {triple}"
            );
            assert!(status.success(), "the guests do not build:\n{said}");
            return target().join(triple).join("plugin");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    cargo.kill().expect("to stop cargo");
    panic!("building the guests took longer than {} s", BUILD_DECISECONDS / 10);
}
