//! What an author wrote, unjudged: the tree that `parse` builds and `check` reads.
//!
//! Rules are kept generic (keyword, arguments, blocks), so that a new constraint kind needs no new
//! grammar.

use crate::span::{Span, Spanned};

/// A whole file.
#[derive(Debug, Clone, Default)]
pub struct File {
    /// `import "…"` items, in order.
    pub imports: Vec<Spanned<String>>,
    /// `rules` items, in order.
    pub sets: Vec<RuleSet>,
    /// `role` items, in order.
    pub roles: Vec<Role>,
    /// Items and entries that were recognised and could not be read to their end; they have a
    /// finding each. Who misses a name looks here before complaining.
    pub broken: Vec<Broken>,
}

/// What is left of an item or entry that could not be read.
#[derive(Debug, Clone)]
pub struct Broken {
    /// Its label and its keyword, as far as they were readable.
    pub names: Vec<String>,
    /// Where it is.
    pub span: Span,
}

/// One `rules NAME { … }`.
#[derive(Debug, Clone)]
pub struct RuleSet {
    /// The name that `use` knows it by.
    pub name: Spanned<String>,
    /// The rules.
    pub body: Body,
    /// From `rules` to `}`.
    pub span: Span,
}

/// One `role NAME { … }`.
#[derive(Debug, Clone)]
pub struct Role {
    /// The `///` lines above it, joined by newlines.
    pub doc: String,
    /// The name.
    pub name: Spanned<String>,
    /// `extends PARENT`.
    pub extends: Option<Spanned<String>>,
    /// Sections and fields in the order written; repeated ones are judged by `check`.
    pub items: Vec<Item>,
    /// From `role` to `}`.
    pub span: Span,
}

/// A field (`version 1.0.0`) or a section (`constraints { … }`) of a role.
#[derive(Debug, Clone)]
pub struct Item {
    /// `version`, `persona`, `constraints`, …
    pub keyword: Spanned<String>,
    /// What follows on the line.
    pub args: Vec<Spanned<Arg>>,
    /// The block, if one follows.
    pub body: Option<Body>,
    /// The whole item.
    pub span: Span,
}

/// A `{ … }` block: entries in the order written.
#[derive(Debug, Clone)]
pub struct Body {
    /// Entries, in order.
    pub entries: Vec<Entry>,
    /// With its braces.
    pub span: Span,
}

/// One entry of a block: `label: keyword args… { … } { … }`.
///
/// This single shape carries rules, plugin parameters, `on_violation` options and cases.
#[derive(Debug, Clone)]
pub struct Entry {
    /// `short:` in front of a rule.
    pub label: Option<Spanned<String>>,
    /// The first word.
    pub keyword: Spanned<String>,
    /// What follows it.
    pub args: Vec<Spanned<Arg>>,
    /// Blocks behind the arguments, in order.
    pub blocks: Vec<Body>,
    /// The whole entry.
    pub span: Span,
}

impl Entry {
    /// Splits an entry that was written in one run of words with its neighbours: `starts` says by
    /// index and value which arguments are the keyword of a further entry. The blocks belong to
    /// the last.
    #[must_use]
    pub fn split(&self, starts: impl Fn(usize, &Arg) -> bool) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut current = Self { args: Vec::new(), blocks: Vec::new(), span: self.keyword.span, ..self.clone() };
        current.span = current.label.as_ref().map_or(current.span, |label| label.span.to(current.span));
        for (index, arg) in self.args.iter().enumerate() {
            match &arg.value {
                Arg::Word(word) if starts(index, &arg.value) => {
                    let next = Self {
                        label: None,
                        keyword: Spanned::new(word.clone(), arg.span),
                        args: Vec::new(),
                        blocks: Vec::new(),
                        span: arg.span,
                    };
                    parts.push(std::mem::replace(&mut current, next));
                }
                _ => {
                    current.span = current.span.to(arg.span);
                    current.args.push(arg.clone());
                }
            }
        }
        current.blocks = self.blocks.clone();
        current.span = current.span.to(Span::new(self.span.end, self.span.end));
        parts.push(current);
        parts
    }
}

/// A literal or a word.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    /// `"…"` or `"""…"""`, unescaped (block strings with their common indent removed).
    Str(String),
    /// `/pattern/flags`, with `\/` unescaped.
    Regex {
        /// The pattern.
        pattern: String,
        /// The flags, such as `i`.
        flags: String,
    },
    /// A whole number.
    Int(u64),
    /// A decimal number, or a negative one.
    Float(f64),
    /// `40%`, in basis points (4000).
    Percent(u32),
    /// `300ms`, `30s`, `5m`, `24h`, `7d`, in milliseconds.
    Duration(u64),
    /// `16KiB`, in bytes.
    Size(u64),
    /// `1.2.3`.
    Semver(String),
    /// An identifier, `反问句` and `true` included.
    Word(String),
    /// A comparison.
    Op(Op),
    /// `|` between alternatives.
    Bar,
    /// `,` between items.
    Comma,
    /// `->`.
    Arrow,
    /// `+`.
    Plus,
    /// `[ … ]`.
    List(Vec<Spanned<Arg>>),
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `>=`, also written `≥`.
    Ge,
    /// `<=`, also written `≤`.
    Le,
    /// `>`.
    Gt,
    /// `<`.
    Lt,
    /// `==`.
    Eq,
}
