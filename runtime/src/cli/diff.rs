//! `rolecall diff OLD NEW`: what a new version of a contract lets through.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, ValueEnum};
use rolecall_dsl::Contract;
use rolecall_dsl::conflict::{Comparison, Relation};
use rolecall_dsl::diagnostic::{Format as Findings, render as render_findings};
use serde_json::{Value, json};

use super::{DONE, ERRORS, output, print};
use crate::contracts::{Change, Folders, check_sources, opening_words, read_source, relation_name, role_files};

/// Compares two versions of contracts. Exit code 0: nothing new gets through; 1: something does, or
/// may; 2: they cannot be compared.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// The old version: a file or a folder.
    old: PathBuf,
    /// The new version.
    new: PathBuf,
    /// Only this role.
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Results that are fine although something new may get through.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "RESULT")]
    allow: Vec<Allow>,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// One JSON object.
    Json,
}

/// A result that is fine although something new may get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Allow {
    /// The new contract allows more.
    Wider,
    /// Each allows what the other refuses.
    Incomparable,
    /// The analysis gave up.
    Undecided,
}

/// The roles of both sides.
#[derive(Debug, Default)]
struct Diff {
    both: Vec<(Arc<Contract>, Arc<Contract>, Change)>,
    added: Vec<String>,
    removed: Vec<String>,
}

pub(super) fn run(args: &DiffArgs) -> anyhow::Result<u8> {
    let only = args.role.as_deref();
    let (old, new) = (roles(&args.old, only)?, roles(&args.new, only)?);
    if let Some(role) = only
        && !old.contains_key(role)
        && !new.contains_key(role)
    {
        bail!("neither {} nor {} declares the role `{role}`", args.old.display(), args.new.display());
    }
    let diff = Diff::of(&old, &new);
    print(&match args.format {
        Format::Human => diff.human(),
        Format::Json => format!("{:#}\n", diff.json()),
    })?;
    let fine = |relation| match relation {
        Relation::Equal | Relation::Narrower => true,
        Relation::Wider => args.allow.contains(&Allow::Wider),
        Relation::Incomparable => args.allow.contains(&Allow::Incomparable),
        Relation::Undecided => args.allow.contains(&Allow::Undecided),
    };
    Ok(if diff.both.iter().all(|(_, _, change)| fine(change.relation)) { DONE } else { ERRORS })
}

/// The roles of one side, or only one of them. A contract with errors has no meaning to compare.
fn roles(path: &Path, only: Option<&str>) -> anyhow::Result<BTreeMap<String, Arc<Contract>>> {
    let sources: Vec<_> = role_files(path)?.iter().map(|file| read_source(file)).collect();
    let checked = check_sources(&sources, &Folders::of(&[path.to_owned()]));
    let wanted = |role: &str| only.is_none_or(|only| only == role);
    let refused: Vec<_> = checked.refused.values().filter(|refused| wanted(&refused.role)).collect();
    if !refused.is_empty() {
        for refused in &refused {
            output::complain(render_findings(&refused.findings, Findings::Short).trim_end());
        }
        bail!("contracts of {} have errors and cannot be compared; `rolecall verify` explains them", path.display());
    }
    let roles: BTreeMap<_, _> = checked.roles.into_iter().filter(|(role, _)| wanted(role)).collect();
    if roles.is_empty() && only.is_none() {
        bail!("{} declares no role", path.display());
    }
    Ok(roles)
}

impl Diff {
    fn of(old: &BTreeMap<String, Arc<Contract>>, new: &BTreeMap<String, Arc<Contract>>) -> Self {
        let mut diff = Self::default();
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            match (old.get(name), new.get(name)) {
                (Some(old), Some(new)) => {
                    diff.both.push((Arc::clone(old), Arc::clone(new), Change::between(old, new)));
                }
                (Some(_), None) => diff.removed.push(name.clone()),
                (None, _) => diff.added.push(name.clone()),
            }
        }
        diff
    }

    fn human(&self) -> String {
        let mut out = String::new();
        for (old, new, change) in &self.both {
            // Writing to a string cannot fail.
            let _infallible = role(&mut out, old, new, change);
        }
        for (word, names) in [("added", &self.added), ("removed", &self.removed)] {
            for name in names {
                let _infallible = writeln!(out, "{name}: {word}");
            }
        }
        out
    }

    fn json(&self) -> Value {
        let roles = self.both.iter().map(|(old, new, change)| {
            let scenarios = change.comparisons.iter().map(|it| {
                json!({
                    "scenario": it.scenario,
                    "relation": relation_name(it.relation),
                    "only_old": it.only_old,
                    "only_new": it.only_new,
                    "loosened": it.loosened.as_deref(),
                    "tightened": it.tightened.as_deref(),
                    "undecided": it.undecided,
                })
            });
            let fields = change.fields.iter();
            let fields = fields.map(|it| json!({"field": it.field, "old": it.old, "new": it.new}));
            json!({
                "role": new.name,
                "old_version": old.version.to_string(),
                "new_version": new.version.to_string(),
                "relation": relation_name(change.relation),
                "scenarios": scenarios.collect::<Vec<_>>(),
                "changes": fields.collect::<Vec<_>>(),
                "version_note": change.version_note,
            })
        });
        json!({"roles": roles.collect::<Vec<_>>(), "added": self.added, "removed": self.removed})
    }
}

