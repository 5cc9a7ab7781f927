//! Mode *Sentence*: a sentence goes out when the reply can be brought to a good end with it.
//!
//! A sentence after which neither the reply nor the contract's own words would make a good end is
//! held until a later one makes it good; only what no continuation can save is dropped. And however
//! good it is, it goes out only once the monitor, reading on, has let go of its last character: that
//! the reply could end behind it is a question asked of a copy, never a reason to release.

use std::ops::Range;

use super::held::{Held, Unit};
use super::{Broken, ReplyStream, Stop, broken, in_front, join};
use crate::enforce::probe::{Fault, Piece, Probe, before};
use rolecall_dsl::contract::OnViolation;

/// Sentences that may be held; further ones are dropped.
const MAX_HELD: usize = 32;

/// A sentence judged behind what is out and held.
struct Trial {
    probe: Probe,
    pushed: Piece,
    ended: Piece,
}

impl Trial {
    fn of(tip: &Probe, sentence: &str) -> Self {
        let mut probe = tip.clone();
        let mut pushed = probe.push(sentence);
        let mut ended = probe.end();
        // A match that waits for the character behind it is one if none comes.
        pushed.blocking.extend(ended.blocking.extract_if(.., |fault| fault.said));
        Self { probe, pushed, ended }
    }
}

impl ReplyStream {
    /// Takes it character by character, so that the way the answer is cut decides nothing.
    pub(super) async fn push_sentences(&mut self, delta: &str) -> String {
        let mut release = String::new();
        let mut bytes = [0; 4];
        for c in delta.chars() {
            let c: &str = c.encode_utf8(&mut bytes);
            self.attempt.gate.push(c);
            let sentences = self.attempt.splitter.push(c);
            let decided = !sentences.is_empty();
            for sentence in sentences {
                release.push_str(&self.offer(&sentence).await);
                if self.attempt.stop.is_some() {
                    return release;
                }
            }
            let piece = if decided { self.read_on() } else { self.attempt.probe.push(c) };
            self.attempt.held.note_beyond(&piece);
            release.push_str(&self.let_go());
            self.stop_early(&piece);
            if self.attempt.stop.is_some() {
                break;
            }
        }
        release
    }

    /// Puts the probe behind the tip and the beginning of the next sentence.
    fn read_on(&mut self) -> Piece {
        self.attempt.held.restart();
        self.attempt.probe = self.attempt.held.tip.clone();
        self.attempt.probe.push(self.attempt.splitter.pending())
    }

    /// Ends the attempt in the middle of a sentence when nothing of that sentence can go out.
    fn stop_early(&mut self, piece: &Piece) {
        let faults = self.faults(piece);
        let (cutting, at) = self.cut_of(&faults);
        if self.attempt.stop_if_wanted(&in_front(&faults, at)) {
            self.attempt.broken.add(broken(&faults));
        } else if at.is_some_and(|at| at <= self.out.len()) {
            self.cut_here(&cutting);
        }
    }

    /// Decides on a finished sentence. Gives what goes out although more could have come: a reply
    /// that ends with a cut.
    pub(super) async fn offer(&mut self, sentence: &str) -> String {
        let part = self.attempt.decided..self.attempt.decided + sentence.len();
        self.attempt.decided = part.end;
        self.drop_closed();
        let closed = self.attempt.gate.broken(&part);
        let trial = Trial::of(&self.attempt.held.tip, sentence);
        if closed.is_empty() && trial.pushed.clean() && self.attempt.held.units.len() < MAX_HELD {
            self.hold(sentence, part, trial).await;
            return String::new();
        }
        let (_, cut) = self.cut_of(&trial.pushed.blocking);
        let grave = in_front(&trial.pushed.blocking, cut).iter().any(Broken::ends_attempts);
        if !grave && closed.is_empty() && !self.attempt.held.units.is_empty() && self.good_alone(sentence) {
            self.drop_units(|_| true);
            let trial = Trial::of(&self.attempt.held.tip, sentence);
            self.hold(sentence, part, trial).await;
            return String::new();
        }
        self.object(&part, trial, closed).await
    }

    /// Whether a sentence could go out at once if nothing were held.
    fn good_alone(&self, sentence: &str) -> bool {
        let trial = Trial::of(&self.base, sentence);
        trial.pushed.clean() && self.can_end(&trial.probe, &trial.ended, sentence)
    }

