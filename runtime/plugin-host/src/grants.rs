//! `grants.toml`: what the operator grants to plugins. A plugin that needs more is refused; what nobody
//! asks for harms nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::lock::read_file;
use crate::{Capability, Isolation};

/// The file's name, in the plugin folder.
pub(crate) const NAME: &str = "grants.toml";

/// What is granted to whom. Without a file, nothing to anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Grants(BTreeMap<String, Grant>);

/// What one plugin may have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    #[serde(default)]
    pub(crate) capabilities: BTreeSet<Capability>,
    /// Whether its instances may live as long as a session, if it wishes so.
    #[serde(default)]
    pub(crate) isolation: Isolation,
}

/// Why the file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: {why}; it has a table for each plugin, such as `[calm]` with `capabilities = [\"clock\"]`, of \
     {}, and `isolation = \"session\"`", path.display(), names(&Capability::all())
)]
pub struct GrantsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub why: String,
}

impl Grants {
    /// Reads the grants of a folder.
    pub(crate) fn read(dir: &Path) -> Result<Self, GrantsError> {
        let path = dir.join(NAME);
        let text = match read_file(&path) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Self::default()),
            Err(error) => return Err(GrantsError { path, why: error.to_string() }),
        };
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count());
            GrantsError { path, why: format!("line {line}: {}", error.message()) }
        })
    }

    /// Whether something is said of a plugin.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Plugins whose grants differ from those of before.
    pub(crate) fn changed(&self, before: &Self) -> BTreeSet<String> {
        let names = self.0.keys().chain(before.0.keys());
        names.filter(|name| self.of(name) != before.of(name)).cloned().collect()
    }

    /// These as far as others grant as much.
    pub(crate) fn within(&self, others: &Self) -> Self {
        let narrowed = |(name, grant): (&String, &Grant)| {
            let other = others.of(name);
            let isolation = if other.isolation == Isolation::Call { Isolation::Call } else { grant.isolation };
            let capabilities = grant.capabilities.intersection(&other.capabilities).copied().collect();
            (name.clone(), Grant { capabilities, isolation })
        };
        Self(self.0.iter().map(narrowed).collect())
    }

    /// What is granted to a plugin.
    pub(crate) fn of(&self, name: &str) -> Grant {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

impl Grant {
    /// Everything that there is, for those who try a plugin of their own.
    pub(crate) fn all() -> Self {
        Self { capabilities: Capability::all(), isolation: Isolation::Session }
    }

    /// What is missing of what a plugin needs.
    pub(crate) fn missing(&self, needed: &BTreeSet<Capability>) -> BTreeSet<Capability> {
        needed.difference(&self.capabilities).copied().collect()
    }
}

/// "clock, kv".
pub(crate) fn names(capabilities: &BTreeSet<Capability>) -> String {
    capabilities.iter().map(|capability| capability.name()).collect::<Vec<_>>().join(", ")
}

/// The name most like one that is not there, if a slip of the finger explains the difference.
pub(crate) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(written, name);
    known.iter().copied().filter(|name| distance(name) <= (name.chars().count() / 3).max(1)).min_by_key(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Grants, GrantsError> {
        let dir = tempfile::TempDir::new().unwrap();
        std::fs::write(dir.path().join(NAME), text).unwrap();
        Grants::read(dir.path())
    }

    #[test]
    fn only_what_is_written_is_granted() {
        let grants = read("[calm]\ncapabilities = [\"kv\", \"clock\"]\n\n[wild]\nisolation = \"session\"\n").unwrap();
        assert_eq!(grants.of("calm").capabilities, [Capability::Clock, Capability::Kv].into());
        assert_eq!(grants.of("calm").isolation, Isolation::Call);
        assert_eq!(grants.of("wild").missing(&Capability::all()), Capability::all());
        assert_eq!(grants.of("wild").isolation, Isolation::Session);
        assert_eq!(grants.of("other"), Grant::default());
        assert_eq!(Grants::read(Path::new("/nowhere")), Ok(Grants::default()));
    }

    #[test]
    fn grants_can_be_narrowed_and_compared() {
        let wide = read("[a]\ncapabilities = [\"kv\", \"clock\"]\nisolation = \"session\"\n[b]\n").unwrap();
        let other = read("[a]\ncapabilities = [\"kv\", \"embed\"]\n[c]\ncapabilities = [\"kv\"]\n").unwrap();
        let narrow = wide.within(&other);
        assert_eq!(narrow.of("a"), Grant { capabilities: [Capability::Kv].into(), isolation: Isolation::Call });
        assert_eq!(
            (narrow.of("c"), other.within(&wide).of("a").capabilities),
            (Grant::default(), [Capability::Kv].into())
        );
        assert_eq!(wide.changed(&other), ["a".to_owned(), "c".to_owned()].into());
    }

    /// Fails when a slip of the finger is not recognized, or another word is taken for one.
    #[test]
    fn only_a_slip_of_the_finger_is_explained() {
        let known = ["calm", "classical_tone"];
        assert_eq!(nearest("clam", &known), Some("calm"));
        assert_eq!(nearest("clasical_tome", &known), Some("classical_tone"));
        assert_eq!(nearest("weather", &known), None);
        assert_eq!(nearest("calm", &[]), None);
    }

    /// Fails when a slip of the pen is taken for nothing.
    #[test]
    fn what_is_no_grant_is_refused() {
        for text in [
            "[calm]\ncapabilities = [\"net\"]",
            "[calm]\ncapability = [\"kv\"]",
            "[calm]\nisolation = \"thread\"",
            "calm = true",
            "[calm",
        ] {
            let said = read(text).unwrap_err().to_string();
            assert!(said.contains("grants.toml") && said.contains("clock, kv, similarity, embed"), "{said}");
        }
    }
}
