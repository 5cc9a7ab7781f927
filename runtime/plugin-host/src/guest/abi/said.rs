//! What guests say, in no version's types and before anything of it is checked.

use crate::{Isolation, Severity};

/// Why a policy gives no answer.
pub(crate) enum Fault {
    BadParams {
        param: String,
        message: String,
    },
    Internal(String),
    /// The version of the ABI does not have the function.
    Unsupported,
}

/// What a policy says of itself.
pub(crate) struct Said {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) doc: String,
    pub(crate) params_schema: String,
    pub(crate) streaming: bool,
    pub(crate) isolation: Isolation,
}

/// A broken rule.
pub(crate) struct Violation {
    pub(crate) rule: String,
    pub(crate) message: String,
    pub(crate) severity: Severity,
    pub(crate) spans: Vec<Span>,
    pub(crate) suggestion: Option<String>,
}

/// A part of a text, or of none.
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Messages merged.
pub(crate) struct Group {
    pub(crate) members: Vec<u32>,
    pub(crate) text: Option<String>,
}
