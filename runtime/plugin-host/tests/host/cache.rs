use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rolecall_plugin_host::{Context, HostConfig};

use crate::guests::{component, folder, params, start};

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).expect("the cache").map(|entry| entry.expect("an entry").path()).collect()
}

/// A second start compiles nothing. A damaged entry is a miss: taken for good it would be run.
#[tokio::test]
async fn hits_misses_and_damage() {
    let plugins = folder(&[("digest.wasm", &component("digest"))]);
    let cache = folder(&[]);
    let dir = cache.path().join("deep/compiled");
    let compiled = || {
        let (host, report) = start(HostConfig::new(plugins.path()).with_workers(1).with_cache(&dir));
        assert_eq!(report.refused, []);
        (host, report.compiled)
    };
    assert_eq!(compiled().1, 1);
    assert_eq!(compiled().1, 0);
    let entry = entries(&dir).pop().expect("one entry");
    assert_eq!(entries(&dir).len(), 1, "nothing temporary is left");

    let good = fs::read(&entry).expect("the entry");
    for damage in [good[..good.len() / 2].to_vec(), Vec::new(), {
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        flipped
    }] {
        fs::write(&entry, damage).expect("the damage");
        let (host, compiled_now) = compiled();
        assert_eq!(compiled_now, 1, "a damaged entry was used");
        let merged = host.merge("digest", &params("{}"), &[]).await.expect("a merge");
        assert_eq!(merged, []);
        assert_eq!(compiled().1, 0, "the entry was not written again");
    }
}

/// Compiled code that others may write is not run.
#[tokio::test]
async fn a_folder_open_to_others_is_not_used() {
    let plugins = folder(&[("digest.wasm", &component("digest"))]);
    let cache = folder(&[]);
    fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o777)).expect("permissions");
    let (host, report) = start(HostConfig::new(plugins.path()).with_cache(cache.path()));
    assert_eq!((report.compiled, entries(cache.path())), (1, Vec::new()));
    let wrong = host.check("digest", &params("{}"), &Context::default(), "x").await;
    assert_eq!(wrong.expect_err("a delivery policy").reason(), "wrong_world");
}
