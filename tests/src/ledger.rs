//! An independent ledger of what a client was shown.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Everything shown to one client, in the order shown, with what was wrong about it.
#[derive(Debug, Default)]
pub struct Ledger {
    shown: Vec<Value>,
    epochs: Vec<(u64, u64)>,
    lost: Vec<String>,
    duplicated: Vec<String>,
    reordered: Vec<String>,
}

impl Ledger {
    /// The highest sequence id shown; 0 for none.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        let shown = self.shown.last().and_then(|message| message["seq"].as_u64()).unwrap_or(0);
        let resumed = self.epochs.last().map_or(0, |(_, from)| from.saturating_sub(1));
        shown.max(resumed)
    }

    /// The epoch; 0 before the first welcome.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epochs.last().map_or(0, |(epoch, _)| *epoch)
    }

    /// The messages shown, in order.
    #[must_use]
    pub fn shown(&self) -> &[Value] {
        &self.shown
    }

    /// Notes where the server says that it goes on.
    ///
    /// # Errors
    /// When it skips or repeats something, or an epoch comes again that was left: their numbers have no order, and none is given twice.
    pub fn welcome(&mut self, welcome: &Value) -> Result<()> {
        let epoch = welcome["epoch"].as_u64().with_context(|| format!("no epoch in {welcome}"))?;
        let from = welcome["resume_from"].as_u64().with_context(|| format!("no resume_from in {welcome}"))?;
        ensure!(from == self.last_seq() + 1, "last shown {}, but {welcome}", self.last_seq());
        if epoch != self.epoch() {
            ensure!(
                self.epochs.iter().all(|(left, _)| *left != epoch),
                "an epoch came again: {welcome} after {:?}",
                self.epochs
            );
            self.epochs.push((epoch, from));
        }
        Ok(())
    }

    /// Notes a frame; only messages count.
    ///
    /// # Errors
    /// When a message has no sequence id.
    pub fn frame(&mut self, frame: &Value) -> Result<()> {
        if frame["type"] == "message" { self.message(frame) } else { Ok(()) }
    }

    /// Notes a message as it is shown. What is wrong with its place is kept for
    /// [`verify`](Self::verify).
    ///
    /// # Errors
    /// When it has no sequence id.
    pub fn message(&mut self, message: &Value) -> Result<()> {
        let seq = message["seq"].as_u64().with_context(|| format!("no seq in {message}"))?;
        let last = self.last_seq();
        let note = format!("{seq} after {last}");
        if self.shown.iter().any(|other| other["seq"] == seq) {
            self.duplicated.push(note);
        } else if seq <= last {
            self.reordered.push(note);
        } else if seq > last + 1 {
            self.lost.push(note);
        }
        self.shown.push(message.clone());
        Ok(())
    }

    /// The final reply to the user message with this id, if it was shown.
    #[must_use]
    pub fn reply_to(&self, id: &str) -> Option<&Value> {
        let said = self.shown.iter().position(|m| m["body"]["kind"] == "user" && m["body"]["id"] == id)?;
        let turn = &self.shown.get(said)?["turn"];
        // Behind it: an epoch that forgot turns counts them again.
        self.shown.iter().skip(said).find(|m| m["body"]["kind"] == "reply" && m["turn"] == *turn)
    }

    /// The epoch that a sequence id belongs to.
    fn epoch_of(&self, seq: u64) -> u64 {
        self.epochs.iter().rev().find(|(_, from)| *from <= seq).map_or(0, |(epoch, _)| *epoch)
    }

    /// How often a message of this kind and text was shown.
    #[must_use]
    pub fn count(&self, kind: &str, field: &str, value: &str) -> usize {
        self.shown.iter().filter(|m| m["body"]["kind"] == kind && m["body"][field] == value).count()
    }

    /// Lost, duplicated and reordered are 0, and every turn makes sense.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub fn verify(&self) -> Result<()> {
        let wrong = self.lost.len() + self.duplicated.len() + self.reordered.len();
        ensure!(wrong == 0, "lost {:?}, duplicated {:?}, reordered {:?}", self.lost, self.duplicated, self.reordered);
        let mut turns: BTreeMap<(u64, u64), Turn> = BTreeMap::new();
        for message in &self.shown {
            let turn = message["turn"].as_u64().with_context(|| format!("no turn in {message}"))?;
            let epoch = self.epoch_of(message["seq"].as_u64().unwrap_or_default());
            if turn > 0 {
                turns.entry((epoch, turn)).or_default().take(message)?;
            }
        }
        Ok(())
    }

    /// The ledger holds what the server's log holds, message for message.
    ///
    /// # Errors
    /// At the first difference.
    pub fn equals(&self, log: &[Value]) -> Result<()> {
        for (shown, stored) in self.shown.iter().zip(log) {
            let same = ["seq", "turn", "body"].iter().all(|field| shown[*field] == stored[*field]);
            ensure!(same, "shown {shown}\nstored {stored}");
        }
        ensure!(self.shown.len() == log.len(), "{} shown, {} stored", self.shown.len(), log.len());
        Ok(())
    }
}

