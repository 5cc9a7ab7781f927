//! From a path to the texts of its contracts.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use rolecall_dsl::diagnostic::{Finding, codes};
use rolecall_dsl::source::{MAX_SOURCE_BYTES, Source};
use rolecall_dsl::span::Span;

use super::ContractsError;

/// The folder name that is left out below the folder asked for.
const LEFT_OUT: &str = "rejected";

/// Folders nested deeper are not looked into; a link that leads in a circle ends here.
const MAX_DEPTH: usize = 16;

/// Most contract files of one folder.
const MAX_FILES: usize = 10_000;

/// The contract files of a folder, sorted; a file stands for itself.
///
/// # Errors
/// When the path, or a folder below it, cannot be read, or holds too many files.
pub fn role_files(path: &Path) -> Result<Vec<PathBuf>, ContractsError> {
    let meta = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if meta.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    collect(path, 0, &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ContractsError> {
    for entry in fs::read_dir(dir).map_err(|error| unreadable(dir, &error))? {
        let path = entry.map_err(|error| unreadable(dir, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if name != LEFT_OUT && depth < MAX_DEPTH {
                collect(&path, depth + 1, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "role") {
            if files.len() == MAX_FILES {
                return Err(ContractsError::TooMany { path: dir.to_owned(), limit: MAX_FILES });
            }
            files.push(path);
        }
    }
    Ok(())
}

/// The text of a contract file, or the finding that says why there is none. Never reads more than
/// a contract may have.
///
/// # Errors
/// The finding, about a source without text.
pub fn read_source(path: &Path) -> Result<Source, Box<Finding>> {
    let name = path.display().to_string();
    let refuse = |code, message: String, help: &str| {
        Box::new(Finding::new(code, &Source::new(&name, ""), Span::default(), message).with_help(help))
    };
    let mut bytes = Vec::new();
    let limit = MAX_SOURCE_BYTES as u64 + 1;
    if let Err(error) = fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
        return Err(refuse(codes::UNREADABLE, format!("the file cannot be read: {error}"), "make the file readable"));
    }
    if bytes.len() > MAX_SOURCE_BYTES {
        let message = format!("the file is larger than {MAX_SOURCE_BYTES} bytes");
        return Err(refuse(codes::SOURCE_TOO_LARGE, message, "split the roles over several files"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(&name, &text)),
        Err(error) => {
            let message = format!("the file is not UTF-8 from byte {} on", error.utf8_error().valid_up_to());
            Err(refuse(codes::NOT_UTF8, message, "save the file as UTF-8"))
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ContractsError {
    ContractsError::Unreadable { path: path.to_owned(), detail: error.to_string() }
}
