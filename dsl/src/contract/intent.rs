//! What a user wants, as far as a contract's samples show it.
//!
//! Recognition is deterministic and needs no model. Text and samples are folded like terms are and
//! read as words, each Han character being one. A message has the intent of
//!
//! 1. a sample that it equals; else
//! 2. the longest sample whose words it contains in a row; else
//! 3. the most similar sample, if the Dice coefficient of their words and pairs of neighbouring words
//!    is at least [`THRESHOLD_PERCENT`]: twice what they share over what they have.
//!
//! Of equals the one written first is taken, so a message has at most one intent.

use std::collections::HashMap;

use super::{Contract, Language};
use crate::span::Spanned;
use crate::text::fold;

/// The least similarity that counts, in percent.
pub const THRESHOLD_PERCENT: usize = 60;

/// How many words of a message are looked at.
pub const MAX_WORDS_READ: usize = 2_000;

/// One intent of a contract.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Its name, which guards use.
    pub name: Spanned<String>,
    /// What people say who have it.
    pub samples: Vec<Spanned<String>>,
    /// The action it stands for, by name.
    pub action: Option<Spanned<String>>,
    readings: Vec<Reading>,
}

impl Intent {
    /// An intent with these samples.
    #[must_use]
    pub fn new(name: Spanned<String>, samples: Vec<Spanned<String>>, action: Option<Spanned<String>>) -> Self {
        let readings = samples.iter().map(|sample| Reading::new(&sample.value)).collect();
        Self { name, samples, action, readings }
    }
}

/// Two samples that no message tells apart.
pub(crate) fn same_sample(a: &str, b: &str) -> bool {
    Reading::new(a).joined == Reading::new(b).joined
}

/// Whether a sample has a word at all.
pub(crate) fn is_readable(sample: &str) -> bool {
    !words(sample).is_empty()
}

/// A text as recognition sees it.
#[derive(Debug, Clone)]
struct Reading {
    /// Its words with a space around each.
    joined: String,
    /// How often each word and each pair of neighbours occurs.
    features: HashMap<String, usize>,
    /// How many of them there are.
    size: usize,
}

impl Reading {
    fn new(text: &str) -> Self {
        let words = words(text);
        let mut features: HashMap<String, usize> = HashMap::new();
        let pairs = words.iter().zip(words.iter().skip(1)).map(|(first, second)| format!("{first} {second}"));
        for feature in words.iter().cloned().chain(pairs) {
            *features.entry(feature).or_default() += 1;
        }
        let size = features.values().sum();
        let joined = format!(" {} ", words.join(" "));
        Self { joined, features, size }
    }

    fn shared(&self, other: &Self) -> usize {
        let (small, large) = if self.size <= other.size { (self, other) } else { (other, self) };
        let shared = |(feature, count): (&String, &usize)| large.features.get(feature).map_or(0, |n| *n.min(count));
        small.features.iter().map(shared).sum()
    }
}

/// How well a sample fits; greater is better.
#[derive(Debug, Clone, Copy)]
enum Fit {
    Equal,
    /// With this many bytes of words.
    Contained(usize),
    /// Twice what is shared, over what both have.
    Similar(usize, usize),
}

impl Fit {
    fn of(message: &Reading, sample: &Reading) -> Option<Self> {
        if sample.size == 0 {
            return None;
        }
        if message.joined == sample.joined {
            return Some(Self::Equal);
        }
        if message.joined.contains(&sample.joined) {
            return Some(Self::Contained(sample.joined.len()));
        }
        let (shared, all) = (2 * message.shared(sample), message.size + sample.size);
        (100 * shared >= THRESHOLD_PERCENT * all).then_some(Self::Similar(shared, all))
    }

    fn beats(self, other: Self) -> bool {
        match (self, other) {
            (Self::Equal, Self::Equal) => false,
            (Self::Equal, _) | (Self::Contained(_), Self::Similar(..)) => true,
            (Self::Contained(a), Self::Contained(b)) => a > b,
            (Self::Similar(a, all_a), Self::Similar(b, all_b)) => a * all_b > b * all_a,
            _ => false,
        }
    }
}

impl Contract {
    /// The intent of a user's message, if its samples show one.
    #[must_use]
    pub fn intent_of(&self, message: &str) -> Option<&Intent> {
        recognise(&self.intents, message)
    }
}

/// The intent that a message has, if any.
#[must_use]
pub fn recognise<'a>(intents: &'a [Intent], message: &str) -> Option<&'a Intent> {
    if intents.is_empty() {
        return None;
    }
    let message = Reading::new(message);
    let mut best: Option<(Fit, &Intent)> = None;
    for intent in intents {
        for fit in intent.readings.iter().filter_map(|sample| Fit::of(&message, sample)) {
            if best.is_none_or(|(known, _)| fit.beats(known)) {
                best = Some((fit, intent));
            }
        }
    }
    best.map(|(_, intent)| intent)
}

