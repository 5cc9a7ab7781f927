//! Characters that Chinese input methods type where the language wants ASCII.

use crate::diagnostic::Finding;
use crate::span::Span;

/// Kinds whose arguments are alternatives: what separates them is a bar.
const ALTERNATIVES: [&str; 4] = ["forbidden_terms", "required_terms", "starts_with", "ends_with"];

/// What the first such character of a line is, and the line's stretch of them as ASCII.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wide {
    found: char,
    /// Where the stretch begins and ends, in bytes of the line.
    range: (usize, usize),
    replacement: String,
}

impl Wide {
    /// Looks for them in the rest of a line that could not be read. What stands in quotes is text and stays as it is.
    /// `keyword` is that of the entry.
    pub(super) fn find(line: &str, keyword: &str) -> Option<Self> {
        let (mut found, mut range, mut replacement, mut kept) = (None, (0, 0), String::new(), String::new());
        let mut chars = line.char_indices().peekable();
        // The quote that closes the text we are in, and whether a full-width one opened it.
        let mut closes: Option<(char, bool)> = None;
        while let Some((at, c)) = chars.next() {
            let ascii = match closes {
                Some((close, wide)) if c == close => {
                    closes = None;
                    wide.then(|| "\"".to_owned())
                }
                // A straight quote within would end the text.
                Some((_, true)) if c == '"' => Some("\\\"".to_owned()),
                Some(_) if c == '\\' => {
                    kept.push(c);
                    kept.extend(chars.next().map(|(_, escaped)| escaped));
                    continue;
                }
                Some(_) => None,
                None if c == '"' => {
                    closes = Some(('"', false));
                    None
                }
                None => {
                    closes = closing(c).map(|close| (close, true));
                    ascii(c, line.get(at + c.len_utf8()..).unwrap_or(""), keyword)
                }
            };
            let Some(ascii) = ascii else {
                kept.push(c);
                continue;
            };
            if found.is_none() {
                (found, range.0) = (Some(c), at);
                kept.clear();
            }
            replacement.push_str(&kept);
            kept.clear();
            replacement.push_str(&ascii);
            range.1 = at + c.len_utf8();
        }
        Some(Self { found: found?, range, replacement })
    }

    /// Says so in a finding, at the place where the line begins.
    pub(super) fn explain(&self, finding: Finding, start: u32) -> Finding {
        let at = |offset: usize| start.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
        let found = self.found;
        let what = match found {
            _ if found.is_numeric() => "a full-width digit",
            _ if found.is_alphabetic() => "a full-width letter",
            _ => "full-width punctuation",
        };
        let help = match found {
            '；' | '。' => format!("`{found}` is {what}; end the line without it"),
            '：' if self.replacement.starts_with(' ') => {
                format!("`{found}` is {what}; write the value behind a space, without a colon")
            }
            _ => format!("`{found}` is {what}; write `{}`", self.replacement.trim()),
        };
        finding.with_help(help).with_fix(Span::new(at(self.range.0), at(self.range.1)), self.replacement.as_str())
    }
}

/// What closes a text that this opens.
fn closing(c: char) -> Option<char> {
    match c {
        '“' | '”' => Some('”'),
        '「' => Some('」'),
        '『' => Some('』'),
        '＂' => Some('＂'),
        _ => None,
    }
}

/// What the language has for a character that stands outside of texts, with the line behind it.
fn ascii(c: char, behind: &str, keyword: &str) -> Option<String> {
    let ascii = match c {
        '，' | '、' if ALTERNATIVES.contains(&keyword) => " | ".to_owned(),
        '、' => ",".to_owned(),
        '；' | '。' if behind.trim().is_empty() => String::new(),
        '；' | '。' => "\n".to_owned(),
        '：' => {
            // A label stands before a kind; everything else is followed by its value.
            let word: String =
                behind.trim_start().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if crate::constraint::keywords().contains(&word.as_str()) { ": " } else { " " }.to_owned()
        }
        '“' | '”' | '「' | '」' | '『' | '』' => "\"".to_owned(),
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0)?.to_string(),
        _ => return None,
    };
    Some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(line: &str, keyword: &str) -> Option<String> {
        let Wide { range, replacement, .. } = Wide::find(line, keyword)?;
        Some(format!("{}{replacement}{}", line.get(..range.0)?, line.get(range.1..)?))
    }

    // Fails when a character stays, one within a text is changed, or ASCII is taken for full-width.
    #[test]
    fn a_line_becomes_ascii_outside_of_its_texts() {
        for (line, keyword, expected) in [
            ("３", "max_sentences", "3"),
            ("＞＝ ４０％", "response_style", ">= 40%"),
            ("，\"好，的\"、\"b\"", "forbidden_terms", " | \"好，的\" | \"b\""),
            ("，zh", "language", ",zh"),
            ("；", "fallback", ""),
            ("；no_emoji", "max_chars", "\nno_emoji"),
            ("“他说\"好\"，走”", "persona", "\"他说\\\"好\\\"，走\""),
            ("「一」；", "persona", "\"一\""),
            ("：max_chars 3", "x", ": max_chars 3"),
            ("：zh", "language", " zh"),
            ("３ { on_violation “a” }", "max_chars", "3 { on_violation \"a\" }"),
        ] {
            assert_eq!(mended(line, keyword).as_deref(), Some(expected), "{line}");
        }
        for line in ["", "= 3", "\"好，\" \"a\\\"，\"", "字"] {
            assert_eq!(mended(line, "x"), None, "{line}");
        }
    }
}
