//! Folders copied for a test.

use std::path::Path;

use anyhow::{Context, Result};

/// Copies a folder with everything in it.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target).with_context(|| format!("cannot copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// Puts `from` in the place of `to`, as restoring a backup does.
///
/// # Errors
/// When something cannot be removed, read or written.
pub fn restore(from: &Path, to: &Path) -> Result<()> {
    std::fs::remove_dir_all(to).with_context(|| format!("cannot remove {}", to.display()))?;
    copy(from, to)
}
