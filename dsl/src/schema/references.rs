//! The references of a schema: judging a value must come to an end.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// References that may lead on to each other on the same value.
const CHAIN: usize = 16;

/// References of one schema.
const MOST: usize = 256;

/// Schemas that judge one and the same value, every reference written out. The chain and the count do not
/// bound it: eight references to a definition with eight references to a third are 64 copies of that one.
const LARGEST: usize = 10_000;

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
    #[error("with `{0}`, more than {LARGEST} schemas judge the same value, every reference written out")]
    Large(String),
}

impl Problem {
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Endless(_) => "put it under `properties` or `items`",
            Self::Long(_) | Self::Many => "write some of them out",
            Self::Elsewhere(_) | Self::Word(_) => "references are written `#/$defs/name`",
            Self::Large(_) => {
                "give `allOf`, `anyOf` and `oneOf` fewer alternatives, or name each definition once in them"
            }
        }
    }

    /// The reference that it is about.
    pub(super) fn reference(&self) -> Option<&str> {
        match self {
            Self::Endless(name) | Self::Long(name) | Self::Elsewhere(name) | Self::Large(name) => Some(name),
            Self::Word(_) | Self::Many => None,
        }
    }
}

/// The words under which a schema judges the same value again.
const IN_PLACE: [&str; 7] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"];

/// The words whose members each hold a schema that judges the same value again.
const IN_PLACE_MEMBERS: [&str; 2] = ["dependentSchemas", "dependencies"];

/// Checks every reference of a schema.
pub(super) fn check(root: &Value) -> Result<(), Problem> {
    let mut walk = Walk { root, path: Vec::new(), last: "#", done: BTreeMap::new() };
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
    /// The reference that was met last; `#` before the first.
    last: &'s str,
    /// References that come to an end, and how many schemas each stands for.
    done: BTreeMap<&'s str, usize>,
}

impl<'s> Walk<'s> {
    /// How many schemas judge a value together with this one, itself among them.
    fn follow(&mut self, schema: &'s Value) -> Result<usize, Problem> {
        let mut size = 1_usize;
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            size = size.saturating_add(self.reference(reference)?);
        }
        let listed = IN_PLACE
            .iter()
            .filter_map(|word| schema.get(*word))
            .flat_map(|part| part.as_array().map_or_else(|| std::slice::from_ref(part), Vec::as_slice));
        let named = IN_PLACE_MEMBERS.iter().filter_map(|word| schema.get(*word)?.as_object()).flat_map(Map::values);
        for part in listed.chain(named) {
            size = size.saturating_add(self.follow(part)?);
            if size > LARGEST {
                break;
            }
        }
        if size > LARGEST { Err(Problem::Large(self.last.to_owned())) } else { Ok(size) }
    }

    fn reference(&mut self, reference: &'s str) -> Result<usize, Problem> {
        self.last = reference;
        if let Some(size) = self.done.get(reference) {
            return Ok(*size);
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
        let size = self.follow(target)?;
        self.path.pop();
        self.done.insert(reference, size);
        Ok(size)
    }
}
