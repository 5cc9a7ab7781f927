//! What a role has from the role it extends.

use crate::contract::{Contract, Delivery, Heartbeat, Intent, Language, ModelOptions, Rule, State};
use crate::span::{Span, Spanned};

/// The parent, if there is one. What comes from it stands, for the child's findings, where the child
/// names it: the parent may be written in another file.
#[derive(Clone, Copy)]
pub(super) struct From<'p> {
    pub(super) parent: Option<&'p Contract>,
    pub(super) named: Span,
}

impl<'p> From<'p> {
    pub(super) fn persona(self) -> Option<String> {
        self.parent.map(|parent| parent.persona.clone())
    }

    pub(super) fn languages(self) -> Option<Vec<Language>> {
        self.parent.map(|parent| parent.languages.clone())
    }

    pub(super) fn stateful(self) -> bool {
        self.parent.is_some_and(|parent| parent.stateful)
    }

    pub(super) fn rules(self) -> &'p [Rule] {
        self.parent.map_or(&[], |parent| &parent.rules)
    }

    /// Option by option.
    pub(super) fn model(self, own: ModelOptions) -> ModelOptions {
        let Some(parent) = self.parent.map(|parent| &parent.model) else { return own };
        ModelOptions {
            temperature: own.temperature.or(parent.temperature),
            max_tokens: own.max_tokens.or(parent.max_tokens),
            route: own.route.or_else(|| parent.route.as_ref().map(|route| self.here(route))),
        }
    }

    /// Intent by intent: one of the same name is the child's.
    pub(super) fn intents(self, own: Vec<Intent>) -> Vec<Intent> {
        let inherited = self.parent.iter().flat_map(|parent| &parent.intents);
        let inherited = inherited.filter(|intent| !own.iter().any(|own| own.name == intent.name));
        let mut all: Vec<Intent> = inherited.map(|intent| self.intent(intent)).collect();
        all.extend(own);
        all
    }

    fn intent(self, intent: &Intent) -> Intent {
        let samples = intent.samples.iter().map(|sample| self.here(sample)).collect();
        Intent::new(self.here(&intent.name), samples, intent.action.as_ref().map(|action| self.here(action)))
    }

    pub(super) fn style(self) -> Vec<Spanned<String>> {
        self.parent.iter().flat_map(|parent| &parent.style).map(|sample| self.here(sample)).collect()
    }

    pub(super) fn fallback(self) -> Option<Spanned<String>> {
        self.parent?.fallback.as_ref().map(|fallback| self.here(fallback))
    }

    pub(super) fn delivery(self) -> Delivery {
        let mut delivery = self.parent.map(|parent| parent.delivery.clone()).unwrap_or_default();
        if let Some(policy) = &mut delivery.policy {
            policy.span = self.named;
            policy.param_spans.iter_mut().for_each(|(_, span)| *span = self.named);
        }
        delivery
    }

    pub(super) fn state(self) -> State {
        self.parent.map(|parent| parent.state).unwrap_or_default()
    }

    pub(super) fn heartbeat(self) -> Heartbeat {
        self.parent.map(|parent| parent.heartbeat).unwrap_or_default()
    }

    fn here(self, text: &Spanned<String>) -> Spanned<String> {
        Spanned::new(text.value.clone(), self.named)
    }
}
