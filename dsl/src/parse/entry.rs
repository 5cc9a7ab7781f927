//! Blocks and their entries.

use pest::iterators::Pair;

use super::grammar::Rule;
use super::{Builder, span};
use crate::ast::{Body, Broken, Entry};
use crate::span::{Span, Spanned};

impl Builder<'_> {
    pub(super) fn body(&mut self, pair: Pair<'_, Rule>) -> Body {
        let whole = span(&pair);
        let mut entries = Vec::new();
        let mut open = whole;
        for node in pair.into_inner() {
            match node.as_rule() {
                Rule::open => open = span(&node),
                Rule::entry => entries.extend(self.entry(node)),
                Rule::unreadable => self.unreadable(node),
                Rule::close => self.suspect = self.suspect.or_else(|| self.crooked(open, span(&node))),
                Rule::unclosed_block => self.unclosed_block(open),
                _ => {}
            }
        }
        Body { entries, span: whole }
    }

    /// The braces of a block that stands on several lines, when they are indented differently.
    fn crooked(&self, open: Span, close: Span) -> Option<(Span, Span)> {
        let text = self.source.text();
        let line = |brace: Span| self.source.line_start(brace.start) as usize;
        let (first, last) = (line(open), line(close));
        let indent = |start: usize| {
            let rest = text.get(start..).unwrap_or("");
            rest.len() - rest.trim_start_matches([' ', '\t']).len()
        };
        (first != last && indent(first) != indent(last)).then_some((open, close))
    }

    /// An entry with anything unreadable in it gives one finding, for the first such thing, and is
    /// left out.
    fn entry(&mut self, pair: Pair<'_, Rule>) -> Option<Entry> {
        let whole = span(&pair);
        let (mut label, mut keyword, mut args, mut blocks) = (None, None, Vec::new(), Vec::new());
        let mut readable = true;
        for node in pair.into_inner() {
            match node.as_rule() {
                Rule::label => {
                    label = node.into_inner().next().map(|word| Self::spanned(&word));
                }
                Rule::keyword => keyword = Some(Self::spanned(&node)),
                Rule::body => blocks.push(self.body(node)),
                Rule::too_deep => {
                    self.too_deep(&node);
                    readable = false;
                }
                Rule::junk if readable => {
                    let before = keyword.as_ref().map_or("", |word: &Spanned<String>| word.value.as_str());
                    self.junk(node, before);
                    readable = false;
                }
                Rule::comment | Rule::junk => {}
                _ if !readable => {}
                _ => match self.literal(node) {
                    Ok(arg) => args.push(arg),
                    Err(finding) => {
                        self.findings.push(*finding);
                        readable = false;
                    }
                },
            }
        }
        let keyword: Spanned<String> = keyword?;
        if !readable {
            let names = label.into_iter().chain([keyword]).map(|name| name.value).collect();
            self.broken.push(Broken { names, span: whole });
            return None;
        }
        Some(Entry { label, keyword, args, blocks, span: whole })
    }
}
