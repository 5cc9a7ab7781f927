//! Mode *Sentence*: a sentence goes out when the reply can be brought to a good end with it.
//!
//! A sentence after which neither the reply nor the contract's own words would make a good end is
//! held until a later one makes it good; only what no continuation can save is dropped.

use super::whole::select;
use super::{Broken, ReplyStream, Stop, broken, in_front, join};
use crate::enforce::probe::{Piece, Probe, Redaction, before};
use rolecall_dsl::contract::OnViolation;

/// Sentences that may be held; further ones are dropped.
const MAX_HELD: usize = 32;

/// Sentences that the rules and policies allow and that wait for a good end.
#[derive(Debug)]
pub(super) struct Held {
    sentences: Vec<String>,
    redacted: Vec<Redaction>,
    /// What their wait was for, should they be dropped.
    reasons: Vec<Broken>,
    /// Behind what is out and what is held.
    tip: Probe,
}

impl Held {
    pub(super) fn nothing(base: &Probe) -> Self {
        Self { sentences: Vec::new(), redacted: Vec::new(), reasons: Vec::new(), tip: base.clone() }
    }
}

impl ReplyStream {
    pub(super) async fn push_sentences(&mut self, delta: &str) -> String {
        let mut release = String::new();
        let sentences = self.attempt.splitter.push(delta);
        let decided = !sentences.is_empty();
        for sentence in sentences {
            release.push_str(&self.offer(&sentence).await);
            if self.attempt.stop.is_some() {
                return release;
            }
        }
        let piece = if decided {
            self.attempt.probe = self.attempt.held.tip.clone();
            self.attempt.probe.push(self.attempt.splitter.pending())
        } else {
            self.attempt.probe.push(delta)
        };
        self.stop_early(&piece);
        release
    }

    pub(super) async fn end_sentences(&mut self) -> String {
        let tail = self.attempt.splitter.take_pending();
        let mut release = if tail.is_empty() { tail } else { self.offer(&tail).await };
        if self.attempt.stop.is_none() {
            release.push_str(&self.select_held());
        }
        release
    }

    /// Ends the attempt in the middle of a sentence when nothing of that sentence can go out.
    fn stop_early(&mut self, piece: &Piece) {
        let (cutting, at) = self.cut_of(&piece.blocking);
        if self.attempt.stop_if_wanted(&in_front(&piece.blocking, at)) {
            self.attempt.broken.extend(broken(&piece.blocking));
        } else if at.is_some_and(|at| at <= self.out.len()) {
            self.cut_here(&cutting);
        }
    }

    /// Decides on a finished sentence. Gives what goes out now.
    async fn offer(&mut self, sentence: &str) -> String {
        let mut trial = self.attempt.held.tip.clone();
        let mut pushed = trial.push(sentence);
        let mut ended = trial.end();
        // A match that waits for the character behind it is one if none comes.
        pushed.blocking.extend(ended.blocking.extract_if(.., |fault| fault.said));
        if pushed.clean() && self.attempt.held.sentences.len() < MAX_HELD {
            return self.hold(sentence, &trial, pushed, ended).await;
        }
        let (_, cut) = self.cut_of(&pushed.blocking);
        let grave = in_front(&pushed.blocking, cut).iter().any(Broken::ends_attempts);
        if !grave && !self.attempt.held.sentences.is_empty() && self.good_alone(sentence) {
            self.drop_held();
            let mut trial = self.base.clone();
            let pushed = trial.push(sentence);
            let ended = trial.end();
            return self.hold(sentence, &trial, pushed, ended).await;
        }
        self.object(pushed, ended).await
    }

    /// Whether a sentence could go out at once if nothing were held.
    fn good_alone(&self, sentence: &str) -> bool {
        let mut trial = self.base.clone();
        let clean = trial.push(sentence).clean();
        let ended = trial.end();
        clean && !ended.blocking.iter().any(|fault| fault.said) && self.can_end(&trial, &ended, sentence)
    }

    /// Whether a reply that stands at `trial` complies, or does with the contract's own words.
    fn can_end(&self, trial: &Probe, ended: &Piece, sentence: &str) -> bool {
        ended.clean() || self.endings().iter().any(|words| trial.end_with(&join::behind(sentence, words)).clean())
    }

    /// The contract's own words that may end a reply.
    fn endings(&self) -> Vec<String> {
        let fallback = self.contract.fallback.as_ref().map(|f| f.value.clone());
        self.closers().into_iter().chain(fallback).collect()
    }

