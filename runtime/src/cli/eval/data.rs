//! What is evaluated: files of cases, and what can be wrong with them.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rolecall_dsl::text::sentence::conformance::Malformed;
use thiserror::Error;

/// The largest file of cases; longer ones are refused.
const MAX_BYTES: u64 = 16 << 20;

/// One file of cases.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The file's name, as messages and reports show it.
    pub(super) name: Cow<'static, str>,
    pub(super) text: Cow<'static, str>,
}

/// Why cases cannot be read.
#[derive(Debug, Error)]
pub(super) enum DataError {
    #[error("cannot read {file}")]
    Unreadable { file: String, source: io::Error },
    #[error("{file} has more than {} MiB; split it", MAX_BYTES >> 20)]
    TooLong { file: String },
    #[error("{file} is not UTF-8; save it in that encoding")]
    Encoding { file: String },
    #[error("{file} holds no case; `rolecall help eval` names the formats")]
    Empty { file: String },
    #[error("{place}: the first line that is no comment must be `{wanted}`, with tabs between the columns")]
    Header { place: String, wanted: String },
    #[error("{place} has {found} columns instead of {wanted}; put one tab between two of them")]
    Columns { place: String, found: usize, wanted: usize },
    #[error("{place}: the {column} is `{found}`; write {wanted}")]
    Value { place: String, column: &'static str, found: String, wanted: &'static str },
    #[error("{place} has {found} sentences; write one in each line, because each has its own label")]
    Sentences { place: String, found: usize },
    #[error("{place}: {message}")]
    Case { place: String, message: String },
    #[error("{file}, {message}")]
    Set { file: String, message: String },
    #[error("the ordinary texts of {file} are judged by a contract; name its .role file, too")]
    NoContract { file: String },
    #[error("{file} declares no role without errors; `rolecall verify {file}` explains them")]
    Contract { file: String },
    #[error("{place}: {wrong}")]
    Break { place: String, wrong: Malformed },
}

impl Source {
    /// A file that ships with the program.
    pub(super) const fn bundled(name: &'static str, text: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), text: Cow::Borrowed(text) }
    }

    /// Reads a file of the user's.
    pub(super) fn read(path: &Path) -> Result<Self, DataError> {
        let file = path.display().to_string();
        let unreadable = |source| DataError::Unreadable { file: path.display().to_string(), source };
        let mut bytes = Vec::new();
        let opened = File::open(path).map_err(unreadable)?;
        opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(DataError::TooLong { file });
        }
        let Ok(mut text) = String::from_utf8(bytes) else { return Err(DataError::Encoding { file }) };
        if text.starts_with('\u{FEFF}') {
            text.drain(..'\u{FEFF}'.len_utf8());
        }
        Ok(Self { name: Cow::Owned(file), text: Cow::Owned(text) })
    }

    /// Its lines, numbered from 1, without line ends.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().zip(1..).map(|(line, number)| (number, line))
    }

    /// Those that are not empty and do not begin with `#`, which are comments.
    pub(super) fn cases(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    }

    /// Where a line stands, as messages and reports show it.
    pub(super) fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.name)
    }

    /// The rows of a table with tabs between its columns, each with the line it stands in. The
    /// first line that is no comment is the header.
    pub(super) fn rows<const COLUMNS: usize>(
        &self,
        header: [&str; COLUMNS],
    ) -> Result<Vec<(usize, [&str; COLUMNS])>, DataError> {
        let mut lines = self.cases();
        let Some((number, first)) = lines.next() else { return Err(DataError::Empty { file: self.name.to_string() }) };
        if !first.split('\t').eq(header) {
            return Err(DataError::Header { place: self.place(number), wanted: header.join(" ") });
        }
        let rows: Vec<_> = lines.map(|(number, line)| self.row(number, line)).collect::<Result<_, _>>()?;
        if rows.is_empty() {
            return Err(DataError::Empty { file: self.name.to_string() });
        }
        Ok(rows)
    }

    fn row<'s, const COLUMNS: usize>(
        &self,
        number: usize,
        line: &'s str,
    ) -> Result<(usize, [&'s str; COLUMNS]), DataError> {
        let columns: Vec<&str> = line.split('\t').collect();
        let found = columns.len();
        match columns.try_into() {
            Ok(columns) => Ok((number, columns)),
            Err(_) => Err(DataError::Columns { place: self.place(number), found, wanted: COLUMNS }),
        }
    }
}
