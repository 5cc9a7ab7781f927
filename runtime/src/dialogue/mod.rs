//! What a stateful role remembers of a dialogue, so that "your third point" and `刚才你说的第三点` are
//! found instead of guessed.
//!
//! [`State`] keeps, turn by turn, the points of each reply, the things spoken of and how the role
//! stood to them. [`resolve`] reads a user's turn against it: every reference in it is bound to what
//! was said, or marked as unknown. [`notes`] turns that into what the model is told. All of it is a
//! pure function of the lines of the dialogue: no model, clock, store or socket, and the same after a
//! crash as before.

mod entities;
mod measure;
mod note;
mod numeral;
mod pattern;
mod points;
mod reference;
mod snapshot;
mod stance;
mod state;

pub use measure::{CASES, Case, Cases, Figures, Part, measure};
pub use note::Note;
pub use reference::{MAX_REFERENCES, Reference, Target, Unknown, resolve};
pub use stance::Stance;
pub use state::{
    Keep, MAX_BYTES, MAX_ENTITIES, MAX_POINT_BYTES, MAX_POINTS, MAX_READ_BYTES, MAX_REPLIES, MAX_SAID_BYTES, State,
};

/// What a user's turn refers to, in the words of the dialogue: what a model is told before it answers.
#[must_use]
pub fn notes(user: &str, state: &State, keep: Keep) -> Vec<Note> {
    resolve(user, state, keep).iter().map(|reference| Note::new(user, reference, state)).collect()
}

#[cfg(test)]
mod tests;
