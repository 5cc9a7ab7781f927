//! `rolecall fmt`: contracts in their one layout.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use rolecall_dsl::diagnostic::{Format, render};
use rolecall_dsl::format::{FormatError, format};
use rolecall_dsl::source::{MAX_SOURCE_BYTES, Source};

use super::{DONE, ERRORS, output, print, settings};
use crate::contracts::{read_source, role_files};

/// Lines of a difference that are shown of one file.
const SHOWN: usize = 60;

/// Lines around a difference.
const AROUND: usize = 2;

/// Formats contracts.
#[derive(Debug, Args)]
pub(super) struct FmtArgs {
    /// Folders and files; the contract folder when none is named. Below a named folder, subfolders
    /// called `rejected` are left out.
    paths: Vec<PathBuf>,
    /// Change nothing; show the files that would change, and fail when there are any.
    #[arg(long)]
    check: bool,
    /// Format standard input to standard output.
    #[arg(long, conflicts_with = "paths")]
    stdin: bool,
}

pub(super) fn run(args: &FmtArgs) -> anyhow::Result<u8> {
    if args.stdin {
        return formatted(args, &[Ok(from_stdin()?)]);
    }
    let paths = if args.paths.is_empty() { vec![settings()?.contracts] } else { args.paths.clone() };
    let mut files = Vec::new();
    for path in &paths {
        files.extend(role_files(path)?);
    }
    files.sort();
    files.dedup();
    if files.is_empty() {
        bail!(
            "there is no contract file (*.role) in {}",
            paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
        );
    }
    let sources: Vec<_> = files.iter().map(|file| read_source(file)).collect();
    formatted(args, &sources)
}

fn from_stdin() -> anyhow::Result<Source> {
    let mut text = String::new();
    let limit = MAX_SOURCE_BYTES as u64 + 1;
    io::stdin().lock().take(limit).read_to_string(&mut text).context("standard input is not UTF-8 text")?;
    Ok(Source::new("<stdin>", &text))
}

/// Formats every file that can be; the others are reported and stay as they are.
fn formatted(args: &FmtArgs, sources: &[Result<Source, Box<rolecall_dsl::diagnostic::Finding>>]) -> anyhow::Result<u8> {
    let mut code = DONE;
    for source in sources {
        let result = match source {
            Ok(source) => format(source).map(|text| (source, text)),
            Err(finding) => Err(FormatError::Syntax(vec![finding.as_ref().clone()])),
        };
        let (source, text) = match result {
            Ok(done) => done,
            Err(FormatError::Syntax(findings)) => {
                output::complain(render(&findings, Format::Short).trim_end());
                code = ERRORS;
                continue;
            }
            Err(error @ (FormatError::TooLarge { .. } | FormatError::Changed { .. })) => {
                output::complain(&format!("rolecall: {error}"));
                code = ERRORS;
                continue;
            }
        };
        let differs = text != source.text();
        if args.check && differs {
            print(&difference(source.name(), source.text(), &text))?;
            code = ERRORS;
        } else if args.stdin && !args.check {
            print(&text)?;
        } else if differs {
            replace(Path::new(source.name()), &text).with_context(|| format!("{} stays as it is", source.name()))?;
            print(&format!("{}\n", source.name()))?;
        }
    }
    Ok(code)
}

/// Puts a text in a file's place in one step: readers see the old text or the new one.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link stays a link; the file it names is replaced.
    let path = path.canonicalize()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let permissions = fs::metadata(&path)?.permissions();
    let written = fs::OpenOptions::new().write(true).create_new(true).open(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.set_permissions(permissions)?;
        file.sync_all()?;
        fs::rename(&beside, &path)
    });
    if written.is_err() {
        // The first error is the one to tell.
        let _left_behind = fs::remove_file(&beside);
    }
    written
}

