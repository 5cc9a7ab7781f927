//! The contract of `zhanguoce_scholar` checked the plain way, without rolecall's own checker.
//!
//! Deliberately crude and strict on the side of the reader: sentences are runs between `。！？!?…`
//! and newlines, a rhetorical question is a sentence that ends with a question mark and holds one of
//! a few unmistakable cues.

/// What the plain reading of a reply gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Sentences.
    pub sentences: usize,
    /// Rhetorical questions among them.
    pub rhetorical: usize,
}

const ENDS: &[char] = &['。', '！', '？', '!', '?', '…', '\n'];
const CLOSERS: &[char] = &['”', '’', '」', '』', '）', ')', '》', '"'];
const CUES: &[&str] = &[
    "难道",
    "岂",
    "何必",
    "何苦",
    "何尝",
    "何曾",
    "何须",
    "何况",
    "何足",
    "怎能",
    "怎么能",
    "怎会",
    "哪能",
    "哪有",
    "谁不",
    "谁说",
    "不是",
    "焉能",
    "安能",
    "孰不",
    "凭什么",
];

/// Reads a reply.
#[must_use]
pub fn read(text: &str) -> Reading {
    let mut reading = Reading { sentences: 0, rhetorical: 0 };
    let mut sentence = String::new();
    let mut ended = false;
    for c in text.chars().chain(['\u{0}']) {
        if ended && !ENDS.contains(&c) && !CLOSERS.contains(&c) {
            count(&sentence, &mut reading);
            sentence.clear();
            ended = false;
        }
        if c == '\u{0}' {
            count(&sentence, &mut reading);
        } else {
            sentence.push(c);
            ended |= ENDS.contains(&c);
        }
    }
    reading
}

fn count(sentence: &str, reading: &mut Reading) {
    let words = sentence.trim_matches(|c: char| c.is_whitespace() || ENDS.contains(&c) || CLOSERS.contains(&c));
    if words.is_empty() {
        return;
    }
    reading.sentences += 1;
    let asks = sentence.contains(['？', '?']);
    reading.rhetorical += usize::from(asks && CUES.iter().any(|cue| words.contains(cue)));
}

/// The first of `terms` that a text holds when case, full width and invisible characters are
/// looked through.
#[must_use]
pub fn forbidden<'a>(text: &str, terms: &[&'a str]) -> Option<&'a str> {
    let folded: String = text.chars().filter_map(fold).collect();
    terms.iter().copied().find(|term| folded.contains(&term.to_lowercase()))
}

fn fold(c: char) -> Option<char> {
    match c {
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => None,
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).map(|c| c.to_ascii_lowercase()),
        c => Some(c.to_lowercase().next().unwrap_or(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sentences_and_questions() {
        assert_eq!(read("难道不是吗？！秦强而楚弱。岂不闻唇亡齿寒？"), Reading { sentences: 3, rhetorical: 2 });
        assert_eq!(read("他说：“岂敢？”"), Reading { sentences: 1, rhetorical: 1 });
        assert_eq!(read(""), Reading { sentences: 0, rhetorical: 0 });
    }

    #[test]
    fn sees_through_disguises() {
        assert_eq!(forbidden("用ＡＩ做", &["AI"]), Some("AI"));
        assert_eq!(forbidden("用A\u{200b}I做", &["AI"]), Some("AI"));
        assert_eq!(forbidden("难道不是?", &["AI", "算法"]), None);
    }
}
