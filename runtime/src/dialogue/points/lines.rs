//! Points that stand on lines of their own, behind a marker.

use rolecall_dsl::text::styles::list_marker;

use super::super::numeral;
use super::{Item, trimmed};

/// A line that begins with a list marker.
struct Marked {
    /// Past the marker, in the text.
    body: usize,
    indent: usize,
    kind: Kind,
    number: Option<u32>,
}

/// What tells lists apart: `1.`, `1)`, `一、`, `(1)` and bullets may stand below each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bullet,
    /// The number's script and the character that closes it.
    Numbered {
        han: bool,
        close: Option<char>,
    },
}

/// A point whose end is not known yet.
struct Open {
    label: u32,
    body: usize,
    /// Past its own line and what is indented below it.
    end: usize,
    /// Past each further line that is not indented.
    more: Vec<usize>,
}

/// The points of the top level; none unless there are lines with markers.
pub(super) fn items(text: &str) -> Vec<Item<'_>> {
    let mut lists = Lists { kind: Kind::Bullet, indent: 0, ones: false, list: Vec::new(), done: Vec::new() };
    let (mut at, mut fenced) = (0, false);
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let words = line.trim();
        fenced ^= words.starts_with("```");
        let marked = if fenced || words.starts_with("```") { None } else { marked(start, line) };
        match marked {
            Some(marked) => lists.mark(&marked, start + line.trim_end().len()),
            None if words.is_empty() => {}
            None => lists.go_on(line.starts_with([' ', '\t']) || fenced, start + line.trim_end().len()),
        }
    }
    lists.finish();
    let item = |open: &Open| Some(Item { label: open.label, text: trimmed(text.get(open.body..open.end)?) });
    lists.done.iter().filter_map(item).filter(|item| !item.text.is_empty()).collect()
}

struct Lists {
    /// Of the current top level.
    kind: Kind,
    indent: usize,
    /// The list that is being read says nothing but `1.`.
    ones: bool,
    list: Vec<Open>,
    done: Vec<Open>,
}

impl Lists {
    fn mark(&mut self, marked: &Marked, end: usize) {
        let empty = self.list.is_empty() && self.done.is_empty();
        if !empty && (marked.kind != self.kind || marked.indent > self.indent + 1) {
            return self.go_on(true, end);
        }
        if empty {
            (self.kind, self.indent) = (marked.kind, marked.indent);
        }
        let label = match (self.list.last(), marked.number) {
            (None, number) => number.unwrap_or(1),
            (Some(last), None) if last.more.is_empty() => last.label.saturating_add(1),
            (Some(last), Some(number)) if number > last.label => number,
            // Markdown counts for itself where every line says `1.`.
            (Some(last), Some(1)) if last.more.is_empty() && self.ones => last.label.saturating_add(1),
            (Some(_), number) => {
                self.finish();
                number.unwrap_or(1)
            }
        };
        self.ones = marked.number == Some(1) && (self.list.is_empty() || self.ones);
        self.list.push(Open { label, body: marked.body, end, more: Vec::new() });
    }

    /// A line without a marker of the top level.
    fn go_on(&mut self, indented: bool, end: usize) {
        let Some(last) = self.list.last_mut() else { return };
        match last.more.last_mut() {
            None if indented => last.end = end,
            Some(more) if indented => *more = end,
            _ => last.more.push(end),
        }
    }

    /// The list is over. Its last point has no more lines of its own than the longest before it: what
    /// stands behind them is about the whole.
    fn finish(&mut self) {
        let longest = self.list.iter().rev().skip(1).map(|open| open.more.len()).max().unwrap_or(0);
        if let Some(last) = self.list.last_mut() {
            last.more.truncate(longest);
        }
        for mut open in self.list.drain(..) {
            open.end = open.more.last().copied().unwrap_or(open.end);
            self.done.push(open);
        }
    }
}

fn marked(start: usize, line: &str) -> Option<Marked> {
    // `### 1. …` is a marker too.
    let heading = line.trim_start().trim_start_matches('#');
    let skipped = if heading.len() < line.trim_start().len() { line.len() - heading.trim_start().len() } else { 0 };
    let rest = line.get(skipped..)?;
    let length = list_marker(rest)?;
    let sign = rest.get(..length)?.trim_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_'));
    let number = number(sign);
    let kind = match number {
        None => Kind::Bullet,
        Some(_) => Kind::Numbered {
            han: !sign.contains(|c: char| c.is_ascii_digit()),
            close: sign.chars().next_back().filter(|c| !c.is_alphanumeric()),
        },
    };
    let indent = line.chars().take_while(|c| c.is_whitespace()).map(|c| if c == '\t' { 4 } else { 1 }).sum();
    Some(Marked { body: start + skipped + length, indent, kind, number })
}

fn number(sign: &str) -> Option<u32> {
    let inside =
        sign.trim_matches(|c: char| matches!(c, '.' | '．' | ')' | '）' | '(' | '（' | '、' | '-' | '+' | '–'));
    numeral::parse(inside).or_else(|| circled(inside.chars().next()?))
}

/// `①` and its kin.
pub(super) fn circled(c: char) -> Option<u32> {
    let from = |first: char| u32::from(c) - u32::from(first) + 1;
    Some(match c {
        '\u{2460}'..='\u{2473}' => from('\u{2460}'),
        '\u{2474}'..='\u{2487}' => from('\u{2474}'),
        '\u{2488}'..='\u{249B}' => from('\u{2488}'),
        '\u{2776}'..='\u{277F}' => from('\u{2776}'),
        '\u{3220}'..='\u{3229}' => from('\u{3220}'),
        _ => return None,
    })
}
