//! `policy "plugin" { … }`: a plugin judges the reply. It is asked by the runtime; here it is only
//! read and excluded from everything that is proved.

use std::sync::Arc;

use super::{Class, Constraint, Fact, View};
use crate::ast::Entry;
use crate::contract::{Language, PolicyRef};
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::params;
use crate::source::Source;

pub(super) const KEYWORD: &str = "policy";

#[derive(Debug)]
struct Policy(PolicyRef);

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    Some(Arc::new(Policy(params::policy(entry, source, findings)?)))
}

impl Constraint for Policy {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Judged
    }

    fn prompt(&self, language: Language) -> String {
        let name = self.0.plugin.replace(['_', '-'], " ");
        match language {
            Language::Zh => format!("回答会按“{name}”的标准评判，请遵守。"),
            Language::En => format!("The answer is judged for {name}; keep to it."),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Judged
    }

    fn policy(&self) -> Option<&PolicyRef> {
        Some(&self.0)
    }

    /// What a plugin will say is not known here, and does not keep the other rules open.
    fn outlook(&self, _view: &View<'_>) -> Residual {
        Residual::Holds
    }
}
