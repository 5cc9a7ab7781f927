//! From pieces to lines.
//!
//! Where a line may end follows from the grammar: a *word* on a new line begins a new entry, so lines
//! end before a joint, behind a comma, between literals, and around blocks. A block that its author
//! wrote on one line stays there while it fits; any other has an entry a line.

mod line;

use line::{Line, inline, inline_block};

use super::WIDTH;
use super::tree::{Block, Child, Comment, Content, Lines, Piece};

/// Columns of one level.
const INDENT: usize = 4;

/// The whole text of a file. `keep_braces` leaves an opening brace on a line of its own there.
pub(super) fn write(items: &[Child], keep_braces: bool) -> String {
    let mut writer = Writer { line: Line::default(), keep_braces };
    let mut before = None;
    for item in items {
        let trailing = matches!(&item.content, Content::Comment(comment) if !comment.own_line);
        if !trailing {
            if item.blank_above || before.is_some_and(|before| stand_apart(before, &item.content)) {
                writer.line.blank();
            }
            writer.line.next(0);
            before = Some(&item.content);
        }
        writer.child(&item.content, true);
    }
    writer.line.finish()
}

/// Whether a blank line stands between two items of a file in any case: around roles.
fn stand_apart(before: &Content, item: &Content) -> bool {
    let has_block = |content: &Content| match content {
        Content::Entry(pieces) => pieces.iter().any(|piece| matches!(piece, Piece::Block(_))),
        Content::Comment(_) => false,
    };
    let doc = matches!(item, Content::Comment(comment) if comment.doc);
    has_block(before) || matches!(before, Content::Entry(_)) && (doc || has_block(item))
}

struct Writer {
    line: Line,
    keep_braces: bool,
}

impl Writer {
    /// `top`: an item of the file, whose block never stands on one line.
    fn child(&mut self, content: &Content, top: bool) {
        match content {
            Content::Comment(comment) if comment.own_line => self.line.push(&comment.text),
            Content::Comment(comment) => self.line.push(&format!("  {}", comment.text)),
            Content::Entry(pieces) => self.entry(pieces, top),
        }
    }

    fn entry(&mut self, pieces: &[Piece], top: bool) {
        let indent = self.line.indent();
        let mut wrapped = false;
        for (index, chunk) in chunks(pieces, false).into_iter().enumerate() {
            match chunk {
                [Piece::Comment(comment)] => {
                    self.comment(comment, indent + INDENT);
                    wrapped = true;
                }
                [Piece::Block(block)] => {
                    if self.line.is_fresh() || self.keep_braces && block.own_line {
                        self.line.next(indent);
                    }
                    let may_move = index > 1 || wrapped;
                    self.block(block, indent, may_move, top);
                }
                chunk => wrapped |= self.chunk(chunk, indent + INDENT, index > 0),
            }
        }
    }

    /// Writes pieces that stay together, on the next line when this one has no room. Says whether the
    /// line is now another one.
    fn chunk(&mut self, chunk: &[Piece], indent: usize, may_move: bool) -> bool {
        let space = if self.line.is_fresh() || matches!(chunk, [Piece::Comma, ..]) { "" } else { " " };
        let whole = inline(chunk);
        let fits = |line: &Line, space: &str| {
            whole.as_ref().is_some_and(|text| line.column() + space.len() + line::width(text) <= WIDTH)
        };
        let mut moved = false;
        let mut space = space;
        // A list or text that takes several lines anyway begins where it can.
        if may_move && !self.line.is_fresh() && !fits(&self.line, space) && whole.is_some() {
            self.line.next(indent);
            space = "";
            moved = true;
        }
        match whole {
            Some(text) if fits_or_whole(&self.line, space, &text, chunk) => {
                self.line.push(space);
                self.line.push(&text);
                moved
            }
            _ => {
                self.long(chunk, space);
                true
            }
        }
    }

    /// Pieces of which one takes several lines.
    fn long(&mut self, chunk: &[Piece], space: &str) {
        let mut space = space;
        for piece in chunk {
            if !matches!(piece, Piece::Comma) {
                self.line.push(space);
            }
            match piece {
                Piece::List(items) => self.list(items),
                Piece::BlockString(text) => self.block_string(&text.lines),
                // Perhaps of several lines that must stay as they are.
                Piece::Literal(text) => self.line.push(text),
                other => self.line.push(&inline(std::slice::from_ref(other)).unwrap_or_default()),
            }
            space = " ";
        }
    }

