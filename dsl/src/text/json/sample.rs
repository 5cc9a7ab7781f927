//! Small values that keep a JSON Schema.

use std::cell::Cell;

use serde_json::{Map, Number, Value, json};

use super::budget::{Budget, length, weight};
use crate::text::sample::samples;

/// Schemas nested deeper than this get no sample.
const DEPTH: usize = 12;

/// Members, items and characters of one sample, at most.
const MOST: u64 = 256;

/// Members of `enum` and alternatives of `anyOf` and `oneOf` that are tried; behind a choice, those of the
/// next share this number.
const CHOICES: usize = 16;

/// Values that may keep the schema, small ones first. They are guesses: whoever uses one asks the
/// validator. All of them together have one [`Budget`]; what would go over it is not guessed.
#[must_use]
pub fn guesses(schema: &Value) -> Vec<Value> {
    let shortest = |letter, optional| (letter, optional, None);
    let picked = (0..CHOICES).flat_map(|pick| [('a', false, Some(pick)), ('a', true, Some(pick))]);
    let first = [shortest('a', false), shortest('a', true)];
    let last = [shortest('好', false), shortest('好', true)];
    let mut left = Budget::ALL;
    let mut found: Vec<Value> = Vec::new();
    for (letter, optional, pick) in first.into_iter().chain(picked).chain(last) {
        // Half of what is left, so that one try that finds nothing does not end the others.
        let share = left.half();
        let guess = Guess { root: schema, letter, optional, left: Cell::new(share) };
        found.extend(guess.value(schema, DEPTH, pick).filter(|value| !found.contains(value)));
        left = left.without(share, guess.left.get());
    }
    found.sort_by_cached_key(length);
    found
}

#[derive(Debug)]
struct Guess<'s> {
    root: &'s Value,
    /// What texts are made of.
    letter: char,
    /// Whether members are given that are not required.
    optional: bool,
    left: Cell<Budget>,
}

