use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

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

/// How many plugins a start with this cache compiles.
fn compiled(plugins: &Path, cache: &Path) -> usize {
    start(HostConfig::new(plugins).with_workers(1).with_cache(cache)).1.compiled
}

/// Whoever can replace the link decides what runs.
#[test]
fn a_link_to_a_folder_or_to_an_entry_is_not_used() {
    let plugins = folder(&[("digest.wasm", &component("digest"))]);
    let cache = folder(&[]);
    let (real, link) = (cache.path().join("real"), cache.path().join("link"));
    assert_eq!(compiled(plugins.path(), &real), 1);
    symlink(&real, &link).expect("a link");
    assert_eq!((compiled(plugins.path(), &link), compiled(plugins.path(), &real)), (1, 0));

    let entry = entries(&real).pop().expect("one entry");
    let elsewhere = cache.path().join("elsewhere");
    fs::rename(&entry, &elsewhere).expect("moved");
    symlink(&elsewhere, &entry).expect("a link");
    assert_eq!((compiled(plugins.path(), &real), compiled(plugins.path(), &real)), (1, 0));
    assert!(fs::symlink_metadata(&entry).expect("written again").is_file());
}

/// Written while the folder was open to others, an entry may be anybody's.
#[test]
fn an_entry_open_to_others_is_not_used() {
    let plugins = folder(&[("digest.wasm", &component("digest"))]);
    let cache = folder(&[]);
    assert_eq!(compiled(plugins.path(), cache.path()), 1);
    let entry = entries(cache.path()).pop().expect("one entry");
    fs::set_permissions(&entry, fs::Permissions::from_mode(0o666)).expect("permissions");
    assert_eq!((compiled(plugins.path(), cache.path()), compiled(plugins.path(), cache.path())), (1, 0));
}

/// Killed processes leave temporary files; those of others that are being written stay.
#[test]
fn only_stale_temporary_files_are_removed() {
    let plugins = folder(&[("digest.wasm", &component("digest"))]);
    let cache = folder(&[("old.1.tmp", b"x"), ("new.2.tmp", b"x"), ("old.txt", b"x")]);
    for name in ["old.1.tmp", "old.txt"] {
        let file = fs::File::options().append(true).open(cache.path().join(name)).expect("the file");
        let modified = file.metadata().and_then(|facts| facts.modified()).expect("its time");
        file.set_modified(modified - Duration::from_secs(7_200)).expect("an old file");
    }
    assert_eq!(compiled(plugins.path(), cache.path()), 1);
    let there = |name: &str| cache.path().join(name).exists();
    assert_eq!((there("old.1.tmp"), there("new.2.tmp"), there("old.txt")), (false, true, true));
}
