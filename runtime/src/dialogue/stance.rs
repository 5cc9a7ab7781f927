//! How a sentence stands to something: for it, against it, or neither, by the words it uses.
//!
//! A lexicon with negation, not a judgement of tone: of the clause that names the thing and those behind
//! it, up to one about something else, the last that has a cue decides. So `杭州风景好，可是房价高，我不推荐` is
//! against it.

use std::cmp::Reverse;
use std::sync::LazyLock;

use super::entities;

/// Clauses of one sentence that are read for stances: its last ones, since the last cue decides. What
/// stands before them says nothing, so that a thing named only there is stood to neither way.
const MAX_CLAUSES: usize = 16;
/// Characters of these clauses together; clauses before the one that exceeds them say nothing either, nor
/// does that one.
const MAX_CLAUSE_CHARS: usize = 512;

/// How the role stands to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// In favour.
    For,
    /// Against.
    Against,
    /// Both, or neither on purpose.
    Neutral,
}

impl Stance {
    /// Its name in files and figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::For => "for",
            Self::Against => "against",
            Self::Neutral => "neutral",
        }
    }
}

const FOR_ZH: &[&str] = &[
    "推荐",
    "支持",
    "赞成",
    "赞同",
    "同意",
    "适合",
    "合适",
    "值得",
    "喜欢",
    "欣赏",
    "看好",
    "优秀",
    "出色",
    "可靠",
    "不错",
    "很好",
    "更好",
    "最好",
    "好用",
    "有益",
    "有利",
    "有用",
    "首选",
    "擅长",
    "划算",
    "放心",
    "可取",
    "建议用",
    "建议选",
    "好",
];
const AGAINST_ZH: &[&str] = &[
    "反对",
    "糟糕",
    "差劲",
    "很差",
    "太差",
    "避免",
    "有害",
    "危险",
    "害处",
    "慎用",
    "别用",
    "不要用",
    "不建议",
    "别选",
    "不该",
    "不宜",
    "切勿",
    "麻烦",
    "缺点",
    "失败",
    "过时",
    "难用",
    "很慢",
    "太慢",
    "很坏",
    "太难",
];
const NEUTRAL_ZH: &[&str] =
    &["各有利弊", "各有优劣", "各有千秋", "看情况", "因人而异", "中立", "不好说", "说不准", "两可"];
const FOR_EN: &[&str] = &[
    "recommend",
    "recommended",
    "recommends",
    "great",
    "good",
    "excellent",
    "best",
    "love",
    "prefer",
    "preferred",
    "support",
    "supported",
    "favour",
    "favor",
    "worth",
    "reliable",
    "suited",
    "suits",
    "suitable",
    "ideal",
    "useful",
    "solid",
    "better",
    "liked",
    "fan",
];
/// Words that say something only when they are negated: `I would not use it`.
const ACTS_EN: &[&str] = &["use", "choose", "pick", "buy", "trust", "touch"];
const AGAINST_EN: &[&str] = &[
    "bad",
    "avoid",
    "against",
    "poor",
    "terrible",
    "awful",
    "dangerous",
    "harmful",
    "unsuitable",
    "dislike",
    "hate",
    "worse",
    "worst",
    "useless",
    "risky",
    "overrated",
    "oppose",
    "opposed",
    "wrong",
];
const NEUTRAL_EN: &[&str] = &["it depends", "neutral", "pros and cons", "mixed feelings"];

/// Where `好` is part of another word.
const OTHER_GOOD: &[&str] =
    &["好像", "好多", "好几", "好久", "好些", "你好", "只好", "刚好", "正好", "爱好", "好奇", "友好"];
/// Words with a negator in them that negate nothing.
const NO_NEGATION: &[&str] =
    &["特别", "非常", "无论", "不过", "不仅", "不但", "不只", "没错", "分别", "区别", "差别", "差不多"];
const CONTRAST: &[&str] = &["但", "不过", "然而", "可是", "but ", "however", "although", "though "];

