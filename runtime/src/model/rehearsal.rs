//! A model without a model: deterministic answers from the contract's own words.

mod bad;
mod misbehavior;
mod speech;

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use rolecall_dsl::Contract;
use rolecall_dsl::constraint::Fact;
use rolecall_dsl::contract::{Expect, Language};

pub use self::misbehavior::{MISDEEDS, Misbehavior, Misdeed, Share};
use self::speech::Ending;
use super::{CallLimits, Model, ModelChunk, ModelError, ModelStream};
use crate::dialogue::Note;
use crate::enforce::{Line, Permitted, Prompt, Speaker};
use crate::session::turn::Usage;

/// Answers from a contract's passing cases: the one whose user turn is nearest to what the user
/// says. A role without such cases is answered from its fallback, and one without a fallback with a
/// made-up sentence. The same question gets the same answer; asked again within a dialogue, nearly
/// equal cases take turns. Like a model, it stops at `Prompt::max_tokens`, by a rough count of tokens: one for a Han
/// character, one for four others.
#[derive(Debug, Clone, Default)]
pub struct Rehearsal {
    pace: Duration,
    limits: CallLimits,
    misbehavior: Misbehavior,
}

/// What the rehearsal model says, and where it has it from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text; behind `Prompt::already` when there is something.
    pub text: String,
    /// Where from.
    pub source: AnswerSource,
}

/// Where a rehearsed answer comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerSource {
    /// The contract's case of this title.
    Case(String),
    /// The contract's fallback.
    Fallback,
    /// Made up, because the contract has neither.
    MadeUp,
}

/// Cases at most this much less similar than the nearest are as good.
const NEARLY: f64 = 0.02;

impl Rehearsal {
    /// A model that waits this long before each piece, which makes streaming visible. The default one
    /// answers at once.
    #[must_use]
    pub fn new(pace: Duration, limits: CallLimits) -> Self {
        Self { pace, limits, misbehavior: Misbehavior::default() }
    }

    /// The same model, misbehaving.
    #[must_use]
    pub fn misbehaving(self, misbehavior: Misbehavior) -> Self {
        Self { misbehavior, ..self }
    }

    /// The whole answer to a prompt.
    #[must_use]
    pub fn answer(&self, prompt: &Prompt) -> Answer {
        let candidates = candidates(prompt);
        if prompt.already.is_empty() {
            return pick(&prompt.contract, candidates);
        }
        continuation(prompt, candidates)
    }
}

#[async_trait]
impl Model for Rehearsal {
    fn name(&self) -> &'static str {
        if self.misbehavior.shares.is_empty() { "rehearsal" } else { "misbehaving rehearsal" }
    }

    async fn stream(&self, prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let prompt = prompt.get();
        let answer = self.answer(prompt);
        tracing::debug!(role = %prompt.contract.name, source = ?answer.source, "rehearsed answer");
        let usage = Usage {
            prompt_tokens: tokens(&prompt.system) + tokens(&prompt.user),
            completion_tokens: tokens(&answer.text).min(prompt.max_tokens.map_or(u64::MAX, u64::from)),
            ..Usage::default()
        };
        let mut speech = self.misbehavior.spoil(prompt, &answer.text)?;
        let over = speech.within(prompt.max_tokens.map_or(u64::MAX, u64::from));
        let (pace, ending) = (self.pace + speech.pause, speech.end);
        let said = stream::iter(speech.pieces).then(move |piece| async move {
            if !pace.is_zero() {
                tokio::time::sleep(pace).await;
            }
            Ok(ModelChunk::Text(piece))
        });
        // Only then it shows whether the limit was met.
        let end = stream::once(async move {
            let length = over.load(Ordering::Relaxed);
            match ending {
                _ if length => stopped(usage, true),
                Ending::Stop => stopped(usage, false),
                Ending::Cut => stream::iter([Err(ModelError::Cut("on purpose".to_owned()))]).boxed(),
                Ending::Never => stream::pending().boxed(),
            }
        });
        Ok(said.chain(end.flatten()).boxed())
    }

    fn limits(&self) -> CallLimits {
        self.limits.clone()
    }
}

/// The end of an answer that is over.
fn stopped(usage: Usage, length: bool) -> ModelStream {
    stream::iter([Ok(ModelChunk::Usage(usage)), Ok(ModelChunk::Stop { length })]).boxed()
}

/// Answers in order of preference: cases by nearness, the fallback, made-up sentences.
fn candidates(prompt: &Prompt) -> Vec<Answer> {
    let contract = &prompt.contract;
    let mut cases: Vec<(f64, Answer)> = contract
        .cases
        .iter()
        .filter(|case| case.expect == Expect::Pass)
        .filter_map(|case| {
            let text = case.reply.as_ref()?.value.clone();
            let near = case.user.as_ref().map_or(0.0, |user| nearness(prompt, &user.value));
            Some((near, Answer { text, source: AnswerSource::Case(case.title.value.clone()) }))
        })
        .collect();
    // Stable: cases that are equally near stay in the order written.
    cases.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = cases.first().map_or(0.0, |c| c.0);
    let near = cases.iter().take_while(|c| best - c.0 <= NEARLY).count();
    if let Some(nearest) = cases.get_mut(..near).filter(|n| !n.is_empty()) {
        let turn = asked_before(&prompt.lines, &prompt.user) % nearest.len();
        nearest.rotate_left(turn);
    }
    let fallback = contract.fallback.iter().map(|f| Answer { text: f.value.clone(), source: AnswerSource::Fallback });
    cases.into_iter().map(|c| c.1).chain(fallback).chain(made_up(contract)).collect()
}

