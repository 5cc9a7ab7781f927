//! Standard output and error. A reader that has gone away ends the output, not the process.

use std::io::{self, Write};

/// Writes text to standard output.
///
/// # Errors
/// When standard output cannot be written for another reason than a closed pipe.
pub fn print(text: &str) -> io::Result<()> {
    tolerate(io::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().lock().flush()))
}

/// Writes a line to standard output.
///
/// # Errors
/// As [`print()`].
pub fn print_line(text: &str) -> io::Result<()> {
    print(&format!("{text}\n"))
}

/// Writes a line to standard error; when even that fails there is nobody left to tell.
pub(super) fn complain(text: &str) {
    let _nobody_listens = writeln!(io::stderr().lock(), "{text}");
}

/// `1 rule`, `2 rules`: a number with what it counts, whose plural has an s.
pub(super) fn plural(count: usize, what: &str) -> String {
    plurals(count, what, &format!("{what}s"))
}

/// The same for any noun.
pub(super) fn plurals(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn tolerate(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