    /// Holds a sentence that the rules allow, if the policies do, and lets everything held out when
    /// it could end here.
    async fn hold(&mut self, sentence: &str, trial: &Probe, pushed: Piece, ended: Piece) -> String {
        let good = self.can_end(trial, &ended, sentence);
        let text = format!("{}{}", pushed.text, ended.text);
        if text.is_empty() || !self.policies_allow(&text).await {
            return String::new();
        }
        let held = &mut self.attempt.held;
        held.redacted.extend(pushed.redacted.into_iter().chain(ended.redacted));
        held.tip.advance(&text);
        held.sentences.push(text);
        if good {
            return self.let_held_out();
        }
        held.reasons = broken(&ended.blocking);
        String::new()
    }

    fn let_held_out(&mut self) -> String {
        let tip = self.attempt.held.tip.clone();
        let held = std::mem::replace(&mut self.attempt.held, Held::nothing(&tip));
        self.note_redactions(&held.redacted);
        let text = held.sentences.concat();
        self.base = tip;
        self.out.push_str(&text);
        text
    }

    /// The answer is over: lets out the held sentences that make a good end, and drops the others.
    fn select_held(&mut self) -> String {
        let sentences = self.attempt.held.sentences.clone();
        if sentences.is_empty() {
            return String::new();
        }
        let mut endings = self.endings();
        endings.insert(0, String::new());
        let kept = endings.iter().find_map(|words| select(&self.base, &sentences, words));
        let redacted = std::mem::take(&mut self.attempt.held.redacted);
        self.drop_held();
        let Some(kept) = kept else { return String::new() };
        let text: String = sentences.iter().zip(kept).filter(|(_, keep)| *keep).map(|(s, _)| s.as_str()).collect();
        self.note_redactions(&redacted);
        self.let_out(&text);
        self.attempt.held = Held::nothing(&self.base);
        text
    }

    fn drop_held(&mut self) {
        let held = std::mem::replace(&mut self.attempt.held, Held::nothing(&self.base));
        self.record.edit_all(&held.reasons, "drop");
        self.attempt.broken.extend(held.reasons);
        self.policies.reopen();
    }

    /// Asks the policies about the text behind what is out and held.
    async fn policies_allow(&mut self, text: &str) -> bool {
        let before = format!("{}{}", self.out, self.attempt.held.sentences.concat());
        let judgement = self.policies.push(&before, text).await;
        self.note_allowed(&judgement);
        let wrong = judgement.broken;
        if wrong.is_empty() {
            return true;
        }
        self.attempt.broken.extend(wrong.iter().cloned());
        if !self.attempt.stop_if_wanted(&wrong) {
            self.record.edit_all(&wrong, "drop");
        }
        false
    }

    /// A sentence cannot go out as it is.
    async fn object(&mut self, pushed: Piece, ended: Piece) -> String {
        let violated = !pushed.blocking.is_empty();
        let faults = if violated { pushed.blocking } else { ended.blocking };
        let wrong = broken(&faults);
        self.attempt.broken.extend(wrong.iter().cloned());
        let (cutting, at) = self.cut_of(&faults);
        if violated && self.attempt.stop_if_wanted(&in_front(&faults, at)) {
            return String::new();
        }
        if let Some(at) = at {
            let behind = self.out.len() + self.attempt.held.sentences.iter().map(String::len).sum::<usize>();
            let kept = join::prefix(&pushed.text, at.saturating_sub(behind)).to_owned();
            let exact = faults.iter().any(|f| f.cut == Some(at) && f.broken.action == OnViolation::Truncate);
            if exact && !kept.is_empty() {
                let released = self.cut_inside(kept, &before(&pushed.redacted, at)).await;
                if !released.is_empty() {
                    self.record.edit_all(&cutting, "truncate");
                    self.attempt.stop = Some(Stop::Cut);
                    return released;
                }
            }
            if self.attempt.stop.is_some() || self.cut_here(&cutting) {
                return String::new();
            }
        }
        if !(violated && self.attempt.stop_if_wanted(&wrong)) {
            self.record.edit_all(&wrong, "drop");
        }
        String::new()
    }

    /// Lets everything held out with the beginning of a sentence, if that makes a good end.
    async fn cut_inside(&mut self, kept: String, redacted: &[Redaction]) -> String {
        let mut trial = self.attempt.held.tip.clone();
        let pushed = trial.push(&kept);
        let ended = trial.end();
        if !pushed.clean() || !self.can_end(&trial, &ended, &kept) {
            return String::new();
        }
        self.attempt.held.redacted.extend(redacted.iter().cloned());
        self.hold(&kept, &trial, pushed, ended).await
    }

    /// Ends the reply behind what is out, if that complies and nothing is held.
    fn cut_here(&mut self, cutting: &[Broken]) -> bool {
        let can = self.attempt.held.sentences.is_empty() && !self.out.trim().is_empty() && self.base.complete();
        if can {
            self.record.edit_all(cutting, "truncate");
            self.attempt.stop = Some(Stop::Cut);
        }
        can
    }
}
