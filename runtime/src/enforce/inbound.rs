//! A user's words on the way in.

use super::Permitted;

/// The longest message that is read, in bytes (64 KiB). Longer ones are refused.
pub const MAX_USER_BYTES: usize = 64 << 10;

/// A user's words, checked on the way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserText {
    /// The words.
    pub text: String,
}

/// Why a user's words were not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing to answer.
    #[error("the message is empty; send some text")]
    Empty,
    /// Too long.
    #[error("the message has {0} bytes; at most {1} are read")]
    TooLong(usize, usize),
}

/// Lets a user's words in.
///
/// # Errors
/// When there are none, or too many.
pub fn admit(text: &str) -> Result<Permitted<UserText>, Refused> {
    if text.len() > MAX_USER_BYTES {
        return Err(Refused::TooLong(text.len(), MAX_USER_BYTES));
    }
    if text.chars().all(|c| c.is_whitespace() || c.is_control()) {
        return Err(Refused::Empty);
    }
    Ok(Permitted::new(UserText { text: text.to_owned() }))
}
