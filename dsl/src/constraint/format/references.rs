//! The references of a schema: judging a value must come to an end.

use std::collections::BTreeSet;

use serde_json::Value;

/// References that may lead on to each other on the same value.
const CHAIN: usize = 16;

/// References of one schema.
const MOST: usize = 256;

/// Why the references of a schema cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("the reference `{0}` leads back to itself without going deeper into the value")]
    Endless(String),
    #[error("the reference `{0}` is followed by more than {CHAIN} others on the same value")]
    Long(String),
    #[error("the reference `{0}` does not name a part of this schema")]
    Elsewhere(String),
    #[error("the schema uses `{0}`, which is not followed here")]
    Word(&'static str),
    #[error("the schema has more than {MOST} references")]
    Many,
}

impl Problem {
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Endless(_) => "put it under `properties` or `items`",
            Self::Long(_) | Self::Many => "write some of them out",
            Self::Elsewhere(_) | Self::Word(_) => "references are written `#/$defs/name`",
        }
    }
}

/// The words under which a schema judges the same value again.
const IN_PLACE: [&str; 7] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"];

/// Checks every reference of a schema.
pub(super) fn check(root: &Value) -> Result<(), Problem> {
    let mut walk = Walk { root, path: Vec::new(), done: BTreeSet::new() };
    let mut parts = vec![root];
    let mut references = 0;
    while let Some(part) = parts.pop() {
        if let Value::Object(members) = part {
            for word in ["$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor"] {
                if members.get(word).is_some_and(Value::is_string) {
                    return Err(Problem::Word(word));
                }
            }
            if members.get("$id").is_some_and(Value::is_string) && !std::ptr::eq(part, root) {
                return Err(Problem::Word("$id"));
            }
            references += usize::from(members.get("$ref").is_some_and(Value::is_string));
            if references > MOST {
                return Err(Problem::Many);
            }
            parts.extend(members.values());
        } else if let Value::Array(items) = part {
            parts.extend(items);
        }
        walk.follow(part)?;
    }
    Ok(())
}

struct Walk<'s> {
    root: &'s Value,
    /// The references followed to get here.
    path: Vec<&'s str>,
    /// References that come to an end.
    done: BTreeSet<&'s str>,
}

impl<'s> Walk<'s> {
    fn follow(&mut self, schema: &'s Value) -> Result<(), Problem> {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            self.reference(reference)?;
        }
        for part in IN_PLACE.iter().filter_map(|word| schema.get(*word)) {
            let parts = part.as_array().map_or_else(|| std::slice::from_ref(part), Vec::as_slice);
            parts.iter().try_for_each(|part| self.follow(part))?;
        }
        Ok(())
    }

    fn reference(&mut self, reference: &'s str) -> Result<(), Problem> {
        if self.done.contains(reference) {
            return Ok(());
        }
        if self.path.contains(&reference) {
            return Err(Problem::Endless(reference.to_owned()));
        }
        if self.path.len() >= CHAIN {
            return Err(Problem::Long(reference.to_owned()));
        }
        let pointer = reference.strip_prefix('#').filter(|pointer| !pointer.contains('%'));
        let Some(target) = pointer.and_then(|pointer| self.root.pointer(pointer)) else {
            return Err(Problem::Elsewhere(reference.to_owned()));
        };
        self.path.push(reference);
        self.follow(target)?;
        self.path.pop();
        self.done.insert(reference);
        Ok(())
    }
}
