//! Mode *Full*: the whole answer is known before any of it goes out.

use rolecall_dsl::constraint::Fact;

use super::held::together;
use super::{Broken, ReplyStream, Stop, broken, in_front, join};
use crate::enforce::probe::{Fault, Piece, Probe, Redaction, before};

/// Sentences of an answer that are considered when some must be dropped; later ones are.
const MAX_SENTENCES: usize = 32;

/// Sentences tried while looking for a selection that complies, once while the answer comes and once
/// at its end; beyond it, none was found.
pub(super) const MAX_TRIALS: usize = 4096;

/// A text that complies, and what was done to get there.
struct Candidate {
    text: String,
    redacted: Vec<Redaction>,
    edits: Vec<Broken>,
    action: &'static str,
}

impl ReplyStream {
    /// Collects; lets nothing out.
    pub(super) fn push_whole(&mut self, delta: &str) -> String {
        self.attempt.gate.push(delta);
        let piece = self.attempt.probe.push(delta);
        self.attempt.trouble |= !piece.clean();
        let sentences = self.attempt.splitter.push(delta);
        let grown = !sentences.is_empty();
        self.attempt.sentences.extend(sentences);
        let faults = self.faults(&piece);
        let (_, cut) = self.cut_of(&faults);
        if self.attempt.stop_if_wanted(&in_front(&faults, cut)) {
            self.attempt.broken.add(broken(&faults));
        } else if self.attempt.trouble && grown && self.finds_full_selection() {
            self.attempt.stop = Some(Stop::Cut);
        }
        String::new()
    }

    /// Lets the answer out, or the best of it that complies.
    pub(super) async fn end_whole(&mut self) -> String {
        let mut sentences = std::mem::take(&mut self.attempt.sentences);
        let tail = self.attempt.splitter.take_pending();
        let raw = format!("{}{tail}", sentences.concat());
        // When the model was stopped, the beginning of a sentence is there: it only shows what is wrong.
        let over = self.attempt.stop.is_none();
        if over {
            self.attempt.gate.finish();
            if !tail.trim().is_empty() {
                sentences.push(tail);
            }
        }
        let mut trial = self.base.clone();
        let pushed = trial.push(&raw);
        let mut faults = pushed.blocking.clone();
        let violated = broken(&faults);
        let (cutting, cut) = self.cut_of(&faults);
        let urgent = in_front(&faults, cut);
        faults.extend(trial.end().blocking);
        self.attempt.stop = None;
        let mut candidate = None;
        if !self.attempt.stop_if_wanted(&urgent) {
            let whole = if over { self.as_it_is(&raw) } else { None };
            candidate = whole.or_else(|| self.cut_at(&pushed, cutting, cut?));
            if candidate.is_none() && !self.attempt.stop_if_wanted(&violated) {
                candidate = self.without_some(&sentences, &faults);
            }
        }
        match candidate {
            Some(candidate) => self.settle_whole(candidate).await,
            None => {
                self.attempt.broken.add(broken(&faults));
                String::new()
            }
        }
    }

    fn as_it_is(&self, raw: &str) -> Option<Candidate> {
        let piece = self.base.end_with(raw);
        let good = piece.clean() && !raw.trim().is_empty();
        good.then(|| Candidate { text: piece.text, redacted: piece.redacted, edits: Vec::new(), action: "" })
    }

    fn cut_at(&self, pushed: &Piece, cutting: Vec<Broken>, cut: usize) -> Option<Candidate> {
        let text = join::prefix(&pushed.text, cut.saturating_sub(self.out.len())).to_owned();
        // As it is: what would be replaced if the text ended here was not.
        let good = !text.trim().is_empty() && self.base.ends_well_with(&text);
        let redacted = before(&pushed.redacted, cut);
        good.then_some(Candidate { text, redacted, edits: cutting, action: "truncate" })
    }

    /// Without as few sentences as it takes, or else with the contract's own closing words behind.
    fn without_some(&self, sentences: &[String], faults: &[Fault]) -> Option<Candidate> {
        let mut closers = self.closers();
        closers.insert(0, String::new());
        let (open, closed) = self.open_sentences(sentences);
        let mut trials = MAX_TRIALS;
        closers.iter().find_map(|closer| self.selected(&open, closed, closer, faults, &mut trials))
    }

