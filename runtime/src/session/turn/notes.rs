//! What the dialogue tells a model about the user's words, before it is asked.

use rolecall_dsl::Contract;

use super::{Line, Speaker};
use crate::dialogue::{self, Keep, Note, State};

/// What the user's words refer to. Nothing for a role that keeps no dialogue state.
pub(super) fn notes(contract: &Contract, history: &[Line], dialogue: Option<State>, user: &str) -> Vec<Note> {
    let keep = Keep::of(contract);
    if keep == Keep::NOTHING {
        return Vec::new();
    }
    let state = dialogue.unwrap_or_else(|| State::of(0, turns(history).iter().map(|(u, r)| (u.as_str(), *r)), keep));
    dialogue::notes(user, &state, keep)
}

/// Lines as turns: whatever was said before a reply is what it answers.
fn turns(history: &[Line]) -> Vec<(String, &str)> {
    let (mut turns, mut asked) = (Vec::new(), String::new());
    for line in history {
        match line.speaker {
            // A call of tools says nothing, and their results are nobody's words.
            Speaker::Role if line.text.is_empty() => {}
            Speaker::Tool => {}
            Speaker::Role => turns.push((std::mem::take(&mut asked), line.text.as_str())),
            Speaker::User if asked.is_empty() => asked.clone_from(&line.text),
            Speaker::User => asked = format!("{asked}\n{}", line.text),
        }
    }
    turns
}
