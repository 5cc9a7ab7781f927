//! Literals and their values.

use pest::iterators::Pair;

use super::grammar::Rule;
use super::{Builder, span};
use crate::ast::{Arg, Op};
use crate::diagnostic::{Finding, codes};
use crate::span::{Span, Spanned};

type Read<T> = Result<T, Box<Finding>>;

impl Builder<'_> {
    /// The value of a literal, word or joint; the finding when it has none.
    pub(super) fn literal(&mut self, pair: Pair<'_, Rule>) -> Read<Spanned<Arg>> {
        let place = span(&pair);
        let text = pair.as_str();
        let value = match pair.as_rule() {
            Rule::string => Arg::Str(self.unescape(inside(text, 1), place.start + 1)?),
            Rule::block_string => Arg::Str(self.unescape(&dedent(inside(text, 3)), place.start + 3)?),
            Rule::regex => {
                let end = text.rfind('/').unwrap_or(text.len());
                let pattern = text.get(1..end).unwrap_or("").replace("\\/", "/");
                Arg::Regex { pattern, flags: text.get(end + 1..).unwrap_or("").to_owned() }
            }
            Rule::list => Arg::List(self.list(pair)?),
            Rule::int => Arg::Int(self.whole(text, place)?),
            Rule::float => Arg::Float(text.parse().map_err(|_| self.too_large_number(place))?),
            Rule::percent => Arg::Percent(self.percent(text, place)?),
            Rule::duration => {
                let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
                Arg::Duration(self.scaled(text, unit, milliseconds(unit), place)?)
            }
            Rule::size => {
                let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
                Arg::Size(self.scaled(text, unit, bytes(unit), place)?)
            }
            Rule::semver => Arg::Semver(text.to_owned()),
            Rule::word => Arg::Word(text.to_owned()),
            Rule::op => Arg::Op(op(text)),
            Rule::bar => Arg::Bar,
            Rule::comma => Arg::Comma,
            Rule::arrow => Arg::Arrow,
            Rule::plus => Arg::Plus,
            _ => return Err(Box::new(self.bad_literal(&pair))),
        };
        Ok(Spanned::new(value, place))
    }

    /// The text of a string; an escape that means nothing is reported and left out.
    pub(super) fn text(&mut self, pair: &Pair<'_, Rule>) -> String {
        match self.unescape(inside(pair.as_str(), 1), span(pair).start + 1) {
            Ok(text) => text,
            Err(finding) => {
                self.findings.push(*finding);
                String::new()
            }
        }
    }

    fn list(&mut self, pair: Pair<'_, Rule>) -> Read<Vec<Spanned<Arg>>> {
        let open = Span::new(span(&pair).start, span(&pair).start + 1);
        let mut items = Vec::new();
        for node in pair.into_inner() {
            match node.as_rule() {
                Rule::list_open | Rule::list_close | Rule::comment => {}
                Rule::unclosed_list => {
                    return Err(Box::new(
                        Finding::new(codes::UNCLOSED, self.source, open, "this list is not closed")
                            .with_help("write `]` behind its last item"),
                    ));
                }
                _ => items.push(self.literal(node)?),
            }
        }
        Ok(items)
    }

    /// Resolves `\n \t \r \" \\ \/ \u{…}`. `start` is where `raw` begins, for the place of a
    /// mistake (approximate in block strings, whose indent is gone).
    fn unescape(&self, raw: &str, start: u32) -> Read<String> {
        let mut text = String::with_capacity(raw.len());
        let mut chars = raw.char_indices();
        while let Some((offset, c)) = chars.next() {
            if c != '\\' {
                text.push(c);
                continue;
            }
            let rest = chars.as_str();
            let Some((value, length)) = escape(rest) else {
                let at = start + u32::try_from(offset).unwrap_or(0);
                let shown: String = rest.chars().take(1).collect();
                let width = 1 + u32::try_from(shown.len()).unwrap_or(0);
                let message = format!("`\\{shown}` is not an escape");
                return Err(Box::new(
                    Finding::new(codes::INVALID_LITERAL, self.source, Span::new(at, at + width), message).with_help(
                        "escapes are `\\n`, `\\t`, `\\r`, `\\\"`, `\\\\`, `\\/` and `\\u{1F600}`; write `\\\\` for a backslash",
                    ),
                ));
            };
            text.push(value);
            for _ in 0..length {
                chars.next();
            }
        }
        Ok(text)
    }

    fn whole(&self, text: &str, place: Span) -> Read<u64> {
        text.parse().map_err(|_| self.too_large_number(place))
    }

    fn scaled(&self, text: &str, unit: &str, scale: u64, place: Span) -> Read<u64> {
        let count = self.whole(text.trim_end_matches(unit), place)?;
        count.checked_mul(scale).ok_or_else(|| self.too_large_number(place))
    }

    /// In basis points; two decimals are exact.
    fn percent(&self, text: &str, place: Span) -> Read<u32> {
        let number = text.trim_end_matches(['%', '％']);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.len() > 2 || number.starts_with('-') {
            return Err(Box::new(
                Finding::new(codes::INVALID_LITERAL, self.source, place, format!("`{text}` is not a share"))
                    .with_help("a percentage is not negative and has at most two decimals"),
            ));
        }
        let whole: u32 = whole.parse().map_err(|_| self.too_large_number(place))?;
        let fraction: u32 = format!("{fraction:0<2}").parse().unwrap_or(0);
        let points = whole.checked_mul(100).and_then(|points| points.checked_add(fraction));
        points.ok_or_else(|| self.too_large_number(place))
    }

    fn too_large_number(&self, place: Span) -> Box<Finding> {
        Box::new(Finding::new(codes::INVALID_LITERAL, self.source, place, "this number is too large"))
    }
}

