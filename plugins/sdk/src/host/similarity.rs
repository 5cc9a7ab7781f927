//! How alike two texts are written, by the host: the grant `similarity`.

use std::fmt;

/// A text has more than 2,048 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text to compare has more than 2,048 characters")
    }
}

impl std::error::Error for TooLong {}

/// 1 - d / n, where d is the Levenshtein distance in characters and n the characters of the longer text; 1
/// when both are empty. Each 500,000 pairs of characters count as 1 ms of the call's time.
///
/// # Errors
/// A text is too long.
pub fn edit(a: &str, b: &str) -> Result<f64, TooLong> {
    compare(a, b)
}

#[cfg(target_arch = "wasm32")]
fn compare(a: &str, b: &str) -> Result<f64, TooLong> {
    crate::bindings::host::rolecall::host::similarity::edit(a, b).map_err(|_too_long| TooLong)
}

#[cfg(not(target_arch = "wasm32"))]
fn compare(a: &str, b: &str) -> Result<f64, TooLong> {
    let long = [a, b].iter().any(|text| text.chars().count() > 2_048);
    if long { Err(TooLong) } else { Ok(strsim::normalized_levenshtein(a, b)) }
}