impl Language {
    /// Which of these languages a text is in: the one with more words, a Han character being one
    /// word. Of a tie, or without any word, the first of them; `None` only when there are none.
    #[must_use]
    pub fn of(text: &str, among: &[Self]) -> Option<Self> {
        let first = among.first().copied()?;
        let words = words(text);
        let zh = words.iter().filter(|word| word.chars().any(is_han)).count();
        let en = words.iter().filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())).count();
        let spoken = match zh.cmp(&en) {
            std::cmp::Ordering::Greater => Self::Zh,
            std::cmp::Ordering::Less => Self::En,
            std::cmp::Ordering::Equal => first,
        };
        Some(if among.contains(&spoken) { spoken } else { first })
    }
}

/// The words of a folded text: runs of letters and digits, apostrophes inside dropped; each Han
/// character is one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let folded = fold::folded(text);
    for c in folded.chars() {
        let stands_alone = is_han(c);
        if c.is_alphanumeric() && !stands_alone {
            word.push(c);
            continue;
        }
        if matches!(c, '\'' | '\u{2019}') {
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if stands_alone {
            words.push(c.to_string());
        }
        if words.len() >= MAX_WORDS_READ {
            return words;
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn is_han(c: char) -> bool {
    use unicode_script::{Script, UnicodeScript as _};
    !c.is_ascii() && c.script() == Script::Han
}

#[cfg(test)]
mod tests {
    use super::{Intent, Language, recognise};
    use crate::span::{Span, Spanned};

    fn intents() -> Vec<Intent> {
        let spanned = |text: &str| Spanned::new(text.to_owned(), Span::default());
        let intent = |name: &str, samples: &[&str]| {
            Intent::new(spanned(name), samples.iter().map(|sample| spanned(sample)).collect(), None)
        };
        vec![
            intent("refund", &["I want my money back", "refund please", "我想退款", "把钱退给我"]),
            intent("hours", &["When are you open?", "opening hours", "你们几点开门", "营业时间"]),
            intent("money", &["money"]),
        ]
    }

    fn named(message: &str) -> Option<String> {
        recognise(&intents(), message).map(|intent| intent.name.value.clone())
    }

    // Fails when case, width, punctuation or white space hides a sample.
    #[test]
    fn a_sample_is_recognised_however_it_is_written() {
        for message in ["I want my money back", "  i WANT my   money back!!", "Ｉ want my money back。"] {
            assert_eq!(named(message).as_deref(), Some("refund"), "{message}");
        }
        for message in ["我想退款", "我想退款。", "我 想 退 款!"] {
            assert_eq!(named(message).as_deref(), Some("refund"), "{message}");
        }
    }

    // Fails when a short sample wins over the longer one around it, or words are cut apart.
    #[test]
    fn the_longest_contained_sample_wins() {
        assert_eq!(named("Hi, I want my money back now").as_deref(), Some("refund"));
        assert_eq!(named("How much money is that?").as_deref(), Some("money"));
        assert_eq!(named("I am moneyless, sadly"), None, "`money` is no word of it");
        assert_eq!(named("请问营业时间是什么").as_deref(), Some("hours"));
    }

    // Fails when word order, a changed word or a particle is too much, or a common word enough.
    #[test]
    fn what_is_similar_enough_counts() {
        assert_eq!(named("I would like my money back").as_deref(), Some("money"), "contained beats similar");
        assert_eq!(named("when do you open").as_deref(), None, "three of seven shared pairs and words are too few");
        assert_eq!(named("so when are you guys open").as_deref(), Some("hours"));
        assert_eq!(named("我想要退款").as_deref(), Some("refund"));
        assert_eq!(named("你们早上几点开门").as_deref(), Some("hours"));
        assert_eq!(named("我想换货"), None);
        assert_eq!(named("Do you sell maps?"), None);
        for nothing in ["", "?!", "。。。", "\u{200B}"] {
            assert_eq!(named(nothing), None, "{nothing:?}");
        }
    }

    // Fails when a long message makes recognition slow or overflow.
    #[test]
    fn long_messages_are_read_in_part() {
        let mut long = "退".repeat(200_000);
        long.push_str("我想退款");
        assert_eq!(named(&long), None, "behind the words that are read");
        assert_eq!(named(&format!("我想退款{long}")).as_deref(), Some("refund"));
    }

    // Fails when a foreign name in a sentence, or punctuation, decides about its language.
    #[test]
    fn the_language_is_that_of_most_words() {
        use Language::{En, Zh};
        let both = [Zh, En];
        for (text, language) in [
            ("我想用 Kubernetes 部署", Zh),
            ("Where can I eat 烤鸭 tonight?", En),
            ("12345", Zh),
            ("", Zh),
            ("ok", En),
            ("好", Zh),
        ] {
            assert_eq!(Language::of(text, &both), Some(language), "{text}");
        }
        assert_eq!(Language::of("Hello there", &[Zh]), Some(Zh), "the role speaks nothing else");
        assert_eq!(Language::of("12345", &[En, Zh]), Some(En));
        assert_eq!(Language::of("x", &[]), None);
    }
}
