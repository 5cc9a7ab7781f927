//! What a model is told about a user's references, word by word.

use std::fmt::Write as _;

use rolecall_dsl::contract::Language;

use super::reference::{Reference, Target, Unknown};
use super::stance::Stance;
use super::state::{State, beginning};

/// Bytes quoted for one reference; what is longer is quoted up to there, and told to go on.
const MAX_QUOTED_BYTES: usize = 2 << 10;
/// Bytes of the user's phrase that are repeated.
const MAX_PHRASE_BYTES: usize = 96;

/// One reference, ready to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The user's words.
    phrase: String,
    target: Target,
    /// The words referred to, each with whether it goes on.
    quotes: Vec<Quote>,
    /// How many replies back it is: 0 is the last.
    back: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Quote {
    text: String,
    cut: bool,
}

impl Note {
    /// What a reference in a user's turn points to, in the words of the state.
    #[must_use]
    pub fn new(user: &str, reference: &Reference, state: &State) -> Self {
        let phrase = beginning(user.get(reference.phrase.clone()).unwrap_or_default(), MAX_PHRASE_BYTES);
        let (reply, quotes) = match &reference.target {
            Target::Points { reply, points } => (*reply, quotes(state, *reply, |place| points.contains(&place))),
            Target::Reply(reply) => (*reply, quotes(state, *reply, |_| true)),
            Target::About { reply, said, .. } => {
                let cut = !said.ends_with(|c: char| c.is_ascii_punctuation() || !c.is_alphanumeric());
                (*reply, vec![Quote { text: said.clone(), cut }])
            }
            Target::Unknown(_) => (0, Vec::new()),
        };
        let back = state.replies().saturating_sub(reply);
        Self { phrase: phrase.to_owned(), target: reference.target.clone(), quotes, back }
    }

    /// The words that the reference points to, for whoever answers without a model.
    #[must_use]
    pub fn quoted(&self) -> Option<String> {
        let texts: Vec<&str> = self.quotes.iter().map(|quote| quote.text.as_str()).collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    /// The note as an instruction to the model.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        match language {
            Language::Zh => self.say_zh(),
            Language::En => self.say_en(),
        }
    }

    fn say_zh(&self) -> String {
        let phrase = &self.phrase;
        let place = match self.back {
            0 => "你上一次的回复".to_owned(),
            back => format!("你往前数第 {} 次的回复", back.saturating_add(1)),
        };
        let head = match &self.target {
            Target::Points { .. } => format!("用户说的“{phrase}”，指{place}里的这些原话："),
            Target::Reply(_) => format!("用户说的“{phrase}”，指{place}，原话是："),
            Target::About { name, stance, .. } => {
                let stance = stance.map_or("", |stance| match stance {
                    Stance::For => "，你当时是赞成的",
                    Stance::Against => "，你当时是不赞成的",
                    Stance::Neutral => "，你当时没有偏向",
                });
                format!("用户说的“{phrase}”，指{place}里关于“{name}”的话{stance}，原话是：")
            }
            Target::Unknown(unknown) => {
                let why = match unknown {
                    Unknown::Nothing => "你没有说过这样的内容",
                    Unknown::NoSuchPoint => "你的回复里没有这一点",
                    Unknown::Ambiguous => "可能指的不止一处",
                    Unknown::NeverSaid => "你没有谈到过它",
                    Unknown::Forgotten => "那已经太久，记录里没有了",
                };
                return format!("用户说的“{phrase}”找不到所指：{why}。不要猜测，请先问清楚指的是什么。");
            }
        };
        self.quote(head, "（下文略）")
    }

    fn say_en(&self) -> String {
        let phrase = &self.phrase;
        let place = match self.back {
            0 => "your last reply".to_owned(),
            1 => "your reply before the last".to_owned(),
            back => format!("your reply {back} before the last"),
        };
        let head = match &self.target {
            Target::Points { .. } => format!("By \"{phrase}\" the user means these words of {place}:"),
            Target::Reply(_) => format!("By \"{phrase}\" the user means {place}:"),
            Target::About { name, stance, .. } => {
                let stance = stance.map_or("", |stance| match stance {
                    Stance::For => ", where you were for it",
                    Stance::Against => ", where you were against it",
                    Stance::Neutral => ", where you took no side",
                });
                format!("By \"{phrase}\" the user means what {place} said about \"{name}\"{stance}:")
            }
            Target::Unknown(unknown) => {
                let why = match unknown {
                    Unknown::Nothing => "you have said nothing of the kind",
                    Unknown::NoSuchPoint => "your reply has no such point",
                    Unknown::Ambiguous => "it may mean more than one thing",
                    Unknown::NeverSaid => "you have not spoken of it",
                    Unknown::Forgotten => "it is too long ago to be on record",
                };
                return format!("\"{phrase}\" points to nothing: {why}. Do not guess; ask the user what is meant.");
            }
        };
        self.quote(head, "(it goes on)")
    }

    fn quote(&self, mut text: String, goes_on: &str) -> String {
        for quote in &self.quotes {
            for line in quote.text.lines() {
                let _ = write!(text, "\n> {line}");
            }
            if quote.cut {
                let _ = write!(text, " {goes_on}");
            }
        }
        text
    }
}

fn quotes(state: &State, reply: u64, chosen: impl Fn(usize) -> bool) -> Vec<Quote> {
    let mut left = MAX_QUOTED_BYTES;
    let points = state.reply(reply).map(|reply| reply.points.as_slice()).unwrap_or_default();
    let points = (1..).zip(points).filter(|(place, _)| chosen(*place));
    let quote = |(_, point): (usize, &super::snapshot::Point)| {
        let text = beginning(&point.text, left);
        left -= text.len();
        Quote { text: text.to_owned(), cut: point.cut || text.len() < point.text.len() }
    };
    points.map(quote).filter(|quote| !quote.text.is_empty()).collect()
}
