//! The end of an answer in mode *Sentence*: what of the held sentences goes out when nothing more comes.

use std::ops::Range;

use super::held::Held;
use super::{Broken, Cause, ReplyStream, join};
use crate::enforce::probe::Piece;

/// What the policies say of a whole reply.
enum Opinion {
    Passes,
    /// It lacks something that words to come may bring.
    Misses,
    Objects(Objections),
}

/// What stands in the way of a text as the whole of a reply.
type Objections = Vec<Broken>;

impl ReplyStream {
    pub(super) async fn end_sentences(&mut self) -> String {
        self.attempt.gate.finish();
        let tail = self.attempt.splitter.take_pending();
        let mut release = if tail.is_empty() { tail } else { self.offer(&tail).await };
        if self.attempt.stop.is_none() {
            release.push_str(&self.select_held().await);
        }
        release
    }

    /// The answer is over: lets out the held sentences that make a good end, and drops the others. Where a policy
    /// objects to that end, as one does whose verdict waits for what follows, the last sentence goes first.
    async fn select_held(&mut self) -> String {
        self.drop_closed();
        let parts = self.attempt.held.units.iter().map(|unit| (unit.raw.clone(), unit.part.clone()));
        let mut units = super::held::together(parts, &self.attempt.gate);
        let rest = self.attempt.held.rest.clone();
        while !units.is_empty() {
            match self.select(&units, &rest).await {
                Ok(Some(text)) => return text,
                Ok(None) => break,
                Err(objections) if self.stopped_by(&objections) => return String::new(),
                Err(_) => {
                    if let Some((_, part)) = units.pop() {
                        self.attempt.gate.drop_part(&part);
                    }
                }
            }
        }
        if !self.attempt.held.units.is_empty() {
            self.drop_units(|_| true);
            return String::new();
        }
        if rest.is_empty() || !self.base.ends_well_with(&rest) || self.objected(&rest).await {
            return String::new();
        }
        self.let_out(&rest);
        rest
    }

    /// Lets out those of these sentences that make a good end. What the policies say against one end counts
    /// when no other is found.
    async fn select(&mut self, units: &[(String, Range<usize>)], rest: &str) -> Result<Option<String>, Objections> {
        let mut objections = None;
        let sentences: Vec<String> = units.iter().map(|(raw, _)| raw.clone()).collect();
        let mut trials = super::whole::MAX_TRIALS;
        let mut endings = self.closers();
        endings.insert(0, String::new());
        let last = endings.len();
        endings.extend(self.contract.fallback.as_ref().map(|f| f.value.clone()));
        for (at, ending) in endings.iter().enumerate() {
            let Some(kept) = super::whole::select(&self.base, &sentences, ending, &mut trials) else { continue };
            let mut gate = self.attempt.gate.clone();
            units.iter().zip(&kept).filter(|(_, keep)| !**keep).for_each(|((_, part), _)| gate.drop_part(part));
            let parts = units.iter().zip(&kept).filter(|(_, keep)| **keep);
            if parts.clone().any(|((_, part), _)| gate.is_closed(part)) {
                continue;
            }
            let raw: String = [rest].into_iter().chain(parts.map(|((raw, _), _)| raw.as_str())).collect();
            let piece = match self.settled(&raw, ending, at == last).await {
                Ok(Some(piece)) => piece,
                Ok(None) => continue,
                Err(wrong) => {
                    objections.get_or_insert(wrong);
                    continue;
                }
            };
            let all = kept.iter().all(|keep| *keep) && units.len() == self.attempt.held.units.len();
            if !all {
                self.note_dropped();
            }
            self.note_redactions(&piece.redacted);
            self.let_out(&piece.text);
            self.attempt.held = Held::nothing(&self.base, self.out.len());
            return Ok(Some(piece.text));
        }
        objections.map_or(Ok(None), Err)
    }

    /// What the client would see of `raw` if nothing but the contract's own `ending` followed. Its
    /// tail, of which the monitor has not let go, comes with it only if the reply is sure to be over:
    /// the fallback is not, for the model may be asked again before.
    async fn settled(&mut self, raw: &str, ending: &str, is_fallback: bool) -> Result<Option<Piece>, Objections> {
        let mut piece = self.base.end_with(raw);
        let loose = self.base.clone().push(raw).text;
        if is_fallback && !stays_behind(&mut piece.text, &loose) || !self.good_end(&piece.text, ending) {
            return Ok(None);
        }
        if self.policies.may_block() {
            // A policy decides on the last word when something follows it, or nothing does.
            match self.asked(&format!("{}{}", piece.text, join::behind(&piece.text, ending))).await {
                Opinion::Passes => {}
                Opinion::Misses if stays_behind(&mut piece.text, &loose) && self.good_end(&piece.text, ending) => {}
                Opinion::Misses => return Ok(None),
                Opinion::Objects(wrong) => return Err(wrong),
            }
        }
        Ok(Some(piece))
    }

    /// Whether the monitor bears this text, and the reply with this ending behind it.
    fn good_end(&self, text: &str, ending: &str) -> bool {
        let end = format!("{text}{}", join::behind(text, ending));
        !text.is_empty() && self.base.bears(text) && self.base.ends_well_with(&end)
    }

    /// Whether a policy objects to words that would end the reply.
    pub(super) async fn objected(&mut self, words: &str) -> bool {
        if !self.policies.may_block() {
            return false;
        }
        match self.asked(words).await {
            Opinion::Passes | Opinion::Misses => false,
            Opinion::Objects(wrong) => {
                self.stopped_by(&wrong);
                true
            }
        }
    }

    /// Notes what stands in the way; whether it ends the attempt.
    pub(super) fn stopped_by(&mut self, wrong: &[Broken]) -> bool {
        self.attempt.broken.add(wrong.iter().cloned());
        let stopped = self.attempt.stop_if_wanted(wrong);
        if !stopped {
            self.record.edit_all(wrong, "drop");
        }
        stopped
    }

    /// What the policies say of words that would end the reply. One that misses something in the whole, and
    /// misses it without these words too, does not object: they may stay, and the model is asked for the rest.
    async fn asked(&mut self, words: &str) -> Opinion {
        let judgement = self.policies.check(&format!("{}{words}", self.out)).await;
        self.note_allowed(&judgement);
        let mut wrong = judgement.broken;
        if wrong.iter().any(|broken| broken.cause == Cause::Whole) {
            let before = self.policies.check(&self.out).await.broken;
            let missed = |it: &Broken| it.cause == Cause::Whole && before.iter().any(|other| other.id == it.id);
            wrong.retain(|broken| !missed(broken));
            if wrong.is_empty() {
                return Opinion::Misses;
            }
        }
        if wrong.is_empty() {
            self.attempt.agreed = self.out.len() + words.len();
            return Opinion::Passes;
        }
        Opinion::Objects(wrong)
    }
}

/// Leaves out of a text what more words could still change, if that is only white space at its end.
fn stays_behind(text: &mut String, loose: &str) -> bool {
    if !loose.starts_with(text.as_str()) {
        text.truncate(text.trim_end().len());
    }
    loose.starts_with(text.as_str())
}