impl Guess<'_> {
    fn spend(&self, nodes: usize, bytes: usize, work: usize) -> Option<()> {
        let left = self.left.get().spend(nodes, bytes, work);
        // Whatever was too much ends this guess: nothing further is weighed for it.
        self.left.set(left.unwrap_or(Budget::NONE));
        left.map(|_| ())
    }

    /// A member of the schema as it is.
    fn copy(&self, value: &Value) -> Option<Value> {
        self.spend(weight(value), length(value), 0)?;
        Some(value.clone())
    }

    /// A guess for the schema. At a choice it takes the alternative that `pick` names, what remains of `pick`
    /// names one at the next choice inside; without one it takes the shortest.
    fn value(&self, schema: &Value, depth: usize, pick: Option<usize>) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        self.spend(1, 0, 0)?;
        let Value::Object(schema) = schema else {
            return (schema != &Value::Bool(false)).then_some(Value::Null);
        };
        if let Some(value) = schema.get("const") {
            return self.copy(value);
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            if let Some(pick) = pick {
                return self.copy(values.get(pick.checked_rem(values.len())?)?);
            }
            self.spend(0, 0, values.iter().map(weight).sum())?;
            return self.copy(values.iter().min_by_key(|value| length(value))?);
        }
        if let Some(Value::String(reference)) = schema.get("$ref") {
            let target = self.root.pointer(reference.strip_prefix('#')?)?;
            return self.value(target, depth, pick);
        }
        for any in ["anyOf", "oneOf"] {
            if let Some(Value::Array(choices)) = schema.get(any) {
                let guess = |choice, pick| self.value(&self.merged(schema, choice, any)?, depth, pick);
                let Some(pick) = pick else {
                    let guesses = choices.iter().filter_map(|choice| guess(choice, None));
                    return guesses.min_by_key(length);
                };
                let choice = choices.get(pick.checked_rem(choices.len())?)?;
                return guess(choice, pick.checked_div(choices.len()));
            }
        }
        if let Some(Value::Array(parts)) = schema.get("allOf") {
            let mut whole = self.merged(schema, &Value::Null, "allOf")?;
            for part in parts {
                if let Value::Object(sofar) = &whole {
                    whole = self.merged(sofar, part, "allOf")?;
                }
            }
            return self.value(&whole, depth, pick);
        }
        self.typed(kind(schema)?, schema, depth, pick)
    }

    fn typed(&self, kind: &str, schema: &Map<String, Value>, depth: usize, pick: Option<usize>) -> Option<Value> {
        match kind {
            "object" => self.object(schema, depth, pick),
            "array" => self.array(schema, depth, pick),
            "string" => Some(Value::String(self.text(schema)?)),
            "integer" => Some(Value::Number(number(schema, true)?)),
            "number" => Some(Value::Number(number(schema, false)?)),
            "boolean" => Some(Value::Bool(true)),
            "null" => Some(Value::Null),
            _ => None,
        }
    }

    fn object(&self, schema: &Map<String, Value>, depth: usize, pick: Option<usize>) -> Option<Value> {
        let anything = json!({});
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let mut made = Map::new();
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for name in required {
            self.spend(0, name.len(), 0)?;
            made.insert(name.to_owned(), self.value(properties.get(name).unwrap_or(&anything), depth, pick)?);
        }
        let least = bounded(schema, "minProperties");
        for (name, property) in properties {
            if (self.optional || (made.len() as u64) < least) && !made.contains_key(name) {
                self.spend(0, name.len(), 0)?;
                made.extend(self.value(property, depth, pick).map(|value| (name.clone(), value)));
            }
        }
        let extra = schema.get("additionalProperties").unwrap_or(&anything);
        for number in 1..=MOST {
            if made.len() as u64 >= least {
                break;
            }
            made.insert(format!("{}{number}", self.letter), self.value(extra, depth, pick)?);
        }
        Some(Value::Object(made))
    }

    fn array(&self, schema: &Map<String, Value>, depth: usize, pick: Option<usize>) -> Option<Value> {
        let anything = json!({});
        let first = schema.get("prefixItems").and_then(Value::as_array);
        let rest = schema.get("items").unwrap_or(&anything);
        let least = bounded(schema, "minItems").max(u64::from(schema.contains_key("contains")));
        let mut made: Vec<Value> = Vec::new();
        for index in 0..usize::try_from(least).ok()? {
            let item = first.and_then(|first| first.get(index)).unwrap_or(schema.get("contains").unwrap_or(rest));
            let mut value = self.value(item, depth, pick)?;
            if schema.get("uniqueItems") == Some(&Value::Bool(true)) && made.contains(&value) {
                value = different(value, index)?;
            }
            made.push(value);
        }
        Some(Value::Array(made))
    }

    fn text(&self, schema: &Map<String, Value>) -> Option<String> {
        if let Some(Value::String(pattern)) = schema.get("pattern") {
            self.spend(0, 0, pattern.len())?;
            let text = samples(pattern, "", 1).into_iter().next()?;
            self.spend(0, text.len(), 0)?;
            return Some(text);
        }
        let known = match schema.get("format").and_then(Value::as_str) {
            Some("date") => "2024-01-01",
            Some("date-time") => "2024-01-01T00:00:00Z",
            Some("time") => "00:00:00Z",
            Some("email") => "a@example.org",
            Some("uri" | "url") => "https://example.org/",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            _ => {
                let count = usize::try_from(bounded(schema, "minLength")).ok()?;
                self.spend(0, count.checked_mul(self.letter.len_utf8())?, 0)?;
                return Some(std::iter::repeat_n(self.letter, count).collect());
            }
        };
        self.spend(0, known.len(), 0)?;
        Some(known.to_owned())
    }

    /// What [`merged`] makes of the two, if there is work left for it.
    fn merged(&self, schema: &Map<String, Value>, part: &Value, word: &str) -> Option<Value> {
        self.spend(0, 0, 1)?;
        let kept = schema.iter().filter(|(name, _)| *name != word && !DEFINITIONS.contains(&name.as_str()));
        self.spend(0, 0, kept.map(|(_, value)| weight(value)).sum::<usize>().saturating_add(weight(part)))?;
        Some(merged(schema, part, word))
    }
}

/// The type that a schema asks for, or that its words are about.
fn kind(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => return Some(kind),
        Some(Value::Array(kinds)) => return kinds.first()?.as_str(),
        _ => {}
    }
    let about = [
        ("object", ["properties", "required", "minProperties", "additionalProperties"]),
        ("array", ["items", "minItems", "prefixItems", "contains"]),
        ("string", ["minLength", "maxLength", "pattern", "format"]),
        ("number", ["minimum", "maximum", "exclusiveMinimum", "multipleOf"]),
    ];
    let found = about.iter().find(|(_, words)| words.iter().any(|word| schema.contains_key(*word)));
    Some(found.map_or("null", |(kind, _)| kind))
}

/// A lower bound, as far as samples follow it.
fn bounded(schema: &Map<String, Value>, word: &str) -> u64 {
    schema.get(word).and_then(Value::as_u64).unwrap_or(0).min(MOST)
}

/// The words that hold definitions; references find them from the root.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];

