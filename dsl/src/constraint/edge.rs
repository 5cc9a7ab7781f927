//! What `starts_with` and `ends_with` share: alternatives at one end of a reply.

use std::sync::{Arc, OnceLock};

use super::args::{Alternatives, Reader, quoted};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::source::Source;
use crate::text::least;
use crate::text::pattern::{Pattern, Use};
use crate::text::sample;
use crate::text::terms::fold_term;

/// Matches of each pattern that are offered to the analysis.
const SAMPLES: usize = 4;

/// One of these stands at an end of the reply.
#[derive(Debug)]
pub(super) struct Edge {
    /// The texts as written.
    pub(super) written: Vec<String>,
    /// The texts as compared, in ascending order.
    pub(super) texts: Vec<Vec<char>>,
    /// The patterns.
    pub(super) patterns: Vec<Arc<Pattern>>,
    /// See [`Edge::rest`].
    least: OnceLock<Vec<Vec<u64>>>,
}

impl Edge {
    pub(super) fn read(
        entry: &Entry,
        source: &Source,
        findings: &mut Vec<Finding>,
        usage: &'static str,
        purpose: Use,
    ) -> Option<Arc<Self>> {
        let mut reader = Reader::new(entry, source, findings, usage);
        if reader.args().is_empty() {
            return reader.nothing();
        }
        let Alternatives { terms: written, patterns } = reader.alternatives(reader.args(), Some(purpose))?;
        let folded = written.iter().filter_map(|text| fold_term(text).ok());
        let mut texts: Vec<Vec<char>> = folded.map(|text| text.chars().collect()).collect();
        texts.sort_unstable();
        Some(Arc::new(Self { written, texts, patterns, least: OnceLock::new() }))
    }

    /// For each text, and each place in it, the fewest characters that say the rest.
    pub(super) fn rest(&self) -> &[Vec<u64>] {
        self.least.get_or_init(|| self.texts.iter().map(|text| least::rest(text)).collect())
    }

    /// The alternatives for a model, behind `text` or a list of them.
    pub(super) fn shown(&self, language: Language) -> String {
        let mut shown = Vec::new();
        if !self.written.is_empty() {
            shown.push(quoted(&self.written, language));
        }
        for pattern in &self.patterns {
            shown.push(match language {
                Language::Zh => format!("符合正则表达式 /{}/ 的内容", pattern.source()),
                Language::En => format!("a match of the regular expression /{}/", pattern.source()),
            });
        }
        match language {
            Language::Zh => shown.join("或"),
            Language::En => shown.join(" or "),
        }
    }

    /// Whether there is a choice.
    pub(super) fn is_single(&self) -> bool {
        self.written.len() + self.patterns.len() == 1
    }

    /// The alternatives for a finding.
    pub(super) fn named(&self) -> String {
        let texts = self.written.iter().map(|text| format!("`{text}`"));
        let patterns = self.patterns.iter().map(|pattern| pattern.name());
        texts.chain(patterns).collect::<Vec<_>>().join(" or ")
    }

    /// The texts, and some matches of each pattern.
    pub(super) fn examples(&self) -> Vec<String> {
        let patterns = self.patterns.iter().flat_map(|p| sample::samples(p.source(), p.flags(), SAMPLES));
        self.written.iter().cloned().chain(patterns).collect()
    }

    /// The characters that the alternatives name.
    pub(super) fn alphabet(&self) -> Vec<char> {
        let patterns = self.patterns.iter().flat_map(|p| sample::alphabet(p.source(), p.flags()));
        let mut characters: Vec<char> = self.texts.iter().flatten().copied().chain(patterns).collect();
        characters.sort_unstable();
        characters.dedup();
        characters
    }
}
