//! Misbehaving on purpose: for demonstrations, tests and `verify`.
//!
//! An answer can be wrong in what it says and in how it comes; of each at most one misdeed is drawn.
//! The same seed, question and attempt draw the same.

use super::bad::bad_texts;
use super::speech::{Ending, Speech};
use crate::enforce::Prompt;
use crate::model::ModelError;
use crate::model::dice::Dice;

/// Something that a model should not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misdeed {
    /// Says what a rule of the contract forbids, or leaves out what one requires.
    Violate,
    /// Says nothing at all.
    Empty,
    /// Never comes to an end.
    Endless,
    /// Says its answer over and over, a megabyte in one piece.
    Huge,
    /// Says one character at a time.
    Split,
    /// Takes long before each piece.
    Slow,
    /// Falls silent in the middle.
    Stall,
    /// Is cut off in the middle.
    Die,
    /// Cannot be reached.
    Fail,
}

/// Names of misdeeds, as settings are written.
pub const MISDEEDS: [(&str, Misdeed); 9] = [
    ("violate", Misdeed::Violate),
    ("empty", Misdeed::Empty),
    ("endless", Misdeed::Endless),
    ("huge", Misdeed::Huge),
    ("split", Misdeed::Split),
    ("slow", Misdeed::Slow),
    ("stall", Misdeed::Stall),
    ("die", Misdeed::Die),
    ("fail", Misdeed::Fail),
];

/// A misdeed and how many of a hundred answers it spoils; without a number, an equal part of what the
/// others of its kind leave.
pub type Share = (Misdeed, Option<u8>);

/// Misdeeds with their shares, and the seed of the draws. Without misdeeds nothing is spoiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Misbehavior {
    /// What is done.
    pub shares: Vec<Share>,
    /// What the draws begin with.
    pub seed: u64,
}

/// The bytes of a huge piece, one of them in every answer's bound.
const HUGE_BYTES: usize = 1_000_000;

impl Misdeed {
    /// Whether it is about what is said, and not about how it comes.
    #[must_use]
    pub fn is_about_words(self) -> bool {
        matches!(self, Self::Violate | Self::Empty | Self::Endless | Self::Huge)
    }
}

impl Misbehavior {
    /// The answer to a prompt, spoiled.
    pub(super) fn spoil(&self, prompt: &Prompt, answer: &str) -> Result<Speech, ModelError> {
        let mut dice = Dice::new(self.start(prompt));
        let (words, way) = (self.draw(true, &mut dice), self.draw(false, &mut dice));
        if words.is_some() || way.is_some() {
            tracing::debug!(role = %prompt.contract.name, ?words, ?way, "misbehaving");
        }
        let text = match words {
            Some(Misdeed::Violate) => dice.pick(&bad_texts(prompt, answer)).cloned().unwrap_or_default(),
            Some(Misdeed::Empty) => String::new(),
            Some(Misdeed::Huge) => over_and_over(answer).take(HUGE_BYTES / (answer.len() + 1)).collect(),
            _ => answer.to_owned(),
        };
        let mut speech = match (words, way) {
            (Some(Misdeed::Endless), _) => Speech::endless(over_and_over(&text)),
            (Some(Misdeed::Huge), _) => Speech::at_once(text),
            (_, Some(Misdeed::Split)) => Speech::by_character(&text),
            _ => Speech::new(&text),
        };
        match way {
            Some(Misdeed::Fail) => return Err(ModelError::Unavailable("it fails on purpose".to_owned())),
            Some(Misdeed::Slow) => speech.slow_down(),
            Some(Misdeed::Stall) => speech.end_early(Ending::Never, &mut dice),
            Some(Misdeed::Die) => speech.end_early(Ending::Cut, &mut dice),
            _ => {}
        }
        Ok(speech)
    }

    fn draw(&self, about_words: bool, dice: &mut Dice) -> Option<Misdeed> {
        let kind: Vec<Share> =
            self.shares.iter().copied().filter(|(misdeed, _)| misdeed.is_about_words() == about_words).collect();
        let named: u64 = kind.iter().filter_map(|(_, share)| share.map(u64::from)).sum();
        let unnamed = kind.iter().filter(|(_, share)| share.is_none()).count() as u64;
        // In parts of a hundred times the misdeeds without a number, so that nothing is rounded away.
        let scale = unnamed.max(1);
        let mut drawn = dice.below(100 * scale);
        for (misdeed, share) in kind {
            let part = share.map_or_else(|| 100u64.saturating_sub(named), |share| u64::from(share) * scale);
            match drawn.checked_sub(part) {
                None => return Some(misdeed),
                Some(rest) => drawn = rest,
            }
        }
        None
    }

    /// A hash of what tells this call from others (FNV-1a).
    fn start(&self, prompt: &Prompt) -> u64 {
        let numbers = [self.seed, prompt.seed.unwrap_or(0), prompt.lines.len() as u64, u64::from(prompt.attempt)];
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
        let bytes = bytes.chain(prompt.contract.name.bytes()).chain(prompt.user.bytes());
        let hash =
            bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        // Neighbouring seeds must not draw alike.
        hash ^ (hash >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// The same text for ever; something where it is empty.
fn over_and_over(text: &str) -> impl Iterator<Item = String> + Send + use<> {
    let text = if text.trim().is_empty() { "……".to_owned() } else { format!("{text} ") };
    std::iter::repeat(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enforce::testing::{prompt, role};

    fn drawn(shares: Vec<Share>, seed: u64, user: &str) -> (Option<Misdeed>, Option<Misdeed>) {
        let contract = role("en", "max_sentences 3", "");
        let misbehavior = Misbehavior { shares, seed };
        let mut dice = Dice::new(misbehavior.start(prompt(&contract, user, "").get()));
        (misbehavior.draw(true, &mut dice), misbehavior.draw(false, &mut dice))
    }

    // Fails when draws do not follow their shares, or not their seed.
    #[test]
    fn misdeeds_come_as_often_as_they_are_given() {
        let count = |shares: &[Share], wanted: Misdeed| {
            let hits = (0..4_000).filter(|seed| {
                let (words, way) = drawn(shares.to_vec(), *seed, "Hi");
                words == Some(wanted) || way == Some(wanted)
            });
            hits.count() * 100 / 4_000
        };
        assert_eq!(count(&[(Misdeed::Violate, None), (Misdeed::Split, None)], Misdeed::Violate), 100);
        assert_eq!(count(&[(Misdeed::Violate, None), (Misdeed::Split, None)], Misdeed::Split), 100);
        let shares = [(Misdeed::Stall, Some(20)), (Misdeed::Die, None), (Misdeed::Slow, None)];
        for (misdeed, percent) in [(Misdeed::Stall, 20), (Misdeed::Die, 40), (Misdeed::Slow, 40)] {
            let counted = count(&shares, misdeed);
            assert!(counted.abs_diff(percent) <= 4, "{misdeed:?}: {counted} of {percent}");
        }
        let counted = count(&[(Misdeed::Empty, Some(30))], Misdeed::Empty);
        assert!(counted.abs_diff(30) <= 4, "{counted}");
        let half = vec![(Misdeed::Violate, Some(50))];
        assert_eq!(drawn(half.clone(), 7, "Hi"), drawn(half.clone(), 7, "Hi"));
        let differ =
            (0..100).filter(|n| drawn(half.clone(), 7, &n.to_string()) != drawn(half.clone(), 8, &n.to_string()));
        assert!((20..80).contains(&differ.count()), "seeds draw alike");
    }
}
