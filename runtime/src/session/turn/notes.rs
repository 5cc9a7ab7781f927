//! What the dialogue tells a model about the user's words, before it is asked.

use rolecall_dsl::Contract;

use super::{Line, Speaker};
use crate::dialogue::{self, Keep, Note, State};

/// What there is to remember of a dialogue that its caller keeps; nothing for a role that keeps no dialogue
/// state. Whoever asks for several replies to the same words reads it once.
pub(crate) fn remembered(contract: &Contract, history: &[Line]) -> Option<State> {
    let keep = Keep::of(contract);
    let read = || State::of(0, turns(history).iter().map(|(u, r)| (u.as_str(), *r)), keep);
    (keep != Keep::NOTHING).then(read)
}

/// What the user's words refer to. Nothing for a role that keeps no dialogue state.
pub(super) fn notes(contract: &Contract, history: &[Line], dialogue: Option<State>, user: &str) -> Vec<Note> {
    let keep = Keep::of(contract);
    if keep == Keep::NOTHING {
        return Vec::new();
    }
    let state = dialogue.or_else(|| remembered(contract, history));
    state.map(|state| dialogue::notes(user, &state, keep)).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enforce::testing::compile;

    // Fails when a dialogue that was read before says anything else than one that is read now, or a role
    // that remembers nothing is given something.
    #[test]
    fn a_dialogue_may_be_read_before() {
        let role = |stateful: bool| {
            let rules = "constraints { max_sentences 9 }";
            compile(&format!("role tested {{ version 1.0.0 language en persona \"p\" stateful {stateful} {rules} }}"))
        };
        let history = [Line::said(Speaker::User, "How?"), Line::said(Speaker::Role, "1. Rest.\n2. Walk.\n3. Eat.")];
        let (stateful, other) = (role(true), role(false));
        let user = "Tell me more about your second point.";
        let read = remembered(&stateful, &history);
        assert!(read.is_some() && remembered(&other, &history).is_none());
        let told = notes(&stateful, &[], read, user);
        assert!(!told.is_empty());
        assert_eq!(told, notes(&stateful, &history, None, user));
        assert!(notes(&other, &history, None, user).is_empty());
    }
}
