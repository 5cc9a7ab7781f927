//! Rules that are a machine of their own: the monitor runs it, the analysis explores it.

use crate::text::sentence::Event;

/// A deterministic machine that reads a reply character by character.
///
/// A constraint kind whose rule is not one of the shared demands gives one of these. The same value
/// is pushed along by the monitor ([`Demand::Recognize`](super::Demand::Recognize)) and explored by the
/// analysis ([`Fact::Recognized`](super::Fact::Recognized)), so that what is proved is what is enforced.
pub trait Recognizer: std::fmt::Debug + Send + Sync {
    /// Takes the next character; `event` is what the sentence machine says about it.
    fn push(&mut self, c: char, event: &Event);
    /// Whether the rule is kept if the reply ends here.
    fn accepts(&self) -> bool;
    /// What is known of every continuation: kept (`true`), broken (`false`), or open.
    fn settled(&self) -> Option<bool>;
    /// Whether the rule may still be kept with so many further characters at most, as `max_chars` counts
    /// them. A machine that does not know says that it may.
    fn fits(&self, _left: u64) -> bool {
        true
    }
    /// The first byte of the reply that must not go out before more is known, while the rule may still
    /// turn out broken by what stands there (and for good, once it has).
    fn held(&self) -> Option<usize> {
        None
    }
    /// Why the rule is broken if the reply ends here, one sentence, where the machine knows more than
    /// the rule itself.
    fn reason(&self) -> Option<String> {
        None
    }
    /// Everything that the future depends on: equal keys have equal futures. Offsets and counts that
    /// do not matter are left out, so that as few keys as possible occur.
    fn key(&self) -> Vec<u64>;
    /// A representative of every set of characters that the machine tells apart, as far as the rule
    /// itself names them (terms, brackets, digits).
    fn alphabet(&self) -> Vec<char>;
    /// Whether it tells any two characters apart, so that no finite alphabet stands for all texts: then
    /// finding nothing proves nothing.
    fn tells_all_apart(&self) -> bool {
        false
    }
    /// Whether it asks what the sentence machine says; one that does not is explored without it.
    fn reads_sentences(&self) -> bool {
        true
    }
    /// Texts that help to keep the rule; the analysis builds its first candidates from them.
    fn hints(&self) -> Hints {
        Hints::default()
    }
    /// An independent copy.
    fn boxed(&self) -> Box<dyn Recognizer>;
}

/// Texts that keep a rule, or break it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// One of these at the beginning.
    pub starts: Vec<String>,
    /// One of these at the end.
    pub ends: Vec<String>,
    /// One of these somewhere.
    pub includes: Vec<String>,
    /// One of these as the whole reply.
    pub wholes: Vec<String>,
    /// Each of these, anywhere in a reply, breaks the rule.
    pub breakers: Vec<String>,
}

impl Clone for Box<dyn Recognizer> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// Machines are equal when everything about them is, the rule they were made from included.
impl PartialEq for dyn Recognizer + '_ {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}
