//! Whether two trees say the same.
//!
//! Reads parse trees, not pieces, so that a mistake in making pieces cannot hide itself.

use pest::iterators::Pair;

use super::canonical;
use crate::parse::dedent;
use crate::parse::grammar::Rule;

/// What differs between the tree of a text and that of its new layout.
pub(super) fn difference(before: &Pair<'_, Rule>, after: &Pair<'_, Rule>) -> Option<&'static str> {
    let (mut old, mut new) = (Shape::default(), Shape::default());
    old.add(before.clone());
    new.add(after.clone());
    if old.comments != new.comments {
        return Some("the comments");
    }
    (old.nodes != new.nodes).then_some("the meaning")
}

#[derive(Debug, Default)]
struct Shape {
    nodes: Vec<Node>,
    comments: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Node {
    Begin(Rule),
    Leaf(Rule, String),
    End,
}

impl Shape {
    fn add(&mut self, pair: Pair<'_, Rule>) {
        let (rule, text, offset) = (pair.as_rule(), pair.as_str(), pair.as_span().start());
        match rule {
            Rule::comment | Rule::doc => {
                // A line of documentation means something only above a role.
                if rule == Rule::doc {
                    self.nodes.push(Node::Leaf(rule, text.trim_end().to_owned()));
                }
                return self.comments.push(text.trim_end().to_owned());
            }
            Rule::EOI => return,
            _ => {}
        }
        let start = self.nodes.len();
        let mut inner = pair.into_inner().peekable();
        if inner.peek().is_none() {
            return self.nodes.push(leaf(rule, text));
        }
        self.nodes.push(Node::Begin(rule));
        let (whole, mut at) = (text, offset);
        for child in inner {
            let span = child.as_span();
            self.between(whole, at - offset, span.start() - offset);
            at = span.end();
            self.add(child);
        }
        self.between(whole, at - offset, whole.len());
        self.nodes.push(Node::End);
        if rule == Rule::entry {
            self.respell(start);
        }
    }

    /// Words of the grammar that have no node of their own.
    fn between(&mut self, text: &str, start: usize, end: usize) {
        let words = text.get(start..end).unwrap_or("").trim_start_matches('\u{FEFF}').split_whitespace();
        self.nodes.extend(words.map(|word| Node::Leaf(Rule::word, word.to_owned())));
    }

    /// Gives a rule that is written in its other form the canonical one.
    fn respell(&mut self, start: usize) {
        let entry = self.nodes.split_off(start);
        let keyword = entry.iter().find_map(|node| match node {
            Node::Leaf(Rule::keyword, word) => Some(word.clone()),
            _ => None,
        });
        let keyword = keyword.unwrap_or_default();
        let mut depth = 0_usize;
        for node in entry {
            match node {
                Node::Begin(_) => depth += 1,
                Node::End => depth = depth.saturating_sub(1),
                Node::Leaf(..) => {}
            }
            match (&node, if depth == 1 { keyword.as_str() } else { "" }) {
                (Node::Leaf(Rule::string, text), "forbidden_terms" | "required_terms") => {
                    self.terms(text);
                }
                (Node::Leaf(Rule::string, text), "response_style") => match canonical::share(text) {
                    Some([metric, comparison, share]) => self.nodes.extend([
                        Node::Leaf(Rule::word, metric),
                        Node::Leaf(Rule::op, comparison),
                        Node::Leaf(Rule::percent, share),
                    ]),
                    None => self.nodes.push(node),
                },
                _ => self.nodes.push(node),
            }
        }
    }

    fn terms(&mut self, text: &str) {
        let terms = canonical::terms(text).unwrap_or_else(|| vec![text.to_owned()]);
        for (index, term) in terms.into_iter().enumerate() {
            if index > 0 {
                self.nodes.push(Node::Leaf(Rule::bar, "|".to_owned()));
            }
            self.nodes.push(Node::Leaf(Rule::string, term));
        }
    }
}

fn leaf(rule: Rule, text: &str) -> Node {
    let value = match rule {
        Rule::op => canonical::joint(text).to_owned(),
        Rule::percent => canonical::percent(text),
        Rule::block_string => {
            let inside = text.strip_prefix("\"\"\"").and_then(|rest| rest.strip_suffix("\"\"\""));
            dedent(inside.unwrap_or(text))
        }
        _ => text.trim().to_owned(),
    };
    Node::Leaf(rule, value)
}
