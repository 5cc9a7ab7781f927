//! Patterns that are written in this module.

use regex::Regex;

/// Compiles a pattern of this module.
#[allow(clippy::expect_used, reason = "the patterns are written here, and the tests compile every one")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this module")
}