/// The Chinese cues with whether they speak for the thing. Longer cues first: what was read is blanked, so
/// that `好` is not read in `不错` or `最好` again.
static CUES_ZH: LazyLock<Vec<(&str, bool)>> = LazyLock::new(|| {
    let mut cues: Vec<(&str, bool)> = FOR_ZH.iter().map(|cue| (*cue, true)).collect();
    cues.extend(AGAINST_ZH.iter().map(|cue| (*cue, false)));
    cues.sort_by_key(|(cue, _)| Reverse(cue.len()));
    cues
});

/// How a sentence stands to `name`; `None` when it does not say. `names` are all things it may be about.
pub(super) fn of(sentence: &str, name: &str, names: &[String]) -> Option<Stance> {
    let key = entities::fold(name);
    let mut keys: Vec<String> = names.iter().map(|name| entities::fold(name)).collect();
    keys.push(key.clone());
    Clauses::of(&entities::fold(sentence), &keys).stance(&key, &keys)
}

/// The clauses of a sentence that are read for stances, each with what it says: read once, however many
/// things the sentence names.
#[derive(Debug, Default)]
pub(super) struct Clauses(Vec<(String, Option<Stance>)>);

impl Clauses {
    /// Reads a folded sentence, from its first clause that names one of the things whose folded names are
    /// `keys`: what stands before it is about none of them.
    pub(super) fn of(folded: &str, keys: &[String]) -> Self {
        let silent = |clause: &String| !keys.iter().any(|key| entities::mentions(clause, key));
        let read = |clause: String| {
            let claim = claimed(&clause);
            (clause, claim)
        };
        Self(clauses(folded).into_iter().skip_while(silent).map(read).collect())
    }

    /// How they stand to the thing whose folded name is `key`. `keys` are all things they may be about.
    pub(super) fn stance(&self, key: &str, keys: &[String]) -> Option<Stance> {
        let compared = [format!("比{key}"), format!("than {key}"), format!("不如{key}")];
        let mut view = None;
        for (clause, claim) in self.0.iter().skip_while(|(clause, _)| !entities::mentions(clause, key)) {
            let other = |other: &String| other.as_str() != key && entities::mentions(clause, other);
            if !entities::mentions(clause, key) && keys.iter().any(other) {
                break;
            }
            let Some(stance) = *claim else { continue };
            // `A比B好`: what is said of A is the opposite of what is said of B.
            let flips = compared.iter().any(|words| clause.contains(words.as_str()));
            view = Some(if flips { opposite(stance) } else { stance });
        }
        view
    }
}

/// What a clause says of whatever it is about.
pub(super) fn claimed(clause: &str) -> Option<Stance> {
    let lower = entities::fold(clause);
    if NEUTRAL_ZH.iter().chain(NEUTRAL_EN).any(|cue| lower.contains(cue)) {
        return Some(Stance::Neutral);
    }
    let scores: Vec<bool> = chinese(&lower).into_iter().chain(english(&lower)).collect();
    let good = scores.iter().filter(|favours| **favours).count();
    match (good, scores.len() - good) {
        (0, 0) => None,
        (good, bad) if good > bad => Some(Stance::For),
        (good, bad) if good < bad => Some(Stance::Against),
        _ => Some(Stance::Neutral),
    }
}

fn opposite(stance: Stance) -> Stance {
    match stance {
        Stance::For => Stance::Against,
        Stance::Against => Stance::For,
        Stance::Neutral => Stance::Neutral,
    }
}

