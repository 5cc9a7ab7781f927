use std::fmt;

/// A parameter that cannot be used. Shown to the author of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadParam {
    /// Its name; empty when the parameters as a whole are meant.
    pub param: String,
    /// What is wrong with it.
    pub message: String,
}

impl BadParam {
    /// A finding about one parameter.
    pub fn new(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: param.into(), message: message.into() }
    }
}

impl fmt::Display for BadParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.param.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.param, self.message) }
    }
}

impl std::error::Error for BadParam {}

/// Why a policy gives no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyError {
    /// The parameters cannot be used.
    BadParams(BadParam),
    /// The policy itself failed, in words for its author.
    Internal(String),
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadParams(bad) => bad.fmt(f),
            Self::Internal(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for PolicyError {}

impl From<BadParam> for PolicyError {
    fn from(bad: BadParam) -> Self {
        Self::BadParams(bad)
    }
}
