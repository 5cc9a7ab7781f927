//! Constraint kinds: one file each, holding all of a kind's faces (keyword, arguments, what is
//! tracked, what the facts mean, prompt sentence, repair sentence, fact for the static analysis).

mod args;
mod edge;
mod ends_with;
mod forbidden_terms;
mod format;
mod language;
mod matching;
mod max_chars;
mod max_repeat;
mod max_sentences;
mod max_words;
mod min_chars;
mod min_sentences;
mod must_match;
mod must_not_match;
mod no_emoji;
mod no_markdown;
mod no_urls;
mod policy;
mod recognizer;
mod required_terms;
mod response_style;
mod script;
mod share;
mod starts_with;
mod unwanted;

pub use recognizer::{Hints, Recognizer};

use std::sync::Arc;

use crate::ast;
use crate::contract::{Language, PolicyRef};
use crate::diagnostic::{Finding, codes};
use crate::monitor::Residual;
use crate::source::Source;
use crate::text::pattern::Pattern;
use crate::text::rhetorical::Form;
use crate::text::terms::{Matching, Search, Terms};
use crate::text::tongue::Tongue;

/// When a kind can be decided; from the strictest kind in a contract its delivery mode follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A bad prefix can never become good: decided while streaming.
    Safety,
    /// Decided at the end of the reply.
    EndOnly,
    /// A share of sentences or words: decided at the end, sometimes earlier.
    Ratio,
    /// The reply as a whole: nothing of it may go out before its end.
    Whole,
    /// Judged by a plugin: excluded from proofs.
    Judged,
}

/// What every constraint kind provides.
///
/// A kind states what it needs tracked ([`Demand`]); the monitor tracks it once for all rules and
/// asks the kind what the facts mean ([`View`]).
pub trait Constraint: std::fmt::Debug + Send + Sync {
    /// The keyword that names the kind in a contract.
    fn keyword(&self) -> &'static str;
    /// When it can be decided.
    fn class(&self) -> Class;
    /// The sentence that tells a model to keep the rule.
    fn prompt(&self, language: Language) -> String;
    /// What the static analysis may assume about the rule.
    fn fact(&self) -> Fact<'_>;
    /// Whether the rule is about what is said rather than how a reply is shaped, and so binds every
    /// text that reaches people ([`Contract::for_notices`](crate::Contract::for_notices)).
    fn binds_notices(&self) -> bool {
        matches!(self.demand(), Demand::Forbid { .. }) || self.policy().is_some()
    }
    /// The plugin to ask, for `policy`.
    fn policy(&self) -> Option<&PolicyRef> {
        None
    }
    /// What must be tracked while a reply grows.
    fn demand(&self) -> Demand<'_> {
        Demand::Nothing
    }
    /// What is known about the reply so far and every continuation of it.
    fn outlook(&self, view: &View<'_>) -> Residual;
    /// Whether a reply that breaks the rule keeps it when it ends where that begins, so that no model need
    /// be asked.
    fn is_kept_by_a_cut(&self) -> bool {
        matches!(self.demand(), Demand::MaxSentences(_) | Demand::MaxChars(_) | Demand::MaxWords(_))
    }
    /// The contract's own words that may keep the rule when they stand at the end of a reply.
    fn closings(&self) -> Vec<String> {
        Vec::new()
    }
    /// The contract's own words that keep the rule when they stand at the beginning of a reply.
    fn openings(&self) -> Vec<String> {
        Vec::new()
    }
    /// Why the finished reply breaks the rule, one sentence; asked of kinds that are decided at the
    /// end.
    fn broken(&self, _view: &View<'_>) -> Option<String> {
        None
    }
    /// What must still come for the reply to comply, one sentence for a model.
    fn missing(&self, _view: &View<'_>, _language: Language) -> Option<String> {
        None
    }
}

