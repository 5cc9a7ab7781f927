//! What `no_urls`, `no_emoji` and `no_markdown` share: patterns that come with the language and must
//! not occur.

use std::sync::{Arc, LazyLock};

use super::{Class, Constraint, Demand, Fact, View};
use crate::contract::Language;
use crate::monitor::Residual;
use crate::text::pattern::Pattern;
use crate::text::terms::Matching;

/// None of these patterns occurs.
#[derive(Debug)]
pub(super) struct Unwanted {
    pub(super) keyword: &'static str,
    pub(super) patterns: &'static LazyLock<Vec<Arc<Pattern>>>,
    /// The sentence that tells a model, in Chinese.
    pub(super) zh: &'static str,
    /// The same in English.
    pub(super) en: &'static str,
}

impl Constraint for Unwanted {
    fn keyword(&self) -> &'static str {
        self.keyword
    }

    fn class(&self) -> Class {
        Class::Safety
    }

    fn prompt(&self, language: Language) -> String {
        match language {
            Language::Zh => self.zh.to_owned(),
            Language::En => self.en.to_owned(),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Forbidden { terms: &[], patterns: self.patterns, matching: Matching::usual() }
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Forbid { terms: &[], patterns: self.patterns, matching: Matching::usual() }
    }

    /// The monitor itself knows about matches.
    fn outlook(&self, _view: &View<'_>) -> Residual {
        Residual::Open
    }
}