/// What differs, as in a unified diff of one hunk: the lines between the common beginning and the
/// common end.
fn difference(name: &str, old: &str, new: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let rest = before.len().min(after.len()) - same;
    let tail = before.iter().rev().zip(after.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let start = same.saturating_sub(AROUND);
    let part = |lines: &[&str]| lines.len().saturating_sub(tail + same);
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _infallible = writeln!(out, "--- {name}\n+++ {name} (formatted)\n@@ line {} @@", start + 1);
    let mut lines: Vec<String> = Vec::new();
    lines.extend(before.iter().skip(start).take(same - start).map(|line| format!(" {line}")));
    lines.extend(before.iter().skip(same).take(part(&before)).map(|line| format!("-{line}")));
    lines.extend(after.iter().skip(same).take(part(&after)).map(|line| format!("+{line}")));
    lines.extend(before.iter().skip(before.len() - tail).take(AROUND).map(|line| format!(" {line}")));
    if lines.len() == same - start + tail.min(AROUND) {
        lines.push("-(line ends, or white space at the end of the file)".to_owned());
    }
    let left_out = lines.len().saturating_sub(SHOWN);
    for line in lines.iter().take(SHOWN) {
        let _infallible = writeln!(out, "{line}");
    }
    if left_out > 0 {
        let _infallible = writeln!(out, "({left_out} further lines)");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUGH: &str = "role clerk { version 1.0.0\n}";
    const SMOOTH: &str = "role clerk {\n    version 1.0.0\n}\n";

    fn args(paths: &[&Path], check: bool) -> FmtArgs {
        FmtArgs { paths: paths.iter().map(|path| path.to_path_buf()).collect(), check, stdin: false }
    }

    #[test]
    fn a_folder_is_formatted_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("clerk.role");
        fs::write(&file, ROUGH).expect("a file");
        assert_eq!(run(&args(&[dir.path()], true)).expect("a run"), ERRORS);
        assert_eq!(fs::read_to_string(&file).expect("a text"), ROUGH, "--check changes nothing");
        assert_eq!(run(&args(&[dir.path()], false)).expect("a run"), DONE);
        assert_eq!(fs::read_to_string(&file).expect("a text"), SMOOTH);
        assert_eq!(run(&args(&[dir.path()], true)).expect("a run"), DONE);
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1, "nothing is left beside");
    }

    #[test]
    fn a_file_with_errors_stays_and_the_others_are_formatted() {
        let dir = tempfile::tempdir().expect("a folder");
        let (bad, good) = (dir.path().join("a.role"), dir.path().join("b.role"));
        fs::write(&bad, "role clerk {").expect("a file");
        fs::write(&good, ROUGH).expect("a file");
        assert_eq!(run(&args(&[dir.path()], false)).expect("a run"), ERRORS);
        assert_eq!(fs::read_to_string(&bad).expect("a text"), "role clerk {");
        assert_eq!(fs::read_to_string(&good).expect("a text"), SMOOTH);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a folder");
        let (file, link) = (dir.path().join("clerk.txt"), dir.path().join("link.role"));
        fs::write(&file, ROUGH).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("permissions");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        assert_eq!(run(&args(&[&link], false)).expect("a run"), DONE);
        assert_eq!(fs::read_to_string(&file).expect("a text"), SMOOTH);
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
    }

    #[test]
    fn differences_show_the_lines_between_what_is_common() {
        let text = difference("a.role", "a\nb\nc\nx\ny\nd\ne\nf\n", "a\nb\nc\nz\nd\ne\nf\n");
        assert_eq!(text, "--- a.role\n+++ a.role (formatted)\n@@ line 2 @@\n b\n c\n-x\n-y\n+z\n d\n e\n");
        assert!(difference("a.role", "a", "a\n").contains("line ends"), "a missing line break is shown");
        assert!(difference("a.role", "a\r\nb\r\n", "a\nb\n").contains("line ends"), "line ends are shown");
        let long = "x\n".repeat(500);
        assert!(difference("a.role", &long, "y\n").contains("further lines"));
        assert_eq!(difference("a.role", "a\n", "a\na\n"), "--- a.role\n+++ a.role (formatted)\n@@ line 1 @@\n a\n+a\n");
    }
}
