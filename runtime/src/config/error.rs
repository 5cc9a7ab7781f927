//! What can be wrong with a configuration: where, what, and the remedy.

use std::fmt;
use std::path::PathBuf;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: the built-in default.
    Default,
    /// A line of a configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A command-line flag.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// One thing that is wrong with a configuration. The operator's to correct, always.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {detail}; name a readable file with --config, or leave the flag out", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        detail: String,
    },
    /// The file is not TOML.
    #[error("{}:{line}: {detail}; correct the line (the file is TOML: `key = value`)", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The parser's word.
        detail: String,
    },
    /// A key that does not exist.
    #[error("{}:{line}: there is no setting `{key}`; {remedy}", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key as written.
        key: String,
        /// "did you mean", or where to look.
        remedy: String,
    },
    /// A value that cannot be used.
    #[error("{place}: {key} = {shown}: {detail}; {remedy}")]
    Value {
        /// Where it was written.
        place: Place,
        /// The setting.
        key: Box<str>,
        /// The value as written; asterisks for secrets.
        shown: String,
        /// What is wrong.
        detail: String,
        /// What to write instead.
        remedy: String,
    },
    /// Settings that do not go together.
    #[error("{detail}; {remedy}")]
    Combination {
        /// What does not fit.
        detail: String,
        /// What to change.
        remedy: String,
    },
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}
