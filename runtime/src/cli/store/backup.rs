//! `rolecall store backup DIR TO`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail};

use super::source;
use crate::cli::{DONE, print_line};
use crate::gateway::token::KEY_FILE;
use crate::store::{self, Copied};

pub(super) fn run(dir: &Path, to: &Path) -> anyhow::Result<u8> {
    let source = source(dir)?;
    match fs::create_dir(to) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{} exists already; name a directory that does not", to.display());
        }
        Err(error) => bail!("{} cannot be made ({error}); name another place", to.display()),
    }
    let outcome = copy(dir, to, source);
    if outcome.is_err() {
        // Half a backup must not be taken for one. What is told is why it failed.
        let _removed = fs::remove_dir_all(to);
    }
    let (copied, keys) = outcome?;
    let keys = if keys { ", with the keys of its tokens" } else { "; the keys of its tokens are kept elsewhere" };
    let Copied { sessions, records, bytes } = copied;
    print_line(&format!("{sessions} sessions, {records} records, {bytes} bytes in {}{keys}", to.display()))?;
    Ok(DONE)
}

fn copy(dir: &Path, to: &Path, source: store::StoreSource) -> anyhow::Result<(Copied, bool)> {
    private(to)?;
    let keys = keys(&dir.join(KEY_FILE), &to.join(KEY_FILE))?;
    let copied = store::backup(source, &to.join("store"))?;
    // The names in it are on the disk, too, before anybody relies on them.
    fs::File::open(to).and_then(|folder| folder.sync_all()).context("the backup's directory cannot be written")?;
    Ok((copied, keys))
}

/// What a data directory holds is nobody else's business.
fn private(to: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(to, fs::Permissions::from_mode(0o700))
            .context("the backup's directory cannot be closed")?;
    }
    #[cfg(not(unix))]
    let _everybody = to;
    Ok(())
}

/// Copies the keys of tokens when they are in the data directory. Says whether they are.
fn keys(from: &Path, to: &Path) -> anyhow::Result<bool> {
    let keys = match fs::read(from) {
        Ok(keys) => keys,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", from.display())),
    };
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(to).and_then(|mut file| file.write_all(&keys).and_then(|()| file.sync_all()));
    written.with_context(|| format!("{} cannot be written; make room or name another disk", to.display()))?;
    Ok(true)
}