/// What a kind needs tracked.
#[derive(Debug, Clone, Copy)]
pub enum Demand<'a> {
    /// Counts only.
    Nothing,
    /// That no more sentences than this begin.
    MaxSentences(u64),
    /// That no more characters than this come.
    MaxChars(u64),
    /// That no more words than this begin.
    MaxWords(u64),
    /// That none of these occur.
    Forbid {
        /// Terms, as written.
        terms: &'a [String],
        /// Patterns.
        patterns: &'a [Arc<Pattern>],
        /// How the terms are looked for.
        matching: &'a Matching,
    },
    /// Which of these terms occurred.
    Require {
        /// Terms, as written.
        terms: &'a [String],
        /// How they are looked for.
        matching: &'a Matching,
    },
    /// Whether this pattern occurred.
    Match(&'a Arc<Pattern>),
    /// How many sentences have this form.
    Form(Form),
    /// Which languages the words are of.
    Tongue,
    /// Whether this machine, given at the empty text, accepts.
    Recognize(&'a dyn Recognizer),
}

/// The facts about a reply that a rule is judged by.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Sentences that have begun.
    pub sentences: u64,
    /// Sentences that are known to have ended.
    pub ended: u64,
    /// Characters, counted as `max_chars` does.
    pub chars: u64,
    /// Ended sentences of the form demanded.
    pub formed: u64,
    /// Whether the current sentence has that form however it goes on; `None` while that depends.
    pub forming: Option<bool>,
    /// Words, counted as `max_words` does.
    pub words: u64,
    /// The words by language, if that was demanded.
    pub tongue: Tongue,
    /// For each required term whether it occurred; for a pattern one entry; for a recognizer one:
    /// whether it accepts.
    pub found: &'a [bool],
    /// The recognizer, if one was demanded.
    pub machine: Option<&'a dyn Recognizer>,
    /// What was demanded can no longer occur.
    pub lost: bool,
    /// A recognizer accepts whatever follows.
    pub certain: bool,
    /// How much of required terms was read.
    pub reading: Option<Reading<'a>>,
    /// The contract's other bounds.
    pub bounds: Bounds,
}

/// The search for required terms, as far as a rule's own go.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The search.
    pub search: &'a Search,
    /// What it searches for.
    pub terms: &'a Terms,
    /// The first of the rule's terms among them.
    pub first: usize,
}

impl Reading<'_> {
    /// How many folded characters of the rule's term of this number were read, if it may be underway.
    #[must_use]
    pub fn underway(&self, term: usize) -> usize {
        self.search.underway(self.terms, self.first + term)
    }
}

/// What the error-severity rules of a contract allow together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The lowest `max_sentences`.
    pub sentences: Option<u64>,
    /// The lowest `max_chars`.
    pub chars: Option<u64>,
    /// The lowest `max_words`.
    pub words: Option<u64>,
    /// `min_sentences 0` says that an empty reply is fine.
    pub may_be_empty: bool,
}

impl View<'_> {
    /// At most this many further sentences can end, the current one included, when each further one
    /// has at least `shortest` characters; `None` if there is no bound.
    #[must_use]
    pub fn sentences_left(&self, shortest: u64) -> Option<u64> {
        let open = self.sentences.saturating_sub(self.ended);
        let by_count = self.bounds.sentences.map(|most| most.saturating_sub(self.ended).max(open));
        let by_chars = self.chars_left().map(|left| open + left / shortest.max(1));
        // Every further sentence has a word of its own.
        let by_words = self.bounds.words.map(|most| open + most.saturating_sub(self.words));
        [by_count, by_chars, by_words].into_iter().flatten().min()
    }

    /// At most this many further characters can come; `None` if there is no bound.
    #[must_use]
    pub fn chars_left(&self) -> Option<u64> {
        self.bounds.chars.map(|most| most.saturating_sub(self.chars))
    }

    /// What a recognizer says of every continuation.
    #[must_use]
    pub fn recognized(&self) -> Residual {
        let short = || self.machine.zip(self.chars_left()).is_some_and(|(machine, left)| !machine.fits(left));
        match (self.lost || (!self.certain && short()), self.certain) {
            (true, _) => Residual::Dead,
            (false, true) => Residual::Holds,
            (false, false) => Residual::Open,
        }
    }

    /// Whether a recognizer accepts, a pattern occurred or a term did.
    #[must_use]
    pub fn is_found(&self) -> bool {
        self.found.contains(&true)
    }

    /// The facts with the current sentence taken as ended, if its form is certain.
    #[must_use]
    pub fn settled(&self) -> Self {
        match self.forming.filter(|_| self.sentences > self.ended) {
            None => *self,
            Some(has) => Self { ended: self.ended + 1, formed: self.formed + u64::from(has), ..*self },
        }
    }
}