/// How near a case's user turn is to what the user says, or to the words that it refers to.
fn nearness(prompt: &Prompt, asked: &str) -> f64 {
    let quoted = prompt.notes.iter().filter_map(Note::quoted);
    quoted.map(|quoted| similarity(&quoted, asked)).fold(similarity(&prompt.user, asked), f64::max)
}

fn asked_before(lines: &[Line], user: &str) -> usize {
    lines.iter().filter(|l| l.speaker == Speaker::User && l.text == user).count()
}

/// The first candidate that keeps the contract; the first at all when none does.
fn pick(contract: &Contract, candidates: Vec<Answer>) -> Answer {
    let keeps = candidates.iter().position(|a| contract.program.check(&a.text).passes());
    candidates
        .into_iter()
        .nth(keeps.unwrap_or(0))
        .unwrap_or(Answer { text: String::new(), source: AnswerSource::MadeUp })
}

/// What comes behind the part that the user has already seen.
fn continuation(prompt: &Prompt, candidates: Vec<Answer>) -> Answer {
    let already = &prompt.already;
    let keeps = |rest: &str| prompt.contract.program.check(&format!("{already}{rest}")).passes();
    // The answer that was being given before an interruption, if one begins like that.
    for answer in &candidates {
        if let Some(rest) = answer.text.strip_prefix(already.as_str())
            && keeps(rest)
        {
            return Answer { text: rest.to_owned(), source: answer.source.clone() };
        }
    }
    let nothing = Answer { text: String::new(), source: AnswerSource::MadeUp };
    if keeps("") {
        return nothing;
    }
    for answer in candidates {
        for start in sentence_starts(&answer.text) {
            let rest = answer.text.get(start..).unwrap_or_default();
            let spaced = if already.ends_with(|c: char| c.is_ascii() && !c.is_whitespace()) {
                format!(" {rest}")
            } else {
                rest.to_owned()
            };
            if !rest.is_empty() && keeps(&spaced) {
                return Answer { text: spaced, source: answer.source };
            }
        }
    }
    nothing
}

/// Where sentences begin, roughly: this only offers texts to the checker.
fn sentence_starts(text: &str) -> Vec<usize> {
    let ends = text.char_indices().filter(|(_, c)| ".!?。！？\n".contains(*c)).map(|(i, c)| i + c.len_utf8());
    let skip = |end: usize| end + text.get(end..).map_or(0, |rest| rest.len() - rest.trim_start().len());
    std::iter::once(0).chain(ends.map(skip)).filter(|start| *start < text.len()).collect()
}

/// Plain sentences of every form that rules ask for, to be judged by the checker.
fn made_up(contract: &Contract) -> Vec<Answer> {
    let sentences: [&str; 5] = match contract.languages.first() {
        Some(Language::En) => [
            "I hear you.",
            "That is clear, isn't it?",
            "Who wouldn't want that?",
            "Let us talk about it.",
            "What would you like to know?",
        ],
        Some(Language::Zh) | None => {
            ["好的。", "难道这还用说吗？", "这不正是您想要的吗？", "请您慢慢说。", "您想了解什么呢？"]
        }
    };
    let required: Vec<String> = contract
        .rules
        .iter()
        .filter_map(|rule| match rule.constraint.fact() {
            Fact::Required { all: true, terms, .. } => Some(terms.join(" ")),
            Fact::Required { all: false, terms, .. } => terms.first().cloned(),
            _ => None,
        })
        .collect();
    let gap = if contract.languages.first() == Some(&Language::En) { " " } else { "" };
    let ending = required.join(gap);
    let mut texts: Vec<String> =
        (1..=sentences.len()).map(|n| sentences.iter().take(n).copied().collect::<Vec<_>>().join(gap)).collect();
    texts.splice(1..1, sentences.iter().skip(1).map(|s| (*s).to_owned()));
    texts
        .into_iter()
        .map(|text| if ending.is_empty() { text } else { format!("{text}{gap}{ending}") })
        .map(|text| Answer { text, source: AnswerSource::MadeUp })
        .collect()
}

/// How alike two texts are, 0 to 1: shared pairs of neighbouring characters, and edit distance.
fn similarity(a: &str, b: &str) -> f64 {
    let fold = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let (a, b) = (fold(a), fold(b));
    if a == b {
        return 1.0;
    }
    0.7 * strsim::sorensen_dice(&a, &b) + 0.3 * strsim::normalized_levenshtein(&a, &b)
}

/// A rough count of tokens: one per Han character, one per four others.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    wide: u64,
    narrow: u64,
}

impl Tally {
    /// The count with a further character.
    fn add(&mut self, c: char) -> u64 {
        if c.len_utf8() > 2 {
            self.wide += 1;
        } else {
            self.narrow += 1;
        }
        self.wide + self.narrow.div_ceil(4)
    }
}

fn tokens(text: &str) -> u64 {
    let mut tally = Tally::default();
    text.chars().fold(0, |_, c| tally.add(c))
}

#[cfg(test)]
mod tests;
