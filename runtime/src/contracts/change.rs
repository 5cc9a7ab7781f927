//! What a new version of a contract changes: which replies it lets through, and what else is new.

use rolecall_dsl::Contract;
use rolecall_dsl::conflict::{Comparison, Relation, compare};
use rolecall_dsl::contract::Rule;

use super::fields::fields;

/// A contract's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How the replies that the two allow relate, over all scenarios.
    pub relation: Relation,
    /// The same, scenario by scenario, with replies as examples.
    pub comparisons: Vec<Comparison>,
    /// What else changed, besides which replies are allowed.
    pub fields: Vec<FieldChange>,
    /// What the version should say and does not; one sentence without a full stop.
    pub version_note: Option<String>,
}

/// A changed part of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Which: `persona`, `model.temperature`, `rule short: on_violation`.
    pub field: String,
    /// Before; `None` where there was nothing.
    pub old: Option<String>,
    /// After; `None` where there is nothing.
    pub new: Option<String>,
}

impl Change {
    /// Compares two versions of a role.
    #[must_use]
    pub fn between(old: &Contract, new: &Contract) -> Self {
        let comparisons = if same_texts(old, new) { vec![equal()] } else { compare(old, new) };
        let relation = comparisons.iter().map(|it| it.relation).reduce(both).unwrap_or(Relation::Equal);
        let fields = fields(old, new);
        let version_note = version_note(old, new, relation, !fields.is_empty());
        Self { relation, comparisons, fields, version_note }
    }

    /// Whether something may get through that was refused before. What is not known counts.
    #[must_use]
    pub fn loosens(&self) -> bool {
        !matches!(self.relation, Relation::Equal | Relation::Narrower)
    }

    /// The first scenario in which something gets through, or may.
    #[must_use]
    pub fn opening(&self) -> Option<&Comparison> {
        let through = self.comparisons.iter().find(|it| it.only_new.is_some());
        through
            .or_else(|| self.comparisons.iter().find(|it| !matches!(it.relation, Relation::Equal | Relation::Narrower)))
    }
}

/// What a scenario lets through, or why that is not known; one clause.
#[must_use]
pub fn opening_words(opening: &Comparison) -> String {
    match (&opening.only_new, &opening.undecided) {
        (Some(reply), _) => {
            let by = opening.loosened.as_ref().map(|rule| format!(", which `{rule}` refused")).unwrap_or_default();
            format!("it lets through \"{reply}\"{by}")
        }
        (None, Some(why)) => why.clone(),
        (None, None) => {
            let of = opening.loosened.as_ref().map(|rule| format!(" of `{rule}`")).unwrap_or_default();
            format!("a plugin{of} in the old contract judges no longer, or otherwise")
        }
    }
}

/// The word for a relation, from the new contract's point of view.
#[must_use]
pub fn relation_name(relation: Relation) -> &'static str {
    match relation {
        Relation::Equal => "equal",
        Relation::Narrower => "narrower",
        Relation::Wider => "wider",
        Relation::Incomparable => "incomparable",
        Relation::Undecided => "undecided",
    }
}

/// Whether the rules come from the same texts, imported ones included.
fn same_texts(old: &Contract, new: &Contract) -> bool {
    let same = |a: &Rule, b: &Rule| a.span == b.span && a.source.text() == b.source.text();
    old.digest == new.digest
        && old.source.text() == new.source.text()
        && old.rules.len() == new.rules.len()
        && old.rules.iter().zip(&new.rules).all(|(a, b)| same(a, b))
}

fn equal() -> Comparison {
    Comparison {
        scenario: None,
        relation: Relation::Equal,
        only_old: None,
        only_new: None,
        tightened: None,
        loosened: None,
        undecided: None,
    }
}

/// The relation of two scenarios together. What is known to get through outweighs what is not known.
fn both(a: Relation, b: Relation) -> Relation {
    match (a, b) {
        (a, b) if a == b => a,
        (Relation::Incomparable, _)
        | (_, Relation::Incomparable)
        | (Relation::Wider, Relation::Narrower)
        | (Relation::Narrower, Relation::Wider) => Relation::Incomparable,
        (Relation::Wider, Relation::Undecided) | (Relation::Undecided, Relation::Wider) => Relation::Wider,
        (Relation::Undecided, _) | (_, Relation::Undecided) => Relation::Undecided,
        (Relation::Equal, other) | (other, _) => other,
    }
}

/// Who relies on a role relies on what it refuses: to refuse less is a major change, to refuse more
/// a minor one, anything else a patch. Before 1.0.0 a minor one counts as major.
fn version_note(old: &Contract, new: &Contract, relation: Relation, other: bool) -> Option<String> {
    let (from, to) = (&old.version, &new.version);
    if to < from {
        return Some(format!("the version falls from {from} to {to}"));
    }
    let major = to.major > from.major || (from.major == 0 && to.minor > from.minor);
    let minor = to.major > from.major || to.minor > from.minor;
    let (risen, what, why) = match relation {
        Relation::Wider | Relation::Incomparable => (major, "major", "replies get through that were refused before"),
        Relation::Undecided => (major, "major", "replies may get through that were refused before"),
        Relation::Narrower => (minor, "minor", "replies are refused that got through before"),
        Relation::Equal if other => (to > from, "patch", "the contract has changed"),
        Relation::Equal => return None,
    };
    (!risen).then(|| format!("{from} → {to} should be a {what} step: {why}"))
}

