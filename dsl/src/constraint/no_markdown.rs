//! `no_markdown`: the reply is plain text.
//!
//! Markdown is
//!
//! - a heading (`# Title`), a bullet (`- item`, `* item`, `+ item`), a block quote (`> text`) or a table
//!   (`| a | b |`, `--- | ---`) at the beginning of a line;
//! - bold or italic text (`**x**`, `*x*`, `__x__`, `_x_`), the marks being on one line and next to the
//!   words; two stars before a word are enough;
//! - code in backticks or in a fence, a link or an image (`[text](address)`).
//!
//! Numbered lists (`1. x`) are plain text too, and so are `2 * 3`, `2**3`, `snake_case`, `[1]`, `#1`, `>_<`,
//! `---` and `~~`.

use std::sync::{Arc, LazyLock};

use super::Constraint;
use super::args::Reader;
use super::unwanted::Unwanted;
use crate::ast::Entry;
use crate::diagnostic::Finding;
use crate::source::Source;
use crate::text::pattern::{Pattern, builtin};

pub(super) const KEYWORD: &str = "no_markdown";

static PATTERNS: LazyLock<Vec<Arc<Pattern>>> = LazyLock::new(|| {
    let emphasis = |mark: &str, before: &str, after: &str| {
        format!(r"{before}{mark}[^\s{mark}](?:[^{mark}\n]*[^\s{mark}])?{mark}{after}")
    };
    let stars = emphasis(r"\*", r"(?-u:\B)", "");
    let bars = format!("{}|{}", emphasis("_", r"(?-u:\b)", r"(?-u:\b)"), emphasis("_", r"(?-u:\b)_", r"_(?-u:\b)"));
    vec![
        builtin("a Markdown heading", r"(?m)^ {0,3}#{1,6}[ \t]+\S"),
        builtin("a Markdown bullet", r"(?m)^[ \t]*[-*+][ \t]+\S"),
        builtin("a Markdown quotation", r"(?m)^ {0,3}>[ \t]+\S"),
        builtin("a Markdown table", r"(?m)^[ \t]*\|[^|\n]+\||^[ \t]*:?-{3,}:?[ \t]*\|"),
        builtin("Markdown emphasis", &format!(r"(?-u:\B)\*\*[^\s*]|{stars}|{bars}")),
        builtin("Markdown code", r"`[^`\n]+`|```|(?m:^)[ \t]*~~~"),
        builtin("a Markdown link", r"\[[^\[\]\n]*\]\([^()\s]"),
    ]
});

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    Reader::new(entry, source, findings, KEYWORD).bare()?;
    Some(Arc::new(Unwanted {
        keyword: KEYWORD,
        patterns: &PATTERNS,
        zh: "只用纯文本回答，不使用Markdown（标题、粗体、斜体、代码、链接、项目符号、表格、引用块）。",
        en: "Answer in plain text without Markdown (no headings, bold, italics, code, links, bullets, tables or block quotes).",
    }))
}
