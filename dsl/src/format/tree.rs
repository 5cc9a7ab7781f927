//! From parse tree to pieces: what is written, without where.
//!
//! Generic over the grammar: a node that is no block, list or comment is its leaves, and what stands
//! between nodes (`role`, `import`, the colon of a label) is read from the text itself.

use pest::iterators::Pair;

use super::canonical;
use crate::parse::grammar::Rule;

/// An item of a file or an entry of a block, or a comment between them.
#[derive(Debug)]
pub(super) struct Child {
    /// Whether a blank line stands above it.
    pub(super) blank_above: bool,
    /// Whether it begins on the line on which the one before it ends.
    pub(super) same_line: bool,
    /// Between it and the one before, should they share a line: one space or two, as written.
    pub(super) space: &'static str,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Comment(Comment),
    Entry(Vec<Piece>),
}

#[derive(Debug)]
pub(super) enum Piece {
    Word(String),
    /// Words behind the first argument may stand in groups: more than one space is kept, as two.
    Apart,
    Literal(String),
    /// `|`, `->`, `+` or a comparison.
    Joint(String),
    Comma,
    BlockString(canonical::BlockString),
    List(Vec<Piece>),
    Block(Block),
    Comment(Comment),
}

#[derive(Debug)]
pub(super) struct Comment {
    pub(super) text: String,
    /// Whether nothing stands before it on its line.
    pub(super) own_line: bool,
    /// Whether it is documentation of what follows.
    pub(super) doc: bool,
}

#[derive(Debug)]
pub(super) struct Block {
    pub(super) children: Vec<Child>,
    /// Whether both braces are on one line.
    pub(super) one_line: bool,
    /// Whether its opening brace begins a line.
    pub(super) own_line: bool,
    pub(super) lines: Lines,
}

/// Whether the entries of a block share lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// An entry a line, also when there is room for all of them on one.
    Always,
    /// An entry a line, unless the whole block is on one.
    Open,
    /// Those share a line that were written so.
    AsWritten,
}

/// What the entries of a block are; only rules have two spellings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    File,
    Role,
    Rules,
    Cases,
    Case,
    Other,
}

impl Place {
    /// The place inside the block of an entry that begins with `head`.
    fn inside(self, head: &str) -> Self {
        match (self, head) {
            (Self::File, "role") => Self::Role,
            (Self::File, "rules") | (Self::Role, "constraints") | (Self::Rules, "when") => Self::Rules,
            (Self::Role, "cases") => Self::Cases,
            (Self::Cases, "case") => Self::Case,
            _ => Self::Other,
        }
    }

    fn lines(self) -> Lines {
        match self {
            Self::File | Self::Role | Self::Rules | Self::Cases => Lines::Always,
            Self::Case => Lines::Open,
            Self::Other => Lines::AsWritten,
        }
    }
}

/// The items of a file.
pub(super) fn read(text: &str, file: &Pair<'_, Rule>) -> Vec<Child> {
    let mut reader = Reader { text, end: 0, inside_line: false };
    reader.children(file.clone(), Place::File)
}

struct Reader<'t> {
    text: &'t str,
    /// Where the last piece ended.
    end: usize,
    /// Whether the entry being read begins behind another one on its line.
    inside_line: bool,
}

