//! In how many steps a value is judged: the schemas that judge one path of it, from its top to a leaf.
//!
//! The validator remembers what a value came to under a definition only where a reference leads back to a
//! definition that it is part of, and only to say whether a value is kept. Elsewhere, and wherever it collects
//! errors, definitions that are named twice on the way down are judged twice as often at each level.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// How deep values are nested at most: deeper ones are not read.
const DEPTH: usize = 128;

/// Schemas that are looked at. A part that is referred to counts by itself and in what it is part of.
const LARGEST: usize = 20_000;

/// Upper bounds of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    /// When nothing is remembered.
    pub(super) anew: u64,
    /// When the validator remembers what it can, as often as it may be asked for before it does.
    pub(super) remembered: u64,
}

impl Steps {
    /// Those of a schema whose references were checked.
    pub(super) fn of(root: &Value) -> Self {
        let Some(plan) = Plan::of(root) else { return Self { anew: u64::MAX, remembered: u64::MAX } };
        Self { anew: plan.anew(), remembered: plan.remembered() }
    }
}

/// A schema within a definition. Parts are numbered within theirs, those inside others first.
#[derive(Debug, Default)]
struct Part {
    /// The definition that it refers to.
    reference: Option<usize>,
    /// What judges the same value.
    beside: Vec<usize>,
    members: Below,
    items: Below,
    /// `unevaluatedProperties` and its like judge the value again, once for each level of `beside`.
    looks_back: bool,
    /// How often all of this is judged.
    times: u64,
}

/// What judges the values inside.
#[derive(Debug, Default)]
struct Below {
    /// Each of these may judge one and the same value.
    each: Vec<usize>,
    /// Of these one at most does: a member has one name, an item one place.
    one: Vec<usize>,
}

impl Part {
    /// The steps of this part: `own` for itself, and those of what it consists of.
    fn steps(&self, own: u64, beside: &[u64], below: &[u64], reference: u64) -> u64 {
        let of = |steps: &[u64], part: &usize| steps.get(*part).copied().unwrap_or(0);
        let sum =
            |steps: &[u64], parts: &[usize]| parts.iter().fold(0_u64, |sum, part| sum.saturating_add(of(steps, part)));
        let deeper = |inside: &Below| {
            let one = inside.one.iter().map(|part| of(below, part)).max().unwrap_or(0);
            sum(below, &inside.each).saturating_add(one)
        };
        let here = own.saturating_add(reference).saturating_add(sum(beside, &self.beside));
        here.saturating_add(deeper(&self.members).max(deeper(&self.items))).saturating_mul(self.times)
    }
}

/// The definitions of a schema: the whole of it, and what is referred to.
struct Plan {
    definitions: Vec<Vec<Part>>,
}

impl Plan {
    fn of(root: &Value) -> Option<Self> {
        let mut reader = Reader { names: vec![""], known: BTreeMap::new(), parts: Vec::new(), left: LARGEST };
        let mut definitions = Vec::new();
        while let Some(name) = reader.names.get(definitions.len()).copied() {
            // The whole is what no reference is called.
            let pointer = name.strip_prefix('#').unwrap_or_default();
            reader.part(root.pointer(pointer)?)?;
            definitions.push(std::mem::take(&mut reader.parts));
        }
        let mut plan = Self { definitions };
        plan.repeat();
        Some(plan)
    }

    /// Sets how often each part is judged.
    fn repeat(&mut self) {
        let heights = self.heights();
        for (parts, heights) in self.definitions.iter_mut().zip(&heights) {
            for (part, height) in parts.iter_mut().zip(heights) {
                part.times = if part.looks_back { height + 1 } else { 1 };
            }
        }
    }

    /// How many schemas judge the same value inside each other, from each part on. On one value no reference
    /// leads back, so there is an end.
    fn heights(&self) -> Vec<Vec<u64>> {
        let mut heights: Vec<Vec<u64>> = self.definitions.iter().map(|parts| vec![0; parts.len()]).collect();
        for _ in 0..=self.definitions.len() {
            let before = heights.clone();
            for (parts, found) in self.definitions.iter().zip(&mut heights) {
                let mut now: Vec<u64> = Vec::with_capacity(parts.len());
                for part in parts {
                    let beside = part.beside.iter().filter_map(|at| now.get(*at)).max().copied().unwrap_or(0);
                    now.push(1 + beside.max(part.reference.map_or(0, |at| whole(&before, at))));
                }
                *found = now;
            }
            if heights == before {
                break;
            }
        }
        heights
    }

