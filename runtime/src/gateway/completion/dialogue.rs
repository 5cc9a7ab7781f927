//! What a caller sends of a dialogue. Here the caller keeps it, and only the caller knows what may be left
//! out of it: what the model would not be sent is refused, nothing disappears silently.

use crate::enforce::MAX_HISTORY_BYTES;
use crate::gateway::error::ApiError;
use crate::session::turn::{Line, Speaker};

/// A line of the dialogue, and the place where the caller wrote it, such as `messages[3]`.
pub(crate) type Said = (String, Line);

/// A dialogue that ends with the user, or with what the tools said that the role has called since. A caller's
/// instructions neither ask nor answer, wherever they stand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dialogue {
    /// Everything before the user's last words.
    pub(super) history: Vec<Line>,
    /// Those words.
    pub(super) user: String,
    /// What was done since: calls, each followed by its results, and what the caller has instructed.
    pub(super) steps: Vec<Line>,
    /// The field that holds it all, for errors.
    pub(super) field: &'static str,
}

impl Dialogue {
    /// Reads what was said in the field `field`.
    ///
    /// # Errors
    /// When there is nothing but instructions, when it does not end with the user or a tool, when calls and
    /// results do not belong together, or when it is more than is sent.
    pub(crate) fn read(field: &'static str, said: Vec<Said>) -> Result<Self, ApiError> {
        let mut history = lines(field, said)?;
        let missing = || {
            let message = format!("`{field}` holds no message of the user's; send at least one");
            ApiError::invalid("missing_messages", message).param(field)
        };
        let last = history.iter().rfind(|line| !line.instruction).ok_or_else(missing)?;
        let ends_well = last.speaker != Speaker::Role;
        // Guards and references are about what the user says: an instruction behind it does not take its place.
        let words = history.iter().rposition(|line| line.speaker == Speaker::User && !line.instruction);
        let Some(user) = words.filter(|_| ends_well) else {
            let message = "the last message must be the user's, or a tool's behind it, system messages aside; \
                           replies cannot be prefilled";
            return Err(ApiError::invalid("last_message_not_user", message).param(field));
        };
        let steps = history.split_off(user + 1);
        let user = history.pop().map(|line| line.text).unwrap_or_default();
        within_bounds(field, history.iter().chain(steps.iter().filter(|line| line.instruction)))?;
        Ok(Self { history, user, steps, field })
    }
}

/// The lines, each call with its result somewhere behind it. What the role says in several messages is one
/// line: some callers send each call in a message of its own.
fn lines(field: &str, said: Vec<Said>) -> Result<Vec<Line>, ApiError> {
    let mut lines: Vec<Line> = Vec::with_capacity(said.len());
    let mut open: Vec<String> = Vec::new();
    for (at, line) in said {
        if let Some(answers) = &line.answers {
            let Some(call) = open.iter().position(|id| id == answers) else {
                let message = format!("`{at}` answers no call; it stands behind the call and repeats its id, once");
                return Err(ApiError::invalid("invalid_parameter", message).param(at));
            };
            open.remove(call);
        } else if line.speaker != Speaker::Role || lines.last().is_none_or(|last| last.speaker != Speaker::Role) {
            all_answered(&open, &at)?;
        }
        open.extend(line.calls.iter().map(|call| call.id.clone()));
        match lines.last_mut() {
            Some(last) if last.speaker == Speaker::Role && line.speaker == Speaker::Role => {
                let gap = if last.text.is_empty() || line.text.is_empty() { "" } else { "\n\n" };
                last.text.push_str(gap);
                last.text.push_str(&line.text);
                last.calls.extend(line.calls);
            }
            _ => lines.push(line),
        }
    }
    all_answered(&open, field)?;
    Ok(lines)
}

fn all_answered(open: &[String], at: &str) -> Result<(), ApiError> {
    let Some(id) = open.first() else { return Ok(()) };
    let shown: String = id.chars().take(64).collect();
    let message = format!("the call `{shown}` has no result before `{at}`; send one for each call");
    Err(ApiError::invalid("invalid_parameter", message).param(at))
}

fn within_bounds<'l>(field: &str, lines: impl Iterator<Item = &'l Line>) -> Result<(), ApiError> {
    let bytes: usize = lines.map(Line::bytes).sum();
    if bytes <= MAX_HISTORY_BYTES {
        return Ok(());
    }
    let message = format!(
        "the messages before the user's last one and all system messages have {bytes} bytes of text; at most \
         {MAX_HISTORY_BYTES} are sent to the model, so shorten them or leave out the oldest"
    );
    Err(ApiError::invalid("context_length_exceeded", message).param(field))
}