impl Reader<'_> {
    fn children(&mut self, parent: Pair<'_, Rule>, place: Place) -> Vec<Child> {
        let mut children = Vec::new();
        for node in parent.into_inner() {
            let rule = node.as_rule();
            if matches!(rule, Rule::EOI | Rule::open | Rule::close) {
                self.end = node.as_span().end();
                continue;
            }
            let start = node.as_span().start();
            let breaks = self.line_breaks(start);
            let space = if self.text.get(self.end..start) == Some(" ") { " " } else { "  " };
            let content = if matches!(rule, Rule::comment | Rule::doc) {
                Content::Comment(self.comment(&node))
            } else {
                let mut pieces = Vec::new();
                self.inside_line = breaks == 0 && !children.is_empty() && place.lines() == Lines::AsWritten;
                self.pieces(node, place, &mut pieces);
                Content::Entry(if place == Place::Rules { canonical::rule(pieces) } else { pieces })
            };
            children.push(Child { blank_above: breaks > 1, same_line: breaks == 0, space, content });
        }
        children
    }

    fn pieces(&mut self, node: Pair<'_, Rule>, place: Place, pieces: &mut Vec<Piece>) {
        let (rule, span) = (node.as_rule(), node.as_span());
        match rule {
            Rule::comment | Rule::doc => {
                let comment = self.comment(&node);
                pieces.push(Piece::Comment(comment));
                return;
            }
            Rule::body => {
                let own_line = self.line_breaks(span.start()) > 0;
                let one_line = !span.as_str().contains(['\n', '\r']);
                let inside = place.inside(head(pieces));
                let children = self.children(node, inside);
                pieces.push(Piece::Block(Block { children, one_line, own_line, lines: inside.lines() }));
                self.end = span.end();
                return;
            }
            Rule::list => {
                let mut items = Vec::new();
                for item in node.into_inner() {
                    if matches!(item.as_rule(), Rule::list_open | Rule::list_close) {
                        self.end = item.as_span().end();
                    } else {
                        self.pieces(item, Place::Other, &mut items);
                    }
                }
                pieces.push(Piece::List(items));
                self.end = span.end();
                return;
            }
            _ => {}
        }
        let mut inner = node.into_inner().peekable();
        if inner.peek().is_none() {
            let gap = self.text.get(self.end..span.start()).unwrap_or("");
            let grouped = match pieces.as_slice() {
                // Behind the first word of a line the gap is for columns.
                [Piece::Word(_)] => self.inside_line,
                [_, .., Piece::Word(word)] => !word.ends_with(':'),
                _ => false,
            };
            if rule == Rule::word && grouped && gap.chars().count() > 1 {
                pieces.push(Piece::Apart);
            }
            pieces.push(leaf(rule, span.as_str()));
        } else {
            let mut at = span.start();
            for child in inner {
                let (start, end) = (child.as_span().start(), child.as_span().end());
                self.between(at, start, pieces);
                self.pieces(child, place, pieces);
                at = end;
            }
            self.between(at, span.end(), pieces);
        }
        self.end = span.end();
    }

    /// Words of the grammar that have no node of their own.
    fn between(&mut self, start: usize, end: usize, pieces: &mut Vec<Piece>) {
        for written in self.text.get(start..end).unwrap_or("").split_whitespace() {
            match pieces.last_mut() {
                Some(Piece::Word(word)) if written == ":" => word.push(':'),
                _ => pieces.push(Piece::Word(written.to_owned())),
            }
            self.end = end;
        }
    }

    fn comment(&mut self, node: &Pair<'_, Rule>) -> Comment {
        let (start, end) = (node.as_span().start(), node.as_span().end());
        // A line of documentation belongs to what follows it.
        let doc = node.as_rule() == Rule::doc;
        let own_line = doc || self.end == 0 || self.line_breaks(start) > 0;
        self.end = end;
        Comment { text: node.as_str().trim_end().to_owned(), own_line, doc }
    }

    /// Line breaks between the last piece and a place.
    fn line_breaks(&self, start: usize) -> usize {
        let gap = self.text.get(self.end..start).unwrap_or("");
        let bytes = gap.bytes().zip(gap.bytes().skip(1).chain([b' ']));
        bytes.filter(|(byte, next)| *byte == b'\n' || *byte == b'\r' && *next != b'\n').count()
    }
}

/// The word that says what an entry is, behind its label.
pub(super) fn head(pieces: &[Piece]) -> &str {
    let words = pieces.iter().filter_map(|piece| match piece {
        Piece::Word(word) if !word.ends_with(':') => Some(word.as_str()),
        _ => None,
    });
    words.take(1).next().unwrap_or("")
}

fn leaf(rule: Rule, text: &str) -> Piece {
    match rule {
        Rule::comma => Piece::Comma,
        Rule::op | Rule::arrow | Rule::bar | Rule::plus => Piece::Joint(canonical::joint(text).to_owned()),
        Rule::block_string => canonical::block_string(text),
        Rule::percent => Piece::Literal(canonical::percent(text)),
        Rule::string | Rule::regex | Rule::semver | Rule::float | Rule::duration | Rule::size | Rule::int => {
            Piece::Literal(text.to_owned())
        }
        _ => Piece::Word(text.to_owned()),
    }
}