    /// The steps when every reference is followed anew, level by level from the leaves up.
    fn anew(&self) -> u64 {
        let heights = self.heights();
        let mut order: Vec<usize> = (0..self.definitions.len()).collect();
        // What a definition refers to on the same value is less high, and so comes before it.
        order.sort_by_key(|at| whole(&heights, *at));
        let mut now: Vec<Vec<u64>> = vec![Vec::new(); self.definitions.len()];
        for _ in 0..=DEPTH {
            let before = now.clone();
            for at in &order {
                let below = before.get(*at).map(Vec::as_slice).unwrap_or_default();
                let steps = self.steps(*at, 1, Some(below), |other| whole(&now, other));
                if let Some(slot) = now.get_mut(*at) {
                    *slot = steps;
                }
            }
        }
        whole(&now, 0)
    }

    /// The steps when a reference back is followed once. Which one of a ring of definitions that is depends on
    /// where the validator begins; from any of them on it meets each of them once at most, so that the ways
    /// through the ring are no more than those of all of them multiplied.
    fn remembered(&self) -> u64 {
        let reach = self.reach();
        let reaches = |from: usize, to: usize| reach.get(from).is_some_and(|found| found.contains(&to));
        let mut order: Vec<usize> = (0..self.definitions.len()).collect();
        // What is reached reaches less, or it is a ring, and as much is reached from it as from here.
        order.sort_by_key(|at| (reach.get(*at).map_or(0, BTreeSet::len), !reaches(*at, *at)));
        let mut known: Vec<Option<u64>> = vec![None; self.definitions.len()];
        for at in order {
            if known.get(at).is_some_and(Option::is_some) {
                continue;
            }
            let ring: BTreeSet<usize> =
                (0..self.definitions.len()).filter(|other| reaches(at, *other) && reaches(*other, at)).collect();
            let (mut ways, mut steps) = (1_u64, 0_u64);
            let members = if ring.is_empty() { BTreeSet::from([at]) } else { ring.clone() };
            for member in members.iter().copied() {
                let inside = self.steps(member, 0, None, |other| u64::from(ring.contains(&other)));
                let all = self.steps(member, 1, None, |other| match known.get(other) {
                    Some(Some(steps)) if !ring.contains(&other) => *steps,
                    _ => 1,
                });
                ways = ways.saturating_mul(inside.last().copied().unwrap_or(1).max(1));
                steps = steps.saturating_add(all.last().copied().unwrap_or(1));
            }
            for member in members {
                if let Some(slot) = known.get_mut(member) {
                    *slot = Some(ways.saturating_mul(steps));
                }
            }
        }
        known.first().copied().flatten().unwrap_or(u64::MAX)
    }

    /// The definitions that each leads to.
    fn reach(&self) -> Vec<BTreeSet<usize>> {
        let next: Vec<BTreeSet<usize>> =
            self.definitions.iter().map(|parts| parts.iter().filter_map(|part| part.reference).collect()).collect();
        let from = |start: usize| {
            let (mut found, mut open) = (BTreeSet::new(), vec![start]);
            while let Some(at) = open.pop() {
                open.extend(next.get(at).into_iter().flatten().copied().filter(|other| found.insert(*other)));
            }
            found
        };
        (0..next.len()).map(from).collect()
    }

    /// The steps of every part of a definition; `below` are those of its parts for what is inside a value, or
    /// else they are the same.
    fn steps(&self, at: usize, own: u64, below: Option<&[u64]>, reference: impl Fn(usize) -> u64) -> Vec<u64> {
        let parts = self.definitions.get(at).map(Vec::as_slice).unwrap_or_default();
        let mut steps: Vec<u64> = Vec::with_capacity(parts.len());
        for part in parts {
            let referred = part.reference.map_or(0, &reference);
            steps.push(part.steps(own, &steps, below.unwrap_or(&steps), referred));
        }
        steps
    }
}

/// What a whole definition has: its last part is all of it.
fn whole(of: &[Vec<u64>], at: usize) -> u64 {
    of.get(at).and_then(|parts| parts.last()).copied().unwrap_or(0)
}

/// Reads the definitions one after the other.
struct Reader<'s> {
    /// The references met, and the whole as the first.
    names: Vec<&'s str>,
    known: BTreeMap<&'s str, usize>,
    parts: Vec<Part>,
    left: usize,
}

