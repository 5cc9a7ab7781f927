//! Which rules are in force together.
//!
//! A *scenario* is a set of turns that the guards of a contract do not tell apart. Everything that
//! is proved about a contract is proved scenario by scenario, and every turn is answered under one.

use std::sync::{Arc, OnceLock};

use super::guard::{Moment, Turn, describe};
use super::{Case, Contract, Intent, Language, Rule};
use crate::constraint::Fact;
use crate::monitor::Program;
use crate::text::rhetorical::Form;

/// Scenarios of one contract; each is analysed, and compiled when it is first met.
pub const MAX_SCENARIOS: usize = 64;

/// Turns that have the same rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// When it applies (`intent refund, first turn`); `None` where no guarded rule is in force.
    pub name: Option<String>,
    /// The moments it consists of, as far as guards tell them apart.
    pub moments: Vec<Moment>,
    /// Indices of the rules in force, ascending.
    pub rules: Vec<usize>,
}

/// The contract of each scenario, built when it is first asked for. A copy of a contract starts anew.
#[derive(Debug, Default)]
pub(crate) struct Turns(OnceLock<Vec<OnceLock<Arc<Contract>>>>);

impl Clone for Turns {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// A kind of which one rule at a time says something: a guarded rule takes the place of the
/// unguarded ones.
type Slot = (&'static str, Option<(Form, bool)>);

/// Kinds with a single value. A `response_style` is one for each metric and direction.
const SINGLE: [&str; 10] = [
    "max_sentences",
    "min_sentences",
    "max_chars",
    "min_chars",
    "max_words",
    "language",
    "script",
    "format",
    "starts_with",
    "ends_with",
];

/// The scenarios that the guards of these rules tell apart, the one without guarded rules first if
/// there is one. Without guards there is exactly one.
#[must_use]
pub fn scenarios(rules: &[Rule], intents: &[Intent], languages: &[Language]) -> Vec<Scenario> {
    let axes = Axes::of(rules, intents, languages);
    let mut groups: Vec<(Vec<usize>, Vec<Moment>)> = Vec::new();
    for moment in axes.moments() {
        let in_force = in_force(rules, &moment);
        match groups.iter_mut().find(|(known, _)| *known == in_force) {
            Some((_, moments)) => moments.push(moment),
            None => groups.push((in_force, vec![moment])),
        }
    }
    let unguarded =
        |in_force: &[usize]| in_force.iter().all(|index| rules.get(*index).is_some_and(|rule| rule.guard.is_none()));
    let mut found: Vec<Scenario> = groups
        .into_iter()
        .map(|(in_force, moments)| {
            let name = (!unguarded(&in_force)).then(|| axes.name(&moments)).filter(|name| !name.is_empty());
            Scenario { name, moments, rules: in_force }
        })
        .collect();
    found.sort_by_key(|scenario| scenario.name.is_some());
    found
}

/// The rules in force at a moment: those whose guard holds, and the unguarded ones whose place none
/// of these takes.
fn in_force(rules: &[Rule], moment: &Moment) -> Vec<usize> {
    let holds = |rule: &Rule| rule.guard.as_ref().is_some_and(|guard| guard.holds(moment));
    let taken: Vec<Slot> = rules.iter().filter(|rule| holds(rule)).filter_map(slot).collect();
    let stands = |rule: &Rule| match &rule.guard {
        Some(guard) => guard.holds(moment),
        None => slot(rule).is_none_or(|slot| !taken.contains(&slot)),
    };
    rules.iter().enumerate().filter(|(_, rule)| stands(rule)).map(|(index, _)| index).collect()
}

fn slot(rule: &Rule) -> Option<Slot> {
    if let Fact::Share { form, at_least, .. } = rule.constraint.fact() {
        return Some((rule.constraint.keyword(), Some((form, at_least))));
    }
    let keyword = rule.constraint.keyword();
    SINGLE.contains(&keyword).then_some((keyword, None))
}

/// The values that guards ask for; an axis that none asks for has the single value `None`.
struct Axes {
    intents: Vec<Option<String>>,
    languages: Vec<Option<Language>>,
    turns: Vec<Option<Turn>>,
}

impl Axes {
    fn of(rules: &[Rule], intents: &[Intent], languages: &[Language]) -> Self {
        let guards = || rules.iter().filter_map(|rule| rule.guard.as_ref());
        let named =
            |name: &str| guards().any(|guard| guard.intents.iter().flatten().any(|intent| intent.value == name));
        let named = intents.iter().map(|intent| &intent.name.value).filter(|name| named(name));
        let asks_language = guards().any(|guard| guard.languages.is_some());
        let asks_turn = guards().any(|guard| guard.turns.is_some());
        Self {
            intents: std::iter::once(None).chain(named.cloned().map(Some)).collect(),
            languages: if asks_language { languages.iter().copied().map(Some).collect() } else { vec![None] },
            turns: if asks_turn { vec![Some(Turn::First), Some(Turn::Later)] } else { vec![None] },
        }
    }

    fn moments(&self) -> Vec<Moment> {
        let mut moments = Vec::new();
        for intent in &self.intents {
            for language in &self.languages {
                for turn in &self.turns {
                    moments.push(Moment { intent: intent.clone(), language: *language, turn: *turn });
                }
            }
        }
        moments
    }

    /// The moments in words. Moments that are not all combinations of their values are listed.
    fn name(&self, moments: &[Moment]) -> String {
        let intents = values(moments, |moment| moment.intent.clone());
        let languages = values(moments, |moment| moment.language);
        let turns = values(moments, |moment| moment.turn);
        if intents.len() * languages.len() * turns.len() != moments.len() {
            let each: Vec<String> = moments.iter().map(|moment| self.name(std::slice::from_ref(moment))).collect();
            return each.join("; or ");
        }
        // An axis of which every value occurs tells nothing, and "none of the named intents" has no name.
        let intents = (intents.len() < self.intents.len() && !intents.contains(&None))
            .then(|| intents.into_iter().flatten().collect());
        let languages: Option<Vec<Language>> =
            (languages.len() < self.languages.len()).then(|| languages.into_iter().flatten().collect());
        let turns: Option<Vec<Turn>> = (turns.len() < self.turns.len()).then(|| turns.into_iter().flatten().collect());
        let name = describe(intents, languages.as_deref(), turns.as_deref());
        if name.is_empty() && moments.len() == 1 { "no named intent".to_owned() } else { name }
    }
}

fn values<T: PartialEq>(moments: &[Moment], of: impl Fn(&Moment) -> T) -> Vec<T> {
    let mut found = Vec::new();
    for value in moments.iter().map(of) {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

impl Contract {
    /// The contract as it binds the answer to this turn: its rules are those in force, none of them
    /// guarded, and its program is theirs. `first_turn` says that nothing was answered before.
    #[must_use]
    pub fn for_turn(self: &Arc<Self>, user_text: &str, first_turn: bool) -> Arc<Self> {
        if self.rules.iter().all(|rule| rule.guard.is_none()) {
            return Arc::clone(self);
        }
        let in_force = self.in_force_at(user_text, first_turn);
        let known = self.scenarios.iter().position(|scenario| scenario.rules == in_force);
        known.and_then(|index| self.in_scenario(index)).unwrap_or_else(|| Arc::new(self.narrowed(&in_force)))
    }

    /// The scenario that a case shows: its user's words are a first turn, and nothing was said
    /// without them.
    #[must_use]
    pub fn scenario_of_case(&self, case: &Case) -> Option<usize> {
        let in_force = self.in_force_at(case.user.as_ref().map_or("", |user| &user.value), true);
        self.scenarios.iter().position(|scenario| scenario.rules == in_force)
    }

    fn in_force_at(&self, user_text: &str, first_turn: bool) -> Vec<usize> {
        let moment = Moment {
            intent: self.intent_of(user_text).map(|intent| intent.name.value.clone()),
            language: Language::of(user_text, &self.languages),
            turn: Some(if first_turn { Turn::First } else { Turn::Later }),
        };
        in_force(&self.rules, &moment)
    }

    /// The contract as it binds the answers of one of its [`scenarios`](Contract::scenarios).
    #[must_use]
    pub fn in_scenario(&self, index: usize) -> Option<Arc<Self>> {
        let built = self.turns.0.get_or_init(|| self.scenarios.iter().map(|_| OnceLock::new()).collect());
        let scenario = self.scenarios.get(index)?;
        built.get(index).map(|cell| Arc::clone(cell.get_or_init(|| Arc::new(self.narrowed(&scenario.rules)))))
    }

    fn narrowed(&self, in_force: &[usize]) -> Self {
        let rules: Vec<Rule> = in_force
            .iter()
            .filter_map(|index| self.rules.get(*index))
            .map(|rule| Rule { guard: None, ..rule.clone() })
            .collect();
        let program = Arc::new(Program::new(&rules));
        let only = Scenario { name: None, moments: vec![Moment::default()], rules: (0..rules.len()).collect() };
        Self { rules, program, scenarios: vec![only], notices: OnceLock::new(), ..self.clone() }
    }
}
