//! The sentences of a model's answer as it comes.

use rolecall_dsl::text::sentence::Sentences;

/// Cuts an answer into sentences with the machine that the rules count by.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    machine: Sentences,
    /// Text behind the last known sentence end.
    pending: String,
    /// Offset of `pending` in everything read.
    start: usize,
}

impl Splitter {
    /// A splitter behind `out`, perhaps in the middle of a sentence.
    pub(super) fn behind(out: &str) -> Self {
        let mut splitter = Self::default();
        let _ = splitter.push(out);
        let _ = splitter.take_pending();
        splitter
    }

    /// The sentences that are known to have ended with this text, white space behind them included.
    pub(super) fn push(&mut self, text: &str) -> Vec<String> {
        let mut sentences = Vec::new();
        for c in text.chars() {
            self.pending.push(c);
            let Some(boundary) = self.machine.push(c).boundary else { continue };
            let length = boundary.next.saturating_sub(self.start);
            if length > 0 && self.pending.is_char_boundary(length) {
                let rest = self.pending.split_off(length);
                sentences.push(std::mem::replace(&mut self.pending, rest));
                self.start += length;
            }
        }
        sentences
    }

    /// What is not known to be a whole sentence yet.
    pub(super) fn pending(&self) -> &str {
        &self.pending
    }

    /// The same, by move.
    pub(super) fn take_pending(&mut self) -> String {
        self.start += self.pending.len();
        std::mem::take(&mut self.pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_come_whole_however_they_are_cut() {
        let text = "你好！「走吧。」他说。Then go. Now";
        for at in text.char_indices().map(|(at, _)| at) {
            let (a, b) = text.split_at(at);
            let mut splitter = Splitter::default();
            let mut sentences = splitter.push(a);
            sentences.extend(splitter.push(b));
            assert_eq!(sentences, ["你好！", "「走吧。」他说。", "Then go. "]);
            assert_eq!(splitter.take_pending(), "Now");
            let mut behind = Splitter::behind(a);
            let rest: String = behind.push(b).concat() + behind.pending();
            assert_eq!(rest, b);
        }
    }
}
