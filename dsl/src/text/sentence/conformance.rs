//! Files in the format of Unicode's `SentenceBreakTest.txt`: texts, and where their sentences begin.

use thiserror::Error;

/// The conformance file of this machine.
pub const FILE: &str = include_str!("../../../spec/conformance/SentenceBreakTest-rolecall.txt");

/// One line of such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The text.
    pub text: String,
    /// Where sentences begin, in bytes, the first one left out.
    pub starts: Vec<usize>,
    /// The rule that decides, if the comment begins with one in brackets.
    pub rule: Option<String>,
    /// The rest of the comment.
    pub comment: String,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// The line does not begin with a boundary.
    #[error("a case begins with ÷, and this with `{0}`")]
    Start(String),
    /// A code point is no number, or no character.
    #[error("`{0}` is not the hexadecimal number of a character; write 3002 for `。`")]
    Number(String),
    /// Between two code points stands neither a boundary nor none.
    #[error("behind `{number}` stands `{found}`; write ÷ where a sentence begins and × where none does")]
    Mark {
        /// The code point before.
        number: String,
        /// What stands there.
        found: String,
    },
    /// The line does not end with a boundary.
    #[error("a case ends with ÷; write it behind `{0}`")]
    End(String),
}

impl Case {
    /// Reads a line; an empty one and a comment hold no case.
    ///
    /// # Errors
    /// When the line is neither, nor a case.
    pub fn parse(line: &str) -> Result<Option<Self>, Malformed> {
        let (marks, comment) = line.split_once('#').unwrap_or((line, ""));
        let mut words = marks.split_whitespace();
        match words.next() {
            None => return Ok(None),
            Some("÷") => {}
            Some(other) => return Err(Malformed::Start(other.to_owned())),
        }
        let (mut text, mut starts) = (String::new(), Vec::new());
        let mut open = None;
        while let Some(number) = words.next() {
            text.push(character(number).ok_or_else(|| Malformed::Number(number.to_owned()))?);
            open = Some(number);
            match words.next() {
                Some("÷") => (open, _) = (None, starts.push(text.len())),
                Some("×") => {}
                None => break,
                Some(found) => return Err(Malformed::Mark { number: number.to_owned(), found: found.to_owned() }),
            }
        }
        if let Some(number) = open {
            return Err(Malformed::End(number.to_owned()));
        }
        // The end of the text begins nothing.
        starts.pop();
        let comment = comment.trim_start();
        let (rule, comment) = match comment.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((rule, rest)) => (Some(rule.to_owned()), rest.strip_prefix(' ').unwrap_or(rest)),
            None => (None, comment),
        };
        Ok(Some(Self { text, starts, rule, comment: comment.to_owned() }))
    }

    /// How many sentences it has: the stretches between boundaries that are not blank.
    #[must_use]
    pub fn sentences(&self) -> usize {
        sentences(&self.text, &self.starts)
    }
}

/// How many stretches between these boundaries are not blank.
#[must_use]
pub fn sentences(text: &str, starts: &[usize]) -> usize {
    let mut from = 0;
    let ends = starts.iter().copied().chain([text.len()]);
    let stretches = ends.filter_map(|end| text.get(std::mem::replace(&mut from, end)..end));
    stretches.filter(|stretch| !stretch.trim().is_empty()).count()
}

fn character(number: &str) -> Option<char> {
    u32::from_str_radix(number, 16).ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::{Case, Malformed};

    // Fails when a line is read that says nothing clear.
    #[test]
    fn malformed_lines_are_told_what_is_wrong() {
        let wrong = |line: &str| Case::parse(line).unwrap_err();
        assert_eq!(wrong("× 0061 ÷"), Malformed::Start("×".to_owned()));
        assert_eq!(wrong("÷ 你 ÷"), Malformed::Number("你".to_owned()));
        assert_eq!(wrong("÷ D800 ÷"), Malformed::Number("D800".to_owned()));
        let mark = Malformed::Mark { number: "0061".to_owned(), found: "0062".to_owned() };
        assert_eq!(wrong("÷ 0061 0062 ÷"), mark);
        assert_eq!(wrong("÷ 0061"), Malformed::End("0061".to_owned()));
        assert_eq!(wrong("÷ 0061 × # a"), Malformed::End("0061".to_owned()));
        assert_eq!([Case::parse(""), Case::parse("# ÷ 0061")], [Ok(None), Ok(None)]);
    }

    // Fails when Unicode's own comments or an empty text are not read.
    #[test]
    fn comments_may_name_a_rule() {
        let case = Case::parse("÷ 0061 × 3002 ÷ 0062 ÷\t# [0.1] a。÷b").unwrap().unwrap();
        assert_eq!((case.text.as_str(), case.starts.as_slice(), case.sentences()), ("a。b", &[4][..], 2));
        assert_eq!((case.rule.as_deref(), case.comment.as_str()), (Some("0.1"), "a。÷b"));
        let case = Case::parse("÷ 0001 ÷\t#  ÷ [0.2] <START OF HEADING> (Other) ÷ [0.3]").unwrap().unwrap();
        assert_eq!((case.rule, case.starts.len()), (None, 0));
        assert_eq!(Case::parse("÷").unwrap().unwrap().sentences(), 0);
    }
}