/// The schema without `word`, with what `part` says.
fn merged(schema: &Map<String, Value>, part: &Value, word: &str) -> Value {
    let kept = schema.iter().filter(|(name, _)| *name != word && !DEFINITIONS.contains(&name.as_str()));
    let mut whole: Map<String, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    for (name, value) in part.as_object().into_iter().flatten() {
        match (whole.get_mut(name), value) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                old.extend(new.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
            (Some(Value::Array(old)), Value::Array(new)) if name == "required" => old.extend(new.iter().cloned()),
            _ => {
                whole.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(whole)
}

fn number(schema: &Map<String, Value>, whole: bool) -> Option<Number> {
    let bound = |word: &str| schema.get(word).and_then(Value::as_f64);
    let step = bound("multipleOf").filter(|step| *step > 0.0).unwrap_or(if whole { 1.0 } else { 0.5 });
    let least = bound("minimum").into_iter().chain(bound("exclusiveMinimum")).reduce(f64::max);
    let most = bound("maximum").into_iter().chain(bound("exclusiveMaximum")).reduce(f64::min);
    let fits = |x: &f64| {
        bound("minimum").is_none_or(|bound| *x >= bound)
            && bound("exclusiveMinimum").is_none_or(|bound| *x > bound)
            && bound("maximum").is_none_or(|bound| *x <= bound)
            && bound("exclusiveMaximum").is_none_or(|bound| *x < bound)
    };
    let near =
        |x: f64| [(x / step).ceil() * step, (x / step).ceil() * step + step, (x / step).floor() * step - step, x];
    let between = least.zip(most).map(|(least, most)| f64::midpoint(least, most));
    let tried = [0.0].into_iter().chain(least.into_iter().chain(most).flat_map(near)).chain(between.filter(|_| !whole));
    let found = tried.into_iter().find(fits)?;
    #[allow(clippy::cast_possible_truncation, reason = "compared with the number that was cut")]
    let integer = found as i64;
    #[allow(clippy::cast_precision_loss, reason = "an inexact one is not taken")]
    if integer as f64 == found { Some(Number::from(integer)) } else { Number::from_f64(found) }
}

/// Another value of the same type.
fn different(value: Value, index: usize) -> Option<Value> {
    match value {
        Value::String(text) => Some(Value::String(format!("{text}{index}"))),
        Value::Number(number) => Some(Value::from(number.as_i64()?.checked_add(i64::try_from(index).ok()?)?)),
        Value::Bool(flag) => Some(Value::Bool(!flag)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(schema: &Value) -> Vec<String> {
        guesses(schema).iter().map(Value::to_string).collect()
    }

    /// Without a budget this would make two million numbers.
    #[test]
    fn a_value_beyond_the_budget_is_not_guessed() {
        let nested = |count: u64| {
            let inner = json!({"type": "array", "minItems": count, "items": {"type": "integer"}});
            let middle = json!({"type": "array", "minItems": count, "items": inner});
            json!({"type": "array", "minItems": count, "items": middle})
        };
        assert_eq!(guesses(&nested(128)), Vec::<Value>::new());
        assert_eq!(guesses(&nested(5)).len(), 1);
        let wide = json!({"type": "array", "minItems": 200, "items": {"type": "string", "minLength": 256}});
        assert_eq!(guesses(&wide), Vec::<Value>::new());
        // One that is too large leaves room for the others.
        assert_eq!(written(&json!({"anyOf": [nested(128), {"const": 7}]})), ["7"]);
    }

    /// All guesses together stay within what one call may make.
    #[test]
    fn guesses_share_one_budget() {
        let items = json!({"enum": (0..16).collect::<Vec<u8>>()});
        let all = guesses(&json!({"type": "array", "minItems": 250, "items": items}));
        assert!(!all.is_empty());
        assert!(all.iter().map(weight).sum::<usize>() <= 4_000);
        assert!(all.iter().map(length).sum::<usize>() <= 64 << 10);
    }

    #[test]
    fn every_choice_is_offered_up_to_a_bound() {
        assert_eq!(written(&json!({"enum": ["long", "b", 3]})), ["3", "\"b\"", "\"long\""]);
        assert_eq!(written(&json!({"anyOf": [{"const": 1}, {"const": 22}]})), ["1", "22"]);
        // A choice behind a choice: each pair.
        let inner = json!([{"enum": [1, 2]}, {"enum": [3, 4]}]);
        assert_eq!(written(&json!({"oneOf": inner})), ["1", "3", "2", "4"]);
        let member = json!({"properties": {"a": {"enum": [true, null]}}});
        assert_eq!(written(&member), ["{}", r#"{"a":true}"#, r#"{"a":null}"#]);
        let many: Vec<usize> = (10..60).collect();
        assert_eq!(guesses(&json!({"enum": many})).len(), CHOICES);
    }
}
