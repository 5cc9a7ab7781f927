//! Texts with matches in them, how they are cut, and what nobody may see of them.
//!
//! The judge shares nothing with the product: it knows where the matches are because it put them there.
//! Between any two parts of a text stands a letter that is nowhere else in it, so that what is next to a
//! match names its place.

use std::ops::Range;

pub(super) const TERMS: [&str; 4] = ["password", "算法", "内部资料", "ai"];

const ZH_MATCHES: &[&str] = &["算法", "算\u{200b}法", "算\u{200d}法", "内部资料", "内\u{2060}部资料"];
const EN_MATCHES: &[&str] =
    &["password", "PASSWORD", "ＰＡＳＳＷＯＲＤ", "p\u{ad}assword", "𝐩assword", "ai", "AI", "ＡＩ", "А\u{200b}І"];

/// Plain words, and heads and tails of terms. No sentence ends with the last letter of a match: where
/// sentences are dropped, it would stand where a match was.
const ZH: &[&str] = &[
    "今日天色已晚，",
    "谁能不服？",
    "岂能如此？",
    "且看下文。",
    "算",
    "算术不难，",
    "法度森严。",
    "内",
    "内部",
    "内部会议，",
    "内部资",
    "资料室里",
];
const EN: &[&str] = &[
    "It is late, is it not? ",
    "Why so? ",
    "That is it. ",
    "he said ",
    "a draft ",
    "pass",
    "pass the word ",
    "PASSWOR",
    "passwords ",
    "ｐａｓｓ",
    "a",
    "А",
    "aid ",
    "Mail, ",
];

/// What stands between a match and the letters that mark its place.
const BEFORE: &[&str] = &["", "", " ", "“", "用"];
const BEHIND: &[&str] = &["", "", " ", "”", "，", "。", ". "];

/// In what a text is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Language {
    Zh,
    En,
    Mixed,
}

impl Language {
    pub(super) const ALL: [Self; 3] = [Self::Zh, Self::En, Self::Mixed];
}

/// Repeatable choices (xorshift64*).
pub(super) struct Dice(u64);

impl Dice {
    /// Numbers next to each other give choices that have nothing in common.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % bound
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// What a model says.
#[derive(Debug)]
pub(super) struct Text {
    said: String,
    /// In order.
    matches: Vec<Range<usize>>,
}

impl Text {
    /// The marks of each of several replies are its own.
    pub(super) fn draw(dice: &mut Dice, language: Language, reply: usize) -> Self {
        let mark = |at: usize| char::from_u32(0x3400 + u32::try_from(reply * 0x20 + at).unwrap()).unwrap();
        let mut text = Self { said: String::from(mark(0)), matches: Vec::new() };
        for at in 1..4 + dice.below(8) {
            let zh = match language {
                Language::Zh => true,
                Language::En => false,
                Language::Mixed => dice.below(2) == 0,
            };
            if dice.below(3) == 0 {
                text.forbid(dice, if zh { ZH_MATCHES } else { EN_MATCHES });
            } else {
                text.said.push_str(dice.pick(if zh { ZH } else { EN }));
            }
            text.said.push(mark(at));
        }
        text
    }

    fn forbid(&mut self, dice: &mut Dice, matches: &[&str]) {
        self.said.push_str(dice.pick(BEFORE));
        let start = self.said.len();
        self.said.push_str(dice.pick(matches));
        self.matches.push(start..self.said.len());
        self.said.push_str(dice.pick(BEHIND));
    }

    /// The text in pieces: anything from a few to one for each character.
    pub(super) fn cut(&self, dice: &mut Dice) -> Vec<String> {
        let often = 1 + dice.below(9);
        let mut pieces = vec![String::new()];
        for (at, c) in self.said.chars().enumerate() {
            if at > 0 && dice.below(often) == 0 {
                pieces.push(String::new());
            }
            pieces.last_mut().unwrap().push(c);
        }
        pieces
    }

    pub(super) fn has_matches(&self) -> bool {
        !self.matches.is_empty()
    }

    /// What stands before the first match; all of it when there is none.
    pub(super) fn before_matches(&self) -> &str {
        let end = self.matches.first().map_or(self.said.len(), |span| span.start);
        self.said.get(..end).unwrap()
    }

    /// The text with something else in place of each match.
    pub(super) fn replaced(&self, by: &str) -> String {
        let (mut text, mut from) = (String::new(), 0);
        for span in &self.matches {
            text.push_str(self.said.get(from..span.start).unwrap());
            text.push_str(by);
            from = span.end;
        }
        text.push_str(self.said.get(from..).unwrap());
        text
    }

    /// The first or the last letter of a match with the mark next to it, if `seen` holds one.
    pub(super) fn edge_in(&self, seen: &str) -> Option<String> {
        let mut edges = self.matches.iter().flat_map(|span| {
            let (before, inside, behind) = self.around(span);
            let mark = before.rfind(is_mark).unwrap();
            let opening = before.get(mark..).unwrap();
            let closing = behind.split_inclusive(is_mark).next().unwrap();
            let (first, last) = (inside.chars().next().unwrap(), inside.chars().next_back().unwrap());
            [format!("{opening}{first}"), format!("{last}{closing}")]
        });
        edges.find(|edge| seen.contains(edge.as_str())).map(|edge| format!("the edge {edge:?}"))
    }

    /// Of each match: the text up to its first letter, the text from its last one on, and itself.
    pub(super) fn parts_of_matches(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.matches.iter().map(move |span| {
            let (_, inside, _) = self.around(span);
            let (first, last) = (inside.chars().next().unwrap(), inside.chars().next_back().unwrap());
            let to_first = self.said.get(..span.start + first.len_utf8()).unwrap();
            let from_last = self.said.get(span.end - last.len_utf8()..).unwrap();
            (to_first, from_last, inside)
        })
    }

    fn around(&self, span: &Range<usize>) -> (&str, &str, &str) {
        let (before, rest) = self.said.split_at(span.start);
        let (inside, behind) = rest.split_at(span.len());
        (before, inside, behind)
    }
}

fn is_mark(c: char) -> bool {
    ('\u{3400}'..'\u{3500}').contains(&c)
}

/// The first of the terms that a text holds, disguises looked through.
pub(super) fn term(text: &str) -> Option<&'static str> {
    // The plural is another word.
    let plain = text.chars().filter_map(plain).collect::<String>().replace("passwords", "");
    TERMS.into_iter().find(|term| match *term {
        "ai" => plain.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "ai"),
        term => plain.contains(term),
    })
}

fn plain(c: char) -> Option<char> {
    Some(match c {
        '\u{200b}' | '\u{200d}' | '\u{2060}' | '\u{ad}' => return None,
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0)?.to_ascii_lowercase(),
        'А' => 'a',
        'І' => 'i',
        '𝐩' => 'p',
        c => c.to_ascii_lowercase(),
    })
}
