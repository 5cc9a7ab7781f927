//! The forms of sentences, read along with the sentence machine.

use crate::text::rhetorical::{self, Form};
use crate::text::sentence::{Event, Sentences};
use crate::text::styles::Styles;

/// A set of forms, a bit for each of [`Form::ALL`].
pub(super) type Forms = u8;

/// Reads the forms of the current sentence.
#[derive(Debug, Clone, Default)]
pub(super) struct Shapes {
    styles: Styles,
}

impl Shapes {
    /// Takes the next character; gives the forms of the sentence before it, if one ended there.
    pub(super) fn push(&mut self, c: char, event: &Event) -> Option<Forms> {
        self.styles.push(c, event).map(bits)
    }

    /// The forms of the sentence if it ends here.
    pub(super) fn forms(self) -> Forms {
        bits(self.styles.forms())
    }

    /// Whether the current sentence has a form however it goes on.
    pub(super) fn is_certain(&self, form: Form) -> bool {
        self.styles.settled(form) == Some(true)
    }

    /// Everything that the future depends on, as far as these forms go.
    pub(super) fn key(&self, asked: Forms, out: &mut Vec<u64>) {
        self.styles.key(|form| has(asked, form), out);
    }
}

fn bits(forms: rhetorical::Forms) -> Forms {
    Form::ALL.iter().map(|form| bit(*form, forms.has(*form))).fold(0, |all, one| all | one)
}

/// A set with or without one form.
pub(super) fn bit(form: Form, has: bool) -> Forms {
    u8::from(has) << (form as u8)
}

/// Whether a set of forms has one.
pub(super) fn has(forms: Forms, form: Form) -> bool {
    forms >> (form as u8) & 1 == 1
}

/// How many sentences a text has, and the forms of each.
pub(super) fn of(text: &str) -> Vec<Forms> {
    let (mut sentences, mut shapes, mut found) = (Sentences::default(), Shapes::default(), Vec::new());
    for c in text.chars() {
        let event = sentences.push(c);
        found.extend(shapes.push(c, &event));
    }
    if sentences.finish().is_some() {
        found.push(shapes.forms());
    }
    found
}