    /// The sentences of which no byte belongs to a match, and the number of the others.
    fn open_sentences(&self, sentences: &[String]) -> (Vec<String>, usize) {
        let parts = sentences.iter().scan(0, |end, sentence| {
            let start = std::mem::replace(end, *end + sentence.len());
            Some((sentence.clone(), start..*end))
        });
        let units = together(parts, &self.attempt.gate);
        let all = units.len();
        let open: Vec<String> =
            units.into_iter().filter(|(_, part)| self.attempt.gate.is_open(part)).map(|(raw, _)| raw).collect();
        let closed = all - open.len();
        (open, closed)
    }

    fn selected(
        &self,
        sentences: &[String],
        closed: usize,
        closer: &str,
        faults: &[Fault],
        trials: &mut usize,
    ) -> Option<Candidate> {
        let kept = select(&self.base, sentences, closer, trials)?;
        let text: String = sentences.iter().zip(&kept).filter(|(_, keep)| **keep).map(|(s, _)| s.as_str()).collect();
        let text = format!("{text}{}", join::behind(&text, closer));
        let piece = self.base.end_with(&text);
        let dropped = closed + kept.iter().filter(|keep| !**keep).count();
        let action = if dropped > 0 { "drop" } else { "repair" };
        piece.clean().then(|| Candidate { text: piece.text, redacted: piece.redacted, edits: broken(faults), action })
    }

    /// Whether a selection complies that no further sentence could join: there is nothing to wait
    /// for. Once there are more sentences than are looked at, or the trials are used up, the end of the
    /// answer is waited for.
    fn finds_full_selection(&mut self) -> bool {
        let bound = self.contract.rules.iter().filter_map(|r| match r.constraint.fact() {
            Fact::MaxSentences(n) => usize::try_from(n).ok(),
            _ => None,
        });
        let Some(bound) = bound.min() else { return false };
        if self.attempt.trials == 0 || self.attempt.sentences.len() > MAX_SENTENCES {
            return false;
        }
        let (open, _) = self.open_sentences(&self.attempt.sentences);
        let mut trials = self.attempt.trials;
        let kept = select(&self.base, &open, "", &mut trials);
        self.attempt.trials = trials;
        kept.is_some_and(|kept| kept.iter().filter(|keep| **keep).count() >= bound)
    }

    async fn settle_whole(&mut self, candidate: Candidate) -> String {
        let judgement = self.policies.check(&format!("{}{}", self.out, candidate.text)).await;
        self.note_allowed(&judgement);
        if !judgement.broken.is_empty() {
            self.attempt.stop = Some(Stop::Dead);
            self.attempt.stop_if_wanted(&judgement.broken);
            self.attempt.broken.add(judgement.broken);
            return String::new();
        }
        self.note_redactions(&candidate.redacted);
        self.record.edit_all(&candidate.edits, candidate.action);
        self.let_out(&candidate.text);
        candidate.text
    }
}

/// Which sentences to keep so that the reply complies with `closer` behind them: the first such
/// selection when keeping is tried before dropping, sentence by sentence. A branch ends as soon as
/// no continuation complies.
pub(super) fn select(base: &Probe, sentences: &[String], closer: &str, trials: &mut usize) -> Option<Vec<bool>> {
    let sentences = sentences.get(..sentences.len().min(MAX_SENTENCES)).unwrap_or(sentences);
    let mut search = Search { sentences, closer, kept: Vec::new(), trials };
    search.from(base).then_some(search.kept)
}

struct Search<'a> {
    sentences: &'a [String],
    closer: &'a str,
    kept: Vec<bool>,
    trials: &'a mut usize,
}

impl Search<'_> {
    fn from(&mut self, probe: &Probe) -> bool {
        let Some(sentence) = self.sentences.get(self.kept.len()) else {
            let last = self.sentences.iter().zip(&self.kept).rev().find(|(_, keep)| **keep).map(|(s, _)| s.as_str());
            return last.is_some_and(|last| probe.end_with(&join::behind(last, self.closer)).clean());
        };
        if *self.trials == 0 {
            return false;
        }
        *self.trials -= 1;
        let mut with = probe.clone();
        if with.push(sentence).clean() && self.branch(true, &with) {
            return true;
        }
        self.branch(false, probe)
    }

    fn branch(&mut self, keep: bool, probe: &Probe) -> bool {
        self.kept.push(keep);
        let found = self.from(probe);
        if !found {
            self.kept.pop();
        }
        found
    }
}
