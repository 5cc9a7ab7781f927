//! An answer as it is said: in pieces, at a pace, to some end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Tally;
use crate::model::dice::Dice;

/// Characters per piece, in turn.
const PIECES: [usize; 3] = [3, 2, 4];

/// Before each piece of a slow answer.
const SLOW: Duration = Duration::from_millis(400);

/// What comes behind the last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The answer is over.
    Stop,
    /// The connection is lost.
    Cut,
    /// Nothing, ever.
    Never,
}

/// An answer in pieces.
pub(super) struct Speech {
    pub(super) pieces: Box<dyn Iterator<Item = String> + Send>,
    /// Before each piece, beside the model's own pace.
    pub(super) pause: Duration,
    pub(super) end: Ending,
    /// How many pieces there are; of an endless answer, how many there may be before an early end.
    count: usize,
}

impl Speech {
    /// In small pieces.
    pub(super) fn new(text: &str) -> Self {
        let mut chars = text.chars().peekable();
        let mut sizes = PIECES.iter().cycle();
        let mut pieces = Vec::new();
        while chars.peek().is_some() {
            let size = sizes.next().copied().unwrap_or(1);
            pieces.push(chars.by_ref().take(size).collect());
        }
        Self::of(pieces)
    }

    /// Character by character.
    pub(super) fn by_character(text: &str) -> Self {
        Self::of(text.chars().map(String::from).collect())
    }

    /// In one piece.
    pub(super) fn at_once(text: String) -> Self {
        Self::of(vec![text])
    }

    /// Without an end.
    pub(super) fn endless(pieces: impl Iterator<Item = String> + Send + 'static) -> Self {
        Self { pieces: Box::new(pieces), pause: Duration::ZERO, end: Ending::Never, count: 8 }
    }

    pub(super) fn slow_down(&mut self) {
        self.pause = SLOW;
    }

    /// Ends somewhere before its end, with at least one piece if there are two.
    pub(super) fn end_early(&mut self, end: Ending, dice: &mut Dice) {
        let kept = 1 + dice.below((self.count as u64).saturating_sub(1));
        let pieces = std::mem::replace(&mut self.pieces, Box::new(std::iter::empty()));
        self.pieces = Box::new(pieces.take(usize::try_from(kept).unwrap_or(1)));
        self.end = end;
    }

    /// Ends it where its tokens are used up, as a model does at its limit. What is given back is true once that has
    /// happened.
    pub(super) fn within(&mut self, tokens: u64) -> Arc<AtomicBool> {
        let over = Arc::new(AtomicBool::new(false));
        let (mut tally, cut) = (Tally::default(), Arc::clone(&over));
        let pieces = std::mem::replace(&mut self.pieces, Box::new(std::iter::empty()));
        self.pieces = Box::new(pieces.map_while(move |mut piece| {
            if cut.load(Ordering::Relaxed) {
                return None;
            }
            let exceeds = |(_, c): &(usize, char)| tally.add(*c) > tokens;
            if let Some((end, _)) = piece.char_indices().find(exceeds) {
                cut.store(true, Ordering::Relaxed);
                piece.truncate(end);
            }
            Some(piece)
        }));
        over
    }

    fn of(pieces: Vec<String>) -> Self {
        let count = pieces.len();
        Self { pieces: Box::new(pieces.into_iter()), pause: Duration::ZERO, end: Ending::Stop, count }
    }
}