/// The text between delimiters of `width` bytes.
fn inside(text: &str, width: usize) -> &str {
    text.get(width..text.len().saturating_sub(width)).unwrap_or("")
}

/// The character that an escape stands for and how many characters behind the backslash it takes.
fn escape(rest: &str) -> Option<(char, usize)> {
    let simple = |c| Some((c, 1));
    match rest.chars().next()? {
        'n' => simple('\n'),
        't' => simple('\t'),
        'r' => simple('\r'),
        c @ ('"' | '\\' | '/') => simple(c),
        'u' => {
            let (hex, _) = rest.strip_prefix("u{")?.split_once('}')?;
            let value = u32::from_str_radix(hex, 16).ok().filter(|_| (1..=6).contains(&hex.len()))?;
            Some((char::from_u32(value)?, hex.len() + 3))
        }
        _ => None,
    }
}

/// A block string's text: the line of the opening quotes dropped when blank, the indent that all
/// lines share removed, the line of the closing quotes dropped when blank.
pub(crate) fn dedent(raw: &str) -> String {
    let mut lines: Vec<&str> = raw.lines().collect();
    if lines.first().is_some_and(|line| line.trim().is_empty()) {
        lines.remove(0);
    } else if let Some(first) = lines.first_mut() {
        *first = first.trim_start();
    }
    if raw.ends_with('\n') || lines.last().is_some_and(|line| line.trim().is_empty()) {
        while lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
    }
    let indent = |line: &&str| line.len() - line.trim_start_matches([' ', '\t', '\u{3000}']).len();
    let starts_inline =
        !raw.starts_with(['\n', '\r']) && raw.lines().next().is_some_and(|line| !line.trim().is_empty());
    let indented = lines.iter().skip(usize::from(starts_inline)).filter(|line| !line.trim().is_empty());
    let common = indented.map(indent).min().unwrap_or(0);
    let cut = |(index, line): (usize, &&str)| {
        if starts_inline && index == 0 {
            return (*line).to_owned();
        }
        line.get(common..).unwrap_or("").trim_end().to_owned()
    };
    lines.iter().enumerate().map(cut).collect::<Vec<_>>().join("\n")
}

fn milliseconds(unit: &str) -> u64 {
    match unit {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 1,
    }
}

fn bytes(unit: &str) -> u64 {
    match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 1,
    }
}

fn op(text: &str) -> Op {
    match text {
        ">=" | "≥" => Op::Ge,
        "<=" | "≤" => Op::Le,
        ">" => Op::Gt,
        "<" => Op::Lt,
        _ => Op::Eq,
    }
}
