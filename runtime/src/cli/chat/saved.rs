//! A session in a file.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use rolecall_client::Saved;

/// The session in the file; `None` when there is no file yet.
pub(super) fn read(file: &Path) -> anyhow::Result<Option<Saved>> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
    };
    let saved = serde_json::from_slice(&bytes);
    saved.map(Some).with_context(|| format!("{} holds no saved session; name another file", file.display()))
}

/// Replaces the file at once, readable by its owner only: it holds the session's token.
pub(super) fn write(file: &Path, saved: &Saved) -> anyhow::Result<()> {
    let write = || -> anyhow::Result<()> {
        let mut name = file.file_name().context("it has no file name")?.to_owned();
        name.push(".new");
        let fresh = file.with_file_name(name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(&fresh)?;
        out.write_all(&serde_json::to_vec_pretty(saved)?)?;
        out.sync_all()?;
        Ok(fs::rename(&fresh, file)?)
    };
    write().with_context(|| format!("{} cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rolecall_client::Position;

    /// Fails if a session does not come back, or another user could read its token.
    #[test]
    fn a_session_comes_back_and_stays_private() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("session.json");
        assert_eq!(read(&file).unwrap(), None);
        let position = Position::start("s_1".into(), "secret".into());
        let saved = Saved { ws_url: "ws://127.0.0.1:1/v1/session".into(), position };
        write(&file, &saved).unwrap();
        write(&file, &saved).unwrap();
        assert_eq!(read(&file).unwrap(), Some(saved));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0);
        }
        fs::write(&file, "{}").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("session.json"));
    }
}