    /// Whether a reply that stands at `probe` complies, or does with the contract's own words.
    fn can_end(&self, probe: &Probe, ended: &Piece, sentence: &str) -> bool {
        ended.clean() || self.endings().iter().any(|words| probe.end_with(&join::behind(sentence, words)).clean())
    }

    /// Whether these words can go out behind what is out: as they are, and to a good end.
    fn fits(&self, words: &str) -> bool {
        let good = |ending: &str| self.base.ends_well_with(&format!("{words}{}", join::behind(words, ending)));
        self.base.bears(words) && (good("") || self.endings().iter().any(|ending| good(ending)))
    }

    /// The contract's own words that may end a reply.
    fn endings(&self) -> Vec<String> {
        let fallback = self.contract.fallback.as_ref().map(|f| f.value.clone());
        self.closers().into_iter().chain(fallback).collect()
    }

    /// Holds a sentence that the rules allow, if the policies do.
    async fn hold(&mut self, sentence: &str, part: Range<usize>, trial: Trial) {
        let good = self.can_end(&trial.probe, &trial.ended, sentence);
        let held = &mut self.attempt.held;
        let text = format!("{}{}{}", held.loose, trial.pushed.text, trial.ended.text);
        let mut unit = Unit { raw: sentence.to_owned(), part, end: text.len(), good };
        // A match that this sentence completes may reach into those before: they are one then.
        let same = held.text.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
        let mut kept = held.units.clone();
        while let Some(last) = kept.pop_if(|last| last.end > same) {
            unit.raw.insert_str(0, &last.raw);
            unit.part.start = last.part.start;
        }
        let joined = kept.len() < held.units.len();
        let from = kept.last().map_or(held.gone, |last| last.end);
        let before = format!("{}{}", self.out, text.get(held.gone..from).unwrap_or(""));
        let new = text.get(from..).unwrap_or("").to_owned();
        if joined {
            self.policies.reopen();
        }
        if !new.is_empty() && !self.policies_allow(&before, &new).await {
            self.attempt.gate.drop_part(&unit.part);
            if joined {
                self.rebuild(kept);
            }
            return;
        }
        let held = &mut self.attempt.held;
        held.units = kept;
        held.reasons = if good { Vec::new() } else { broken(&trial.ended.blocking) };
        held.adopt(unit, text, trial.probe, trial.pushed);
    }

    /// Lets out what is good and decided.
    fn let_go(&mut self) -> String {
        self.drop_closed();
        let gate = &self.attempt.gate;
        let open = self.attempt.held.units.iter().take_while(|unit| gate.is_open(&unit.part)).count();
        for count in (1..=open).rev() {
            let held = &self.attempt.held;
            let Some(unit) = held.units.get(count - 1).filter(|unit| unit.good) else { continue };
            let Some(to) = held.loose_to(unit.end) else { continue };
            let words = held.text.get(held.gone..to).unwrap_or("").to_owned();
            if !self.fits(&words) {
                if let Some(unit) = self.attempt.held.units.get_mut(count - 1) {
                    unit.good = false;
                }
                continue;
            }
            self.note_redactions(&self.attempt.held.redacted_to(to));
            self.attempt.held.go(count, to);
            self.let_out(&words);
            return words;
        }
        String::new()
    }

    /// Drops held sentences that turned out to take part in a match.
    pub(super) fn drop_closed(&mut self) {
        let gate = &self.attempt.gate;
        let closed: Vec<Range<usize>> =
            self.attempt.held.units.iter().map(|unit| unit.part.clone()).filter(|part| gate.is_closed(part)).collect();
        if closed.is_empty() {
            return;
        }
        let wrong: Vec<Broken> = closed.iter().flat_map(|part| gate.broken(part)).collect();
        self.attempt.held.reasons = wrong;
        self.drop_units(|unit| closed.contains(&unit.part));
    }

    pub(super) fn drop_units(&mut self, goes: impl Fn(&Unit) -> bool) {
        self.note_dropped();
        let (gone, kept): (Vec<Unit>, Vec<Unit>) = self.attempt.held.units.drain(..).partition(goes);
        gone.iter().for_each(|unit| self.attempt.gate.drop_part(&unit.part));
        self.rebuild(kept);
    }

