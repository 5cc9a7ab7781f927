//! Texts as vectors, by the operator's embedder: the grant `embed`.

use std::fmt;

/// Why there is no vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmbedError {
    /// The text has more than 64 KiB.
    TooLong,
    /// The embedder gave nothing: why.
    Unavailable(String),
}

impl fmt::Display for EmbedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the text to embed has more than 64 KiB"),
            Self::Unavailable(why) => write!(f, "the text was not embedded: {why}"),
        }
    }
}

impl std::error::Error for EmbedError {}

/// The text's vector, of length 1: the cosine of two is the sum of their products. In native tests it comes
/// from what [`crate::testing::set_embedder`] was given.
///
/// # Errors
/// There is none.
pub fn embed(text: &str) -> Result<Vec<f32>, EmbedError> {
    vector(text)
}

#[cfg(target_arch = "wasm32")]
fn vector(text: &str) -> Result<Vec<f32>, EmbedError> {
    use crate::bindings::host::rolecall::host::embed as host;
    host::embed(text).map_err(|error| match error {
        host::EmbedError::TooLong => EmbedError::TooLong,
        host::EmbedError::Unavailable(why) => EmbedError::Unavailable(why),
    })
}

#[cfg(not(target_arch = "wasm32"))]
fn vector(text: &str) -> Result<Vec<f32>, EmbedError> {
    if text.len() > 64 << 10 { Err(EmbedError::TooLong) } else { crate::testing::host::embed(text) }
}
