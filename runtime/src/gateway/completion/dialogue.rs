//! What a caller sends of a dialogue. Here the caller keeps it, and only the caller knows what may be left
//! out of it: what the model would not be sent is refused, nothing disappears silently.

use crate::enforce::MAX_HISTORY_BYTES;
use crate::gateway::error::ApiError;
use crate::session::turn::{Line, Speaker};

/// A line of the dialogue, and the place where the caller wrote it, such as `messages[3]`.
pub(crate) type Said = (String, Line);

/// A dialogue that ends with the user.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dialogue {
    /// Everything before.
    pub(super) history: Vec<Line>,
    /// What the user says now.
    pub(super) user: String,
    /// The field that holds it, for errors.
    pub(super) field: &'static str,
}

impl Dialogue {
    /// Reads what was said in the field `field`.
    ///
    /// # Errors
    /// When there is nothing, when it does not end with the user, or when it is more than is sent.
    pub(crate) fn read(field: &'static str, said: Vec<Said>) -> Result<Self, ApiError> {
        let mut history: Vec<Line> = said.into_iter().map(|(_, line)| line).collect();
        match history.pop() {
            Some(Line { speaker: Speaker::User, text }) => {
                within_bounds(field, &history)?;
                Ok(Self { history, user: text, field })
            }
            Some(_) => {
                let message = "the last message must be the user's; replies cannot be prefilled";
                Err(ApiError::invalid("last_message_not_user", message).param(field))
            }
            None => {
                let message = format!("`{field}` is empty; send at least one message");
                Err(ApiError::invalid("missing_messages", message).param(field))
            }
        }
    }
}

fn within_bounds(field: &str, earlier: &[Line]) -> Result<(), ApiError> {
    let bytes: usize = earlier.iter().map(|line| line.text.len()).sum();
    if bytes <= MAX_HISTORY_BYTES {
        return Ok(());
    }
    let message = format!(
        "the messages before the last one have {bytes} bytes of text, system messages included; at most \
         {MAX_HISTORY_BYTES} are sent to the model, so shorten them or leave out the oldest"
    );
    Err(ApiError::invalid("context_length_exceeded", message).param(field))
}