#[cfg(test)]
mod tests {
    use rolecall_dsl::compile;
    use rolecall_dsl::source::Source;

    use super::*;

    fn contract(version: &str, rules: &str, more: &str) -> std::sync::Arc<Contract> {
        let text = format!(
            "role clerk {{\n version {version}\n language en\n persona \"x\"\n constraints {{ {rules} }}\n{more}\n}}\n"
        );
        let compiled = compile(&Source::new("clerk.role", &text));
        compiled.contracts.into_iter().next().unwrap_or_else(|| panic!("{:?}", compiled.findings))
    }

    // Fails when an unchanged file costs an analysis, or is anything but equal.
    #[test]
    fn a_contract_equals_itself() {
        let same = contract("1.0.0", "max_sentences 3", "");
        let change = Change::between(&same, &same);
        assert_eq!((change.relation, change.loosens()), (Relation::Equal, false));
        assert!(change.fields.is_empty() && change.version_note.is_none(), "{change:?}");
    }

    // Fails when a policy can be taken out, or loosened, and nobody is told that more may get through.
    #[test]
    fn a_policy_that_is_gone_is_not_harmless() {
        let tone = "tone: policy \"classical_tone\" { min_score 0.7 }";
        let with = contract("1.0.0", &format!("max_sentences 3 {tone}"), "");
        let without = contract("1.0.0", "max_sentences 3", "");
        let change = Change::between(&with, &without);
        assert!(change.loosens() && change.opening().is_some(), "{change:?}");
        assert!(!Change::between(&without, &with).loosens());
        let weaker = contract("1.0.0", "max_sentences 3 tone: policy \"classical_tone\" { min_score 0.1 }", "");
        assert!(Change::between(&with, &weaker).loosens());
    }

    // Fails when the replies that a change lets through are not shown.
    #[test]
    fn what_gets_through_is_shown() {
        let (two, three) = (contract("1.0.0", "max_sentences 2", ""), contract("1.0.0", "max_sentences 3", ""));
        let change = Change::between(&two, &three);
        let reply = change.opening().and_then(|it| it.only_new.clone()).unwrap();
        assert!(!two.program.check(&reply).passes() && three.program.check(&reply).passes(), "{reply}");
        assert_eq!((change.relation, Change::between(&three, &two).relation), (Relation::Wider, Relation::Narrower));
    }

    // Fails when scenarios hide one another.
    #[test]
    fn scenarios_add_up_to_the_worst() {
        use Relation::{Equal, Incomparable, Narrower, Undecided, Wider};
        for (parts, whole) in [
            (vec![Equal, Equal], Equal),
            (vec![Equal, Narrower], Narrower),
            (vec![Narrower, Wider], Incomparable),
            (vec![Wider, Undecided], Wider),
            (vec![Narrower, Undecided], Undecided),
            (vec![Equal, Wider], Wider),
            (vec![Undecided, Incomparable], Incomparable),
        ] {
            assert_eq!(parts.iter().copied().reduce(both), Some(whole), "{parts:?}");
            assert_eq!(parts.iter().rev().copied().reduce(both), Some(whole), "{parts:?} from behind");
        }
    }

    // Fails when a change beside the rules is not told, or a version step of the wrong size passes.
    #[test]
    fn other_changes_and_the_version_are_told() {
        let old = contract("1.2.0", "short: max_sentences 3", "fallback \"No.\"");
        let new = contract("1.2.0", "short: max_sentences 3 { on_violation reject }", "fallback \"Not here.\"");
        let fields: Vec<String> = fields(&old, &new).into_iter().map(|it| it.field).collect();
        assert_eq!(fields, ["fallback", "rule short: on_violation"]);
        let note = |from: &str, to: &str, relation| {
            version_note(&contract(from, "max_chars 9", ""), &contract(to, "max_chars 8", ""), relation, true)
        };
        assert!(note("1.2.0", "1.3.0", Relation::Wider).unwrap().contains("major"));
        assert!(note("1.2.0", "1.2.1", Relation::Narrower).unwrap().contains("minor"));
        assert!(note("1.2.0", "1.2.0", Relation::Equal).unwrap().contains("patch"));
        assert!(note("1.2.0", "1.1.0", Relation::Equal).unwrap().contains("falls"));
        assert_eq!(note("1.2.0", "2.0.0", Relation::Incomparable), None);
        assert_eq!(note("0.2.0", "0.3.0", Relation::Wider), None);
    }
}
