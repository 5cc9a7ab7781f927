//! Small values that keep a JSON Schema.

use serde_json::{Map, Number, Value, json};

use crate::text::sample::samples;

/// Schemas nested deeper than this get no sample.
const DEPTH: usize = 12;

/// Members, items and characters of one sample, at most.
const MOST: u64 = 256;

/// Values that may keep the schema, small ones first. They are guesses: whoever uses one asks the
/// validator.
#[must_use]
pub fn guesses(schema: &Value) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for (letter, optional) in [('a', false), ('好', false), ('a', true), ('好', true)] {
        let guess = Guess { root: schema, letter, optional }.value(schema, DEPTH);
        found.extend(guess.filter(|value| !found.contains(value)));
    }
    found
}

#[derive(Debug, Clone, Copy)]
struct Guess<'s> {
    root: &'s Value,
    /// What texts are made of.
    letter: char,
    /// Whether members are given that are not required.
    optional: bool,
}

impl Guess<'_> {
    fn value(&self, schema: &Value, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let Value::Object(schema) = schema else {
            return (schema != &Value::Bool(false)).then_some(Value::Null);
        };
        if let Some(value) = schema.get("const") {
            return Some(value.clone());
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            return values.iter().min_by_key(|value| value.to_string().len()).cloned();
        }
        if let Some(Value::String(reference)) = schema.get("$ref") {
            let target = self.root.pointer(reference.strip_prefix('#')?)?;
            return self.value(target, depth);
        }
        for any in ["anyOf", "oneOf"] {
            if let Some(Value::Array(choices)) = schema.get(any) {
                let guesses = choices.iter().filter_map(|choice| self.value(&merged(schema, choice, any), depth));
                return guesses.min_by_key(|value| value.to_string().len());
            }
        }
        if let Some(Value::Array(parts)) = schema.get("allOf") {
            let whole = parts.iter().fold(Value::Object(schema.clone()), |whole, part| match whole {
                Value::Object(whole) => merged(&whole, part, "allOf"),
                other => other,
            });
            return self.value(&whole, depth);
        }
        self.typed(kind(schema)?, schema, depth)
    }

    fn typed(&self, kind: &str, schema: &Map<String, Value>, depth: usize) -> Option<Value> {
        match kind {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" => Some(Value::String(self.text(schema)?)),
            "integer" => Some(Value::Number(number(schema, true)?)),
            "number" => Some(Value::Number(number(schema, false)?)),
            "boolean" => Some(Value::Bool(true)),
            "null" => Some(Value::Null),
            _ => None,
        }
    }

    fn object(&self, schema: &Map<String, Value>, depth: usize) -> Option<Value> {
        let anything = json!({});
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let mut made = Map::new();
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for name in required {
            made.insert(name.to_owned(), self.value(properties.get(name).unwrap_or(&anything), depth)?);
        }
        let least = bounded(schema, "minProperties");
        for (name, property) in properties {
            if (self.optional || (made.len() as u64) < least) && !made.contains_key(name) {
                made.extend(self.value(property, depth).map(|value| (name.clone(), value)));
            }
        }
        let extra = schema.get("additionalProperties").unwrap_or(&anything);
        for number in 1..=MOST {
            if made.len() as u64 >= least {
                break;
            }
            made.insert(format!("{}{number}", self.letter), self.value(extra, depth)?);
        }
        Some(Value::Object(made))
    }

    fn array(&self, schema: &Map<String, Value>, depth: usize) -> Option<Value> {
        let anything = json!({});
        let first = schema.get("prefixItems").and_then(Value::as_array);
        let rest = schema.get("items").unwrap_or(&anything);
        let least = bounded(schema, "minItems").max(u64::from(schema.contains_key("contains")));
        let mut made: Vec<Value> = Vec::new();
        for index in 0..usize::try_from(least).ok()? {
            let item = first.and_then(|first| first.get(index)).unwrap_or(schema.get("contains").unwrap_or(rest));
            let mut value = self.value(item, depth)?;
            if schema.get("uniqueItems") == Some(&Value::Bool(true)) && made.contains(&value) {
                value = different(value, index)?;
            }
            made.push(value);
        }
        Some(Value::Array(made))
    }

    fn text(&self, schema: &Map<String, Value>) -> Option<String> {
        if let Some(Value::String(pattern)) = schema.get("pattern") {
            return samples(pattern, "", 1).into_iter().next();
        }
        let known = match schema.get("format").and_then(Value::as_str) {
            Some("date") => "2024-01-01",
            Some("date-time") => "2024-01-01T00:00:00Z",
            Some("time") => "00:00:00Z",
            Some("email") => "a@example.org",
            Some("uri" | "url") => "https://example.org/",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            _ => {
                return Some(
                    std::iter::repeat_n(self.letter, usize::try_from(bounded(schema, "minLength")).ok()?).collect(),
                );
            }
        };
        Some(known.to_owned())
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

/// The schema without `word`, with what `part` says.
fn merged(schema: &Map<String, Value>, part: &Value, word: &str) -> Value {
    let mut whole = schema.clone();
    whole.remove(word);
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