fn role(out: &mut String, old: &Contract, new: &Contract, change: &Change) -> std::fmt::Result {
    let versions = if old.version == new.version {
        format!("{}", old.version)
    } else {
        format!("{} → {}", old.version, new.version)
    };
    writeln!(out, "{} {versions}: {}", new.name, sentence(change.relation))?;
    for comparison in &change.comparisons {
        scenario(out, comparison, change.comparisons.len() > 1)?;
    }
    for field in change.fields.iter().filter(|it| it.field != "version") {
        let shown = |value: &Option<String>| value.as_ref().map_or_else(|| "nothing".to_owned(), |text| short(text));
        writeln!(out, "  changed  {}: {} → {}", field.field, shown(&field.old), shown(&field.new))?;
    }
    match &change.version_note {
        Some(note) => writeln!(out, "  note     {note}"),
        None => Ok(()),
    }
}

fn scenario(out: &mut String, comparison: &Comparison, named: bool) -> std::fmt::Result {
    if named {
        let scenario = comparison.scenario.as_deref().unwrap_or("without a condition");
        writeln!(out, "  {:<8} {scenario}", relation_name(comparison.relation))?;
    }
    if let Some(reply) = &comparison.only_new {
        let by = refused_by("the old one", comparison.loosened.as_deref());
        writeln!(out, "  + only the new contract allows: {reply}{by}")?;
    }
    if let Some(reply) = &comparison.only_old {
        let by = refused_by("the new one", comparison.tightened.as_deref());
        writeln!(out, "  - only the old contract allows: {reply}{by}")?;
    }
    let opens = !matches!(comparison.relation, Relation::Equal | Relation::Narrower);
    match &comparison.undecided {
        Some(why) => writeln!(out, "  ? {why}"),
        None if opens && comparison.only_new.is_none() => writeln!(out, "  ? {}", opening_words(comparison)),
        None => Ok(()),
    }
}

/// The rule that refuses a reply, on a line of its own: a reply may end in anything.
fn refused_by(side: &str, rule: Option<&str>) -> String {
    rule.map(|rule| format!("\n    {side} refuses it by `{rule}`")).unwrap_or_default()
}

fn sentence(relation: Relation) -> &'static str {
    match relation {
        Relation::Equal => "equal, both allow the same replies",
        Relation::Narrower => "narrower, the new contract allows less",
        Relation::Wider => "WIDER, the new contract allows what the old one refuses",
        Relation::Incomparable => "INCOMPARABLE, each allows what the other refuses",
        Relation::Undecided => "UNDECIDED, the analysis gave up",
    }
}

/// The first line of a text, cut at 60 characters.
fn short(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let cut: String = line.chars().take(60).collect();
    if cut.len() < text.trim().len() { format!("\"{cut}…\"") } else { format!("\"{cut}\"") }
}

#[cfg(test)]
mod tests {
    use rolecall_dsl::compile;
    use rolecall_dsl::source::Source;

    use super::*;

    fn contract(text: &str) -> Arc<Contract> {
        let text = format!("role clerk {{\n version 1.0.0\n language en\n {text}\n}}\n");
        compile(&Source::new("clerk.role", &text)).contracts.into_iter().next().unwrap()
    }

    // Fails when a counterexample, a scenario or the version's note is not shown.
    #[test]
    fn the_result_shows_the_replies() {
        let (old, new) = (contract("persona \"x\""), contract("persona \"y\""));
        let comparison = |scenario: Option<&str>, relation| Comparison {
            scenario: scenario.map(str::to_owned),
            relation,
            only_old: None,
            only_new: (relation == Relation::Wider).then(|| "One. Two.".to_owned()),
            tightened: None,
            loosened: (relation == Relation::Wider).then(|| "short".into()),
            undecided: None,
        };
        let mut change = Change::between(&old, &new);
        change.relation = Relation::Wider;
        change.comparisons =
            vec![comparison(None, Relation::Equal), comparison(Some("intent refund"), Relation::Wider)];
        change.version_note = Some("1.0.0 should rise".to_owned());
        let diff = Diff { both: vec![(old, new, change)], added: vec!["late".to_owned()], removed: Vec::new() };
        let shown = diff.human();
        for part in [
            "clerk 1.0.0: WIDER",
            "  wider    intent refund\n  + only the new contract allows: One. Two.\n    the old one refuses it by `short`",
            "  changed  persona: \"x\" → \"y\"",
            "  note     1.0.0 should rise",
            "late: added",
        ] {
            assert!(shown.contains(part), "no {part:?} in\n{shown}");
        }
        let json = diff.json();
        let opened = &json["roles"][0]["scenarios"][1];
        assert_eq!((&opened["only_new"], &opened["loosened"]), (&json!("One. Two."), &json!("short")));
        assert_eq!((&json["roles"][0]["relation"], &json["added"][0]), (&json!("wider"), &json!("late")));
    }
}
