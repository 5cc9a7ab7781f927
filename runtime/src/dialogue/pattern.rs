//! Patterns that are written in this module.

use regex::{Regex, RegexSet};

/// Compiles a pattern of this module.
#[allow(clippy::expect_used, reason = "the patterns are written here, and the tests compile every one")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this module")
}

/// Tells whether any of these matches at all, in one search.
#[allow(clippy::expect_used, reason = "each of them was compiled before")]
pub(super) fn any(patterns: &[&Regex]) -> RegexSet {
    RegexSet::new(patterns.iter().map(|pattern| pattern.as_str())).expect("patterns of this module")
}