    fn list(&mut self, items: &[Piece]) {
        if let Some(text) = inline(items).filter(|text| self.line.column() + line::width(text) + 2 <= WIDTH) {
            return self.line.push(&format!("[{text}]"));
        }
        let base = self.line.indent();
        let indent = base + INDENT;
        self.line.push("[");
        for (index, chunk) in chunks(items, true).into_iter().enumerate() {
            if let [Piece::Comment(comment)] = chunk {
                self.comment(comment, indent);
                continue;
            }
            if index == 0 {
                self.line.next(indent);
            }
            self.chunk(chunk, indent, true);
        }
        self.line.next(base);
        self.line.push("]");
    }

    fn block_string(&mut self, lines: &[String]) {
        let indent = self.line.indent() + INDENT;
        self.line.push("\"\"\"");
        for text in lines {
            self.line.next(indent);
            self.line.push(text);
            self.line.end();
        }
        self.line.next(indent);
        self.line.push("\"\"\"");
    }

    fn block(&mut self, block: &Block, indent: usize, may_move: bool, top: bool) {
        let space = usize::from(!self.line.is_fresh());
        let several = block.children.len()
            > match (top, block.lines) {
                (true, _) => 0,
                (false, Lines::Always) => 1,
                (false, _) => usize::MAX,
            };
        let short = inline_block(block).filter(|_| !several);
        if let Some(text) = short {
            let width = line::width(&text);
            let fits = self.line.column() + space + width <= WIDTH;
            let fits_below = may_move && indent + INDENT + width <= WIDTH;
            if fits || fits_below {
                if !fits {
                    self.line.next(indent + INDENT);
                }
                if !self.line.is_fresh() {
                    self.line.push(" ");
                }
                return self.line.push(&text);
            }
        }
        if space > 0 {
            self.line.push(" ");
        }
        self.open_block(block);
    }

    fn open_block(&mut self, block: &Block) {
        let base = self.line.indent();
        self.line.push("{");
        let mut row = None;
        for child in &block.children {
            let trailing = matches!(&child.content, Content::Comment(comment) if !comment.own_line);
            let shared = child.same_line && block.lines == Lines::AsWritten && !(block.one_line && child.space != " ");
            let joins = shared && row == Some(self.line.row());
            let text = match &child.content {
                Content::Entry(pieces) if joins => inline(pieces).map(|text| format!("{}{text}", child.space)),
                _ => None,
            };
            if let Some(text) = text.filter(|text| self.line.column() + line::width(text) <= WIDTH) {
                self.line.push(&text);
                continue;
            }
            if !trailing {
                if row.is_some() && child.blank_above {
                    self.line.blank();
                }
                self.line.next(base + INDENT);
            }
            row = Some(self.line.row());
            self.child(&child.content, false);
        }
        if !block.children.is_empty() {
            self.line.next(base);
        }
        self.line.push("}");
    }

    /// A comment inside an entry or a list; what follows begins a line.
    fn comment(&mut self, comment: &Comment, indent: usize) {
        if comment.own_line {
            self.line.next(indent);
            self.line.push(&comment.text);
        } else {
            let space = if self.line.is_fresh() { "" } else { "  " };
            self.line.push(&format!("{space}{}", comment.text));
        }
        self.line.next(indent);
    }
}

/// Whether a text fits, or has no list that could be broken to make it fit.
fn fits_or_whole(line: &Line, space: &str, text: &str, chunk: &[Piece]) -> bool {
    let breakable = |piece: &Piece| matches!(piece, Piece::List(items) if !items.is_empty());
    line.column() + space.len() + line::width(text) <= WIDTH || !chunk.iter().any(breakable)
}

/// Pieces in groups between which a line may end; comments and blocks are groups of their own.
fn chunks(pieces: &[Piece], in_list: bool) -> Vec<&[Piece]> {
    let mut chunks = Vec::new();
    let mut rest = pieces;
    while !rest.is_empty() {
        let pairs = rest.iter().zip(rest.iter().skip(1));
        let length = pairs.take_while(|(left, right)| !may_break(left, right, in_list)).count() + 1;
        let (chunk, behind) = rest.split_at(length.min(rest.len()));
        chunks.push(chunk);
        rest = behind;
    }
    chunks
}

fn may_break(left: &Piece, right: &Piece, in_list: bool) -> bool {
    let alone = |piece: &Piece| matches!(piece, Piece::Comment(_) | Piece::Block(_));
    if alone(left) || alone(right) {
        return true;
    }
    let apart = matches!(left, Piece::Apart) || matches!(right, Piece::Apart | Piece::Comma);
    match (left, right) {
        _ if apart || matches!(left, Piece::Joint(_)) => false,
        (Piece::Comma, _) | (_, Piece::Joint(_)) => true,
        (Piece::Word(_), _) | (_, Piece::Word(_)) => in_list,
        _ => true,
    }
}