    pub(super) fn note_dropped(&mut self) {
        let reasons = std::mem::take(&mut self.attempt.held.reasons);
        self.record.edit_all(&reasons, "drop");
        self.attempt.broken.add(reasons);
        self.policies.reopen();
    }

    /// Holds these alone, behind what is out.
    fn rebuild(&mut self, units: Vec<Unit>) {
        self.policies.reopen();
        let rest = std::mem::take(&mut self.attempt.held.rest);
        self.attempt.held = Held::behind(&self.base, self.out.len(), rest);
        for mut unit in units {
            let trial = Trial::of(&self.attempt.held.tip, &unit.raw);
            if !trial.pushed.clean() {
                self.attempt.gate.drop_part(&unit.part);
                continue;
            }
            let text = format!("{}{}{}", self.attempt.held.loose, trial.pushed.text, trial.ended.text);
            unit.good = self.can_end(&trial.probe, &trial.ended, &unit.raw);
            unit.end = text.len();
            self.attempt.held.adopt(unit, text, trial.probe, trial.pushed);
        }
        let piece = self.read_on();
        self.attempt.held.note_beyond(&piece);
    }

    /// Asks the policies about the text behind what is out and held.
    async fn policies_allow(&mut self, before: &str, text: &str) -> bool {
        let judgement = self.policies.push(before, text).await;
        self.note_allowed(&judgement);
        let wrong = judgement.broken;
        if wrong.is_empty() {
            return true;
        }
        self.stopped_by(&wrong);
        false
    }

    /// A sentence cannot go out as it is.
    async fn object(&mut self, part: &Range<usize>, trial: Trial, closed: Vec<Broken>) -> String {
        let Trial { pushed, ended, .. } = trial;
        let open = closed.is_empty();
        let mut faults = pushed.blocking;
        let at = self.out.len();
        faults.extend(closed.into_iter().map(|broken| Fault { rule: usize::MAX, broken, at, said: true, cut: None }));
        let violated = !faults.is_empty();
        if !violated {
            faults = ended.blocking;
        }
        let wrong = broken(&faults);
        self.attempt.broken.add(wrong.iter().cloned());
        let (cutting, at) = self.cut_of(&faults);
        if violated && self.attempt.stop_if_wanted(&in_front(&faults, at)) {
            return String::new();
        }
        if let Some(at) = at {
            let exact = faults.iter().any(|f| f.cut == Some(at) && f.broken.action == OnViolation::Truncate);
            if exact && open && self.attempt.gate.may_cut(part) {
                let released = self.cut_inside(&pushed.text, &pushed.redacted, at).await;
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
        self.attempt.gate.drop_part(part);
        if !(violated && self.attempt.stop_if_wanted(&wrong)) {
            self.record.edit_all(&wrong, "drop");
        }
        String::new()
    }

    /// Lets everything held out with the beginning of a sentence, if that makes a good end.
    async fn cut_inside(&mut self, pushed: &str, redacted: &[crate::enforce::probe::Redaction], at: usize) -> String {
        let held = &self.attempt.held;
        let loose = format!("{}{pushed}", held.loose);
        let to = at.saturating_sub(held.origin);
        let kept = join::prefix(&loose, to).get(held.gone..).unwrap_or("").to_owned();
        if kept.is_empty() || !held.units.iter().all(|unit| unit.end <= to) || !self.fits(&kept) {
            return String::new();
        }
        let mut replaced = held.redacted_to(to);
        replaced.extend(before(redacted, at));
        self.policies.reopen();
        // The reply would be over behind it.
        if self.objected(&kept).await {
            return String::new();
        }
        self.note_redactions(&replaced);
        self.let_out(&kept);
        self.attempt.held = Held::nothing(&self.base, self.out.len());
        kept
    }

    /// Ends the reply behind what is out, if that complies and nothing is held.
    fn cut_here(&mut self, cutting: &[Broken]) -> bool {
        let can = self.attempt.held.units.is_empty() && !self.out.trim().is_empty() && self.base.complete();
        if can {
            self.record.edit_all(cutting, "truncate");
            self.attempt.stop = Some(Stop::Cut);
        }
        can
    }
}