/// For each cue, whether it speaks for the thing.
fn chinese(clause: &str) -> Vec<bool> {
    // Every cue is of Han characters.
    if !clause.chars().any(entities::is_han) {
        return Vec::new();
    }
    let mut text = clause.to_owned();
    for word in NO_NEGATION.iter().chain(OTHER_GOOD) {
        if text.contains(word) {
            text = text.replace(word, "，");
        }
    }
    let mut found = Vec::new();
    for (cue, favours) in CUES_ZH.iter().copied() {
        while let Some(at) = text.find(cue) {
            let before = text.get(..at).unwrap_or_default();
            let near = before.chars().rev().take(3);
            let negators = near.filter(|c| matches!(c, '不' | '没' | '别' | '未' | '非' | '无' | '莫')).count();
            found.push(favours == (negators % 2 == 0));
            text.replace_range(at..at + cue.len(), "，");
        }
    }
    found
}

fn english(clause: &str) -> Vec<bool> {
    let clause = clause.replace("not only", "");
    let words: Vec<&str> = clause
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '\'' || c == '\u{2019}'))
        .filter(|w| !w.is_empty())
        .collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let near = words.iter().take(at).rev().take(4);
        let negated = near.filter(|word| is_negator(word)).count() % 2 == 1;
        if FOR_EN.contains(word) {
            found.push(!negated);
        } else if AGAINST_EN.contains(word) {
            found.push(negated);
        } else if ACTS_EN.contains(word) && negated {
            found.push(false);
        }
    }
    found
}

fn is_negator(word: &str) -> bool {
    matches!(word, "not" | "never" | "no" | "hardly" | "cannot" | "neither" | "nor" | "without")
        || word.ends_with("n't")
        || word.ends_with("n\u{2019}t")
}

/// The last clauses of a sentence, as far as they are read; a contrast begins one. A clause is read as a
/// whole or not at all: half of one may have lost its negation.
fn clauses(sentence: &str) -> Vec<String> {
    let mut text = sentence.to_owned();
    for word in CONTRAST {
        text = text.replace(word, &format!("\n{word}"));
    }
    let ends = |c: char| matches!(c, '\n' | '，' | ',' | '；' | ';' | '：' | ':' | '。' | '！' | '？' | '!' | '?');
    let (mut clauses, mut chars) = (Vec::new(), 0);
    for clause in text.rsplit(ends).filter(|clause| !clause.trim().is_empty()).take(MAX_CLAUSES) {
        chars += clause.chars().count();
        if chars > MAX_CLAUSE_CHARS {
            break;
        }
        clauses.push(clause.to_owned());
    }
    clauses.reverse();
    clauses
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a stance is turned round, or one is read where nothing is said.
    #[test]
    fn a_sentence_stands_for_or_against_what_it_names() {
        let names = ["Rust".to_owned(), "Go".to_owned(), "合纵".to_owned(), "连横".to_owned()];
        let said = [
            ("我推荐用Rust。", "Rust", Some(Stance::For)),
            ("我不推荐用Rust。", "Rust", Some(Stance::Against)),
            ("Rust不是不好。", "Rust", Some(Stance::For)),
            ("Go更简单，但是Go不适合做嵌入式。", "Go", Some(Stance::Against)),
            ("合纵虽难，连横更好。", "合纵", None),
            ("合纵比连横好。", "连横", Some(Stance::Against)),
            ("合纵，我一向支持。", "合纵", Some(Stance::For)),
            ("合纵各有利弊。", "合纵", Some(Stance::Neutral)),
            ("杭州风景好，可是房价高，我不推荐。", "杭州", Some(Stance::Against)),
            ("合纵好，连横我不推荐。", "合纵", Some(Stance::For)),
            ("合纵特别好。", "合纵", Some(Stance::For)),
            ("合纵好像难。", "合纵", None),
            ("I recommend Rust.", "Rust", Some(Stance::For)),
            ("I would not use Go for that.", "Go", Some(Stance::Against)),
            ("I don't think Rust is bad.", "Rust", Some(Stance::For)),
            ("Rust is better than Go.", "Go", Some(Stance::Against)),
            ("Rust exists since 2010.", "Rust", None),
            ("The good algorithm", "Go", None),
        ];
        for (sentence, name, stance) in said {
            assert_eq!(of(sentence, name, &names), stance, "{sentence} ({name})");
        }
    }
}