/// What a rule says, for the contradictions that need no reply (`conflict`).
#[derive(Debug, Clone, PartialEq)]
pub enum Fact<'a> {
    /// At most this many sentences.
    MaxSentences(u64),
    /// At least this many sentences.
    MinSentences(u64),
    /// At most this many characters.
    MaxChars(u64),
    /// At least this many characters.
    MinChars(u64),
    /// At most this many words.
    MaxWords(u64),
    /// None of these.
    Forbidden {
        /// Terms, as written.
        terms: &'a [String],
        /// Patterns.
        patterns: &'a [Arc<Pattern>],
        /// How the terms are looked for.
        matching: &'a Matching,
    },
    /// One (`all` false) or every one of these terms.
    Required {
        /// Every one of them.
        all: bool,
        /// As written.
        terms: &'a [String],
        /// How they are looked for.
        matching: &'a Matching,
    },
    /// At least or at most this share of sentences, in basis points.
    Share {
        /// The form of the sentences counted.
        form: Form,
        /// Whether it is a lower bound.
        at_least: bool,
        /// 0–10,000.
        basis_points: u32,
    },
    /// A pattern that must (or must not) match somewhere.
    Pattern {
        /// Whether it must match.
        must: bool,
        /// The pattern.
        pattern: &'a Arc<Pattern>,
    },
    /// At least this share of the reply's words (Han characters one by one) are of this language.
    Speaks {
        /// The language.
        language: Language,
        /// 0–10,000.
        basis_points: u32,
    },
    /// What this machine, given at the empty text, accepts.
    Recognized(&'a dyn Recognizer),
    /// Judged: nothing is assumed.
    Judged,
}

/// Reads a rule entry's arguments.
type Read = fn(&ast::Entry, &Source, &mut Vec<Finding>) -> Option<Arc<dyn Constraint>>;

/// Every kind: its keyword and how its arguments are read. A new kind is a file and a line here.
const KINDS: [(&str, Read); 20] = [
    (max_sentences::KEYWORD, max_sentences::read),
    (min_sentences::KEYWORD, min_sentences::read),
    (max_chars::KEYWORD, max_chars::read),
    (min_chars::KEYWORD, min_chars::read),
    (max_words::KEYWORD, max_words::read),
    (forbidden_terms::KEYWORD, forbidden_terms::read),
    (required_terms::KEYWORD, required_terms::read),
    (must_match::KEYWORD, must_match::read),
    (must_not_match::KEYWORD, must_not_match::read),
    (starts_with::KEYWORD, starts_with::read),
    (ends_with::KEYWORD, ends_with::read),
    (language::KEYWORD, language::read),
    (script::KEYWORD, script::read),
    (no_urls::KEYWORD, no_urls::read),
    (no_emoji::KEYWORD, no_emoji::read),
    (no_markdown::KEYWORD, no_markdown::read),
    (format::KEYWORD, format::read),
    (max_repeat::KEYWORD, max_repeat::read),
    (response_style::KEYWORD, response_style::read),
    (policy::KEYWORD, policy::read),
];

/// The options that a kind has beside those that every rule shares.
#[must_use]
pub fn options(keyword: &str) -> &'static [&'static str] {
    match keyword {
        forbidden_terms::KEYWORD | required_terms::KEYWORD => &matching::OPTIONS,
        _ => &[],
    }
}

/// Whether a kind reads what is left in a rule's blocks when the shared options are taken out: options
/// of its own, or the parameters of a plugin.
#[must_use]
pub fn reads_blocks(keyword: &str) -> bool {
    keyword == policy::KEYWORD || !options(keyword).is_empty()
}

/// Builds the constraint of a rule entry. Options every rule shares (`on_violation`, `severity`)
/// were already taken out of its blocks. Adds findings and gives nothing when the kind is unknown
/// ("did you mean") or its arguments are wrong.
pub fn build(entry: &ast::Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let keyword = &entry.keyword;
    if let Some((_, read)) = KINDS.iter().find(|(name, _)| *name == keyword.value) {
        return read(entry, source, findings);
    }
    let message = format!("there is no constraint `{}`", keyword.value);
    let candidates = keywords().into_iter().filter(|known| !opposite(&keyword.value, known));
    let finding = Finding::new(codes::UNKNOWN_KIND, source, keyword.span, message)
        .with_help(format!("the constraints are {}", args::list(keywords())))
        .did_you_mean(&keyword.value, keyword.span, candidates);
    findings.push(finding);
    None
}

/// Whether one name bounds from below what the other bounds from above: no slip of the finger, and a
/// remedy that would turn the rule round.
fn opposite(written: &str, known: &str) -> bool {
    let [below, above] = ["min", "max"];
    (written.starts_with(below) && known.starts_with(above)) || (written.starts_with(above) && known.starts_with(below))
}

/// Every kind's keyword.
#[must_use]
pub fn keywords() -> Vec<&'static str> {
    KINDS.iter().map(|(keyword, _)| *keyword).collect()
}
