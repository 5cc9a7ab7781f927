//! Files, imports and roles.

use pest::iterators::Pair;

use super::grammar::Rule;
use super::unreadable::hinted;
use super::{Builder, span};
use crate::ast::{Broken, Entry, File, Item, Role, RuleSet};
use crate::diagnostic::{Finding, codes};
use crate::span::Spanned;

/// How an import that could not be read is called.
pub(crate) const IMPORT: &str = "import";

impl Builder<'_> {
    pub(super) fn file(&mut self, pair: Pair<'_, Rule>) -> File {
        let mut file = File::default();
        let mut docs: Vec<String> = Vec::new();
        for node in pair.into_inner() {
            match node.as_rule() {
                Rule::doc => {
                    let line = node.as_str().trim_start_matches('/');
                    docs.push(line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned());
                }
                Rule::role => {
                    let doc = std::mem::take(&mut docs).join("\n");
                    file.roles.extend(self.role(node, doc));
                }
                Rule::rule_set => {
                    docs.clear();
                    file.sets.extend(self.rule_set(node));
                }
                Rule::import => file.imports.extend(self.import(node)),
                Rule::unreadable_top => self.unreadable_top(&node),
                _ => {}
            }
        }
        file.broken = std::mem::take(&mut self.broken);
        file
    }

    fn import(&mut self, pair: Pair<'_, Rule>) -> Option<Spanned<String>> {
        let whole = span(&pair);
        let path = pair.into_inner().next()?;
        if path.as_rule() == Rule::string {
            return Some(Spanned::new(self.text(&path), whole));
        }
        self.findings.push(
            Finding::new(codes::UNREADABLE, self.source, whole, "an import names a file in quotes")
                .with_help("write `import \"shared/safety.role\"`"),
        );
        self.broken.push(Broken { names: vec![IMPORT.to_owned()], span: whole });
        None
    }

    /// A role whose braces do not match is left out: its fields cannot be told from its rules.
    fn role(&mut self, pair: Pair<'_, Rule>, doc: String) -> Option<Role> {
        let whole = span(&pair);
        let (mut name, mut extends, mut items, mut header_read) = (None, None, Vec::new(), true);
        self.torn = false;
        self.suspect = None;
        for node in pair.into_inner() {
            match node.as_rule() {
                Rule::name => name = Some(Self::spanned(&node)),
                Rule::extends => extends = node.into_inner().next().map(|parent| Self::spanned(&parent)),
                Rule::header_junk => {
                    header_read = false;
                    self.header(&node, name.is_some());
                }
                Rule::body => items = self.body(node).entries,
                Rule::too_deep => self.too_deep(&node),
                _ => {}
            }
        }
        if name.is_none() && header_read {
            self.findings.push(
                Finding::new(codes::UNREADABLE, self.source, whole, "a role without a name")
                    .with_help("write `role some_name { … }`"),
            );
        }
        let Some(name) = name.clone().filter(|_| !self.torn) else {
            let names = name.into_iter().map(|name| name.value).collect();
            self.broken.push(Broken { names, span: whole });
            return None;
        };
        let items = items.into_iter().filter_map(|entry| self.item(entry)).collect();
        Some(Role { doc, name, extends, items, span: whole })
    }

    /// A set whose braces do not match is left out like such a role.
    fn rule_set(&mut self, pair: Pair<'_, Rule>) -> Option<RuleSet> {
        const WRITE: &str = "write `rules some_name { … }`";
        let whole = span(&pair);
        let (mut name, mut body, mut header_read) = (None, None, true);
        self.torn = false;
        self.suspect = None;
        for node in pair.into_inner() {
            match node.as_rule() {
                Rule::name => name = Some(Self::spanned(&node)),
                Rule::header_junk => {
                    header_read = false;
                    let message = if name.is_some() {
                        "the name of a rule set is followed by `{`"
                    } else {
                        "the name of a rule set is a word: a letter, then letters, digits, `_` or `-`"
                    };
                    self.findings
                        .push(Finding::new(codes::UNREADABLE, self.source, span(&node), message).with_help(WRITE));
                }
                Rule::body => body = Some(self.body(node)),
                Rule::too_deep => self.too_deep(&node),
                _ => {}
            }
        }
        if name.is_none() && header_read {
            let finding = Finding::new(codes::UNREADABLE, self.source, whole, "a rule set without a name");
            self.findings.push(finding.with_help(WRITE));
        }
        match (name, body) {
            (Some(name), Some(body)) if !self.torn => Some(RuleSet { name, body, span: whole }),
            (name, _) => {
                let names = name.into_iter().map(|name| name.value).collect();
                self.broken.push(Broken { names, span: whole });
                None
            }
        }
    }

    fn header(&mut self, node: &Pair<'_, Rule>, named: bool) {
        let message = if named {
            "a role's name is followed by `{`, or by `extends` and one parent"
        } else {
            "a role's name is a word: a letter, then letters, digits, `_` or `-`"
        };
        let finding = Finding::new(codes::UNREADABLE, self.source, span(node), message);
        self.findings.push(hinted(finding, node.as_str(), "", || "write `role some_name { … }`".to_owned()));
    }

    fn item(&mut self, entry: Entry) -> Option<Item> {
        if let Some(label) = &entry.label {
            self.findings.push(
                Finding::new(codes::UNREADABLE, self.source, label.span, "only rules have labels")
                    .with_help(format!("write `{}` and its value without a colon", label.value)),
            );
            self.broken.push(Broken { names: vec![label.value.clone(), entry.keyword.value], span: entry.span });
            return None;
        }
        let mut blocks = entry.blocks.into_iter();
        let body = blocks.next();
        if let Some(second) = blocks.next() {
            let message = format!("`{}` has one block", entry.keyword.value);
            self.findings.push(Finding::new(codes::UNREADABLE, self.source, second.span, message));
        }
        Some(Item { keyword: entry.keyword, args: entry.args, body, span: entry.span })
    }
}
