//! What could not be read, in words.

use pest::iterators::Pair;

use super::grammar::Rule;
use super::wide::Wide;
use super::{Builder, MAX_DEPTH, span};
use crate::ast::Broken;
use crate::diagnostic::{Finding, codes};
use crate::span::Span;

impl Builder<'_> {
    /// An item that does not begin with a word. Blocks inside it are still read.
    pub(super) fn unreadable(&mut self, pair: Pair<'_, Rule>) {
        let place = first_line(&pair);
        let text = pair.as_str().trim_end();
        let labelled = text.split_once(':').map(|(word, _)| word.trim()).filter(|word| is_word(word));
        let finding = if let Some(word) = labelled {
            Finding::new(codes::UNREADABLE, self.source, place, format!("`{word}:` is a label, and no rule follows it"))
                .with_help(format!("write a field as `{word} value`, a labelled rule as `{word}: kind value`"))
        } else {
            let finding = Finding::new(codes::UNREADABLE, self.source, place, "an entry begins with a word");
            hinted(finding, self.source.slice(place), "", || "write a field, a rule or a `}` here".to_owned())
        };
        self.findings.push(finding);
        self.broken.push(Broken { names: labelled.map(str::to_owned).into_iter().collect(), span: span(&pair) });
        self.blocks_inside(pair);
    }

    /// What follows an entry on its line and does not belong there. `keyword` is that of the entry.
    pub(super) fn junk(&mut self, pair: Pair<'_, Rule>, keyword: &str) {
        let text = pair.as_str().trim_end().to_owned();
        let place = first_line(&pair);
        let shown: String = text.chars().take(1).collect();
        let finding = if text.starts_with('=') {
            Finding::new(codes::UNREADABLE, self.source, place, "a name is followed by its value, without `=`")
                .with_help("write the name, a space and the value; comparisons are `>=`, `<=`, `>`, `<` and `==`")
                .with_fix(Span::new(place.start, place.start + 1), "")
        } else {
            let message = format!("`{shown}` cannot follow here");
            let finding = Finding::new(codes::UNREADABLE, self.source, place, message);
            hinted(finding, self.source.slice(place), keyword, || {
                format!("end the line behind the value of `{keyword}`")
            })
        };
        self.findings.push(finding);
        self.blocks_inside(pair);
    }

    fn blocks_inside(&mut self, pair: Pair<'_, Rule>) {
        for node in pair.into_inner() {
            match node.as_rule() {
                // For the findings; its entries have no place in the tree.
                Rule::body => drop(self.body(node)),
                Rule::too_deep => self.too_deep(&node),
                _ => {}
            }
        }
    }

    pub(super) fn unreadable_top(&mut self, pair: &Pair<'_, Rule>) {
        let text = pair.as_str();
        let place = first_line(pair);
        let finding = Finding::new(codes::UNREADABLE, self.source, place, "this stands outside of any role");
        self.findings.push(if text.starts_with('}') {
            finding.with_help("there is one `}` too many, here or above")
        } else {
            hinted(finding, self.source.slice(place), "", || "a file consists of `role name { … }` items".to_owned())
        });
        self.broken.push(Broken { names: Vec::new(), span: span(pair) });
    }

    pub(super) fn unclosed_block(&mut self, open: Span) {
        // One finding per role: an unclosed string took the brace along, or the outer blocks end
        // at the same place.
        if !self.torn {
            let mut finding = Finding::new(codes::UNCLOSED, self.source, open, "this block is not closed")
                .with_help("a `}` is missing: of this block or of one inside it");
            if let Some((inner, close)) = self.suspect {
                finding = finding
                    .with_related(inner, "perhaps it is this block")
                    .with_related(close, "whose end is taken from here, where another block should end");
            }
            self.findings.push(finding);
        }
        self.torn = true;
    }

    pub(super) fn too_deep(&mut self, pair: &Pair<'_, Rule>) {
        self.torn = true;
        let start = span(pair).start;
        let message = format!("blocks and lists nest at most {MAX_DEPTH} deep");
        let finding = Finding::new(codes::NESTED_TOO_DEEP, self.source, Span::new(start, start + 1), message);
        self.findings.push(finding.with_help("the rest of the role is not read"));
    }

    /// The finding for a literal that has no value.
    pub(super) fn bad_literal(&mut self, pair: &Pair<'_, Rule>) -> Finding {
        let place = first_line(pair);
        let text = pair.as_str();
        match pair.as_rule() {
            Rule::bad_string | Rule::bad_block_string => {
                self.torn |= text.contains(['{', '}']);
                let block = pair.as_rule() == Rule::bad_block_string;
                let quotes = if block { "\"\"\"" } else { "\"" };
                let help = if block {
                    "close it with `\"\"\"`"
                } else {
                    "close it on this line, or use `\"\"\"` for several lines"
                };
                let width = u32::try_from(quotes.len()).unwrap_or(1);
                Finding::new(codes::UNCLOSED, self.source, place, "this text is not closed")
                    .with_related(Span::new(place.start, place.start + width), "it opens here")
                    .with_help(help)
            }
            Rule::bad_regex => {
                self.torn |= text.contains(['{', '}']);
                Finding::new(codes::UNCLOSED, self.source, place, "this pattern is not closed")
                    .with_help("close it with `/` on this line; write `\\/` for a slash inside it")
            }
            Rule::too_deep_list => {
                self.torn = true;
                let message = format!("blocks and lists nest at most {MAX_DEPTH} deep");
                Finding::new(codes::NESTED_TOO_DEEP, self.source, Span::new(place.start, place.start + 1), message)
            }
            _ => {
                let message = format!("`{text}` is not a number");
                let finding = Finding::new(codes::INVALID_LITERAL, self.source, place, message);
                let units = || "units are `ms s m h d` for times, `B KiB MiB GiB` for sizes and `%`".to_owned();
                hinted(finding, self.source.slice(place), "", units)
            }
        }
    }
}

/// The first line of a node, without the white space behind it.
fn first_line(pair: &Pair<'_, Rule>) -> Span {
    let whole = span(pair);
    let line = pair.as_str().lines().next().unwrap_or("").trim_end();
    let length = u32::try_from(line.len().max(1)).unwrap_or(1);
    Span::new(whole.start, (whole.start + length).min(whole.end))
}

fn is_word(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c == '_' || unicode_ident::is_xid_start(c))
        && chars.all(|c| c == '-' || unicode_ident::is_xid_continue(c))
}

/// The finding with help: about full-width characters where the line has some, otherwise of other words. The finding's
/// place is the line.
pub(super) fn hinted(finding: Finding, line: &str, keyword: &str, otherwise: impl FnOnce() -> String) -> Finding {
    let start = finding.span.start;
    match Wide::find(line, keyword) {
        Some(wide) => wide.explain(finding, start),
        None => finding.with_help(otherwise()),
    }
}