/// One turn: a user message, deltas, one reply that is their concatenation, nothing after it.
#[derive(Debug, Default)]
struct Turn {
    users: usize,
    text: String,
    ended: bool,
}

impl Turn {
    fn take(&mut self, message: &Value) -> Result<()> {
        ensure!(!self.ended, "after the end of its turn: {message}");
        let text = message["body"]["text"].as_str().with_context(|| format!("no text in {message}"))?;
        match message["body"]["kind"].as_str() {
            Some("user") => {
                self.users += 1;
                ensure!(self.users == 1 && self.text.is_empty(), "a second user message in one turn: {message}");
            }
            Some("delta") => {
                ensure!(!text.is_empty(), "an empty delta: {message}");
                self.text.push_str(text);
            }
            Some("reply") => {
                ensure!(self.text == text, "the deltas say {:?}, the reply {text:?}", self.text);
                self.ended = true;
            }
            other => bail!("{other:?} inside a turn: {message}"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(seq: u64, kind: &str, text: &str) -> Value {
        json!({"type": "message", "seq": seq, "turn": 1, "body": {"kind": kind, "text": text, "id": "m1"}})
    }

    fn ledger(messages: &[Value]) -> Ledger {
        let mut ledger = Ledger::default();
        for message in messages {
            ledger.message(message).unwrap();
        }
        ledger
    }

    #[test]
    fn a_whole_turn_passes() {
        let turn =
            [message(1, "user", "hi"), message(2, "delta", "a"), message(3, "delta", "b"), message(4, "reply", "ab")];
        ledger(&turn).verify().unwrap();
        assert_eq!(ledger(&turn).reply_to("m1").unwrap()["seq"], 4);
        ledger(&turn).equals(&turn).unwrap();
    }

    // A ledger that waved these through would make every resume test worthless.
    #[test]
    fn holes_repeats_and_swaps_are_found() {
        for seqs in [[1, 3, 4], [1, 1, 2], [2, 1, 3], [1, 2, 2]] {
            let messages: Vec<Value> = seqs.iter().map(|seq| message(*seq, "delta", "x")).collect();
            assert!(ledger(&messages).verify().is_err(), "{seqs:?}");
        }
    }

    #[test]
    fn a_reply_that_differs_from_its_deltas_is_found() {
        assert!(ledger(&[message(1, "delta", "a"), message(2, "reply", "b")]).verify().is_err());
        assert!(
            ledger(&[message(1, "delta", "a"), message(2, "reply", "a"), message(3, "delta", "b")]).verify().is_err()
        );
        assert!(ledger(&[message(1, "reply", ""), message(2, "reply", "")]).verify().is_err());
    }

    #[test]
    fn a_different_log_is_found() {
        let shown = [message(1, "delta", "a")];
        assert!(ledger(&shown).equals(&[message(1, "delta", "b")]).is_err());
        assert!(ledger(&shown).equals(&[]).is_err());
    }
}