impl<'s> Reader<'s> {
    /// Reads a schema, and gives its number; `None` when there are too many.
    fn part(&mut self, schema: &'s Value) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let mut part = Part::default();
        for (word, value) in schema.as_object().into_iter().flatten() {
            self.word(&mut part, word, value)?;
        }
        self.parts.push(part);
        Some(self.parts.len() - 1)
    }

    fn word(&mut self, part: &mut Part, word: &str, value: &'s Value) -> Option<()> {
        part.looks_back |= matches!(word, "unevaluatedProperties" | "unevaluatedItems");
        let into = match word {
            "$ref" => {
                part.reference = value.as_str().map(|name| self.reference(name));
                return Some(());
            }
            "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" | "dependentSchemas" | "dependencies" => {
                &mut part.beside
            }
            "properties" | "additionalProperties" | "unevaluatedProperties" => &mut part.members.one,
            "patternProperties" | "propertyNames" => &mut part.members.each,
            "items" | "prefixItems" | "additionalItems" | "unevaluatedItems" => &mut part.items.one,
            "contains" => &mut part.items.each,
            _ => return Some(()),
        };
        let named = ["dependentSchemas", "dependencies", "properties", "patternProperties"].contains(&word);
        match value {
            Value::Array(schemas) => {
                for schema in schemas {
                    into.push(self.part(schema)?);
                }
            }
            Value::Object(members) if named => {
                for schema in members.values() {
                    into.push(self.part(schema)?);
                }
            }
            schema => into.push(self.part(schema)?),
        }
        Some(())
    }

    fn reference(&mut self, name: &'s str) -> usize {
        *self.known.entry(name).or_insert_with(|| {
            self.names.push(name);
            self.names.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Steps;

    /// Definitions of which each names the next as `link` says, and the last one `last`.
    fn chain(length: usize, last: &Value, link: impl Fn(Value) -> Value) -> Value {
        let next = |at: usize| json!({"$ref": format!("#/$defs/d{}", at + 1)});
        let mut definitions: serde_json::Map<String, Value> =
            (0..length).map(|at| (format!("d{at}"), link(next(at)))).collect();
        definitions.insert(format!("d{length}"), last.clone());
        json!({"$ref": "#/$defs/d0", "$defs": definitions})
    }

    /// Fails when the steps are counted too low: each level below is met by both of these.
    #[test]
    fn what_doubles_at_each_level_is_many_steps() {
        let twice = |word: &str, next: &Value| json!({"properties": {"a": {word: [next, next]}}});
        for word in ["allOf", "anyOf", "oneOf"] {
            let open = Steps::of(&chain(40, &json!({"type": "string"}), |next| twice(word, &next)));
            assert!(open.anew > 1 << 40 && open.remembered > 1 << 40, "{word} {open:?}");
            // A ring remembers only where it closes.
            let ring = Steps::of(&chain(40, &json!({"$ref": "#/$defs/d0"}), |next| twice(word, &next)));
            assert!(ring.anew > 1 << 40 && ring.remembered > 1 << 40, "{word} {ring:?}");
        }
        let back = |next: Value| json!({"properties": {"a": {"anyOf": [next]}}, "unevaluatedProperties": false});
        assert!(Steps::of(&chain(40, &json!({}), back)).remembered > 1 << 40);
        // None of these leads back twice, and yet there are as many ways down as choices where to go on.
        let further = |at: usize| {
            let references = [at, at + 1].map(|to| json!({"$ref": format!("#/$defs/d{to}")}));
            (format!("d{at}"), json!({"items": {"allOf": references}}))
        };
        let mut definitions: serde_json::Map<String, Value> = (0..40).map(further).collect();
        definitions.insert("d40".to_owned(), json!({}));
        let steps = Steps::of(&json!({"$ref": "#/$defs/d0", "$defs": definitions}));
        assert!(steps.anew > 1 << 40 && steps.remembered < 1_000, "{steps:?}");
    }

    /// Fails when schemas are refused that are judged at once.
    #[test]
    fn what_goes_on_once_is_few_steps() {
        let tree = json!({"type": "object", "additionalProperties": {"$ref": "#"},
            "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "all": {"items": {"$ref": "#"}}}});
        let steps = Steps::of(&tree);
        assert!(steps.anew < 1_000 && steps.remembered < 100, "{steps:?}");
        let twice = json!({"anyOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}]});
        let steps = Steps::of(&twice);
        assert!(steps.anew > 1 << 40 && steps.remembered < 100, "{steps:?}");
    }
}
