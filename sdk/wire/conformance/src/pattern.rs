//! Patterns and templates: JSON in which strings that begin with `$` are variables.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What the variables of a case stand for.
#[derive(Debug, Clone, Default)]
pub struct Bindings(BTreeMap<String, Value>);

/// A value is not what a pattern asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: expected {expected}, found {found}")]
pub struct Mismatch {
    place: String,
    expected: String,
    found: String,
}

impl Bindings {
    /// Sets a variable.
    pub fn bind(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// What a template stands for: variables replaced, `$add` and `$repeat` carried out.
    ///
    /// # Errors
    /// When a variable is not bound, or an operation has other arguments than it takes.
    pub fn fill(&self, template: &Value) -> Result<Value, Mismatch> {
        match template {
            Value::String(text) => match text.strip_prefix('$') {
                Some(name) => {
                    self.0.get(name).cloned().ok_or_else(|| mismatch(text, &json!("a bound variable"), &Value::Null))
                }
                None => Ok(template.clone()),
            },
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect::<Result<_, _>>().map(Value::Array),
            Value::Object(fields) => match operation(fields) {
                Some((name, arguments)) => self.operate(name, arguments),
                None => {
                    let filled = fields.iter().map(|(name, value)| Ok((name.clone(), self.fill(value)?)));
                    filled.collect::<Result<Map<_, _>, _>>().map(Value::Object)
                }
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(template.clone()),
        }
    }

    /// A text in which `{name}` stands for a variable.
    ///
    /// # Errors
    /// When it is not bound.
    pub fn write(&self, text: &str) -> Result<String, Mismatch> {
        let mut pieces = text.split('{');
        let mut written = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}').unwrap_or((piece, ""));
            match self.fill(&Value::String(format!("${name}")))? {
                Value::String(value) => written.push_str(&value),
                value => written.push_str(&value.to_string()),
            }
            written.push_str(rest);
        }
        Ok(written)
    }

    /// Holds a value to a pattern, and binds the variables that it meets first. Objects may have more fields than the
    /// pattern; lists have as many items.
    ///
    /// # Errors
    /// The first place that differs. Nothing is bound then.
    pub fn matches(&mut self, pattern: &Value, value: &Value) -> Result<(), Mismatch> {
        let mut bound = self.clone();
        bound.compare("", pattern, value)?;
        *self = bound;
        Ok(())
    }

    fn compare(&mut self, place: &str, pattern: &Value, value: &Value) -> Result<(), Mismatch> {
        match pattern {
            Value::String(text) if text == "$_" => Ok(()),
            Value::String(text) if text.starts_with('$') && !self.0.contains_key(text.trim_start_matches('$')) => {
                self.bind(text.trim_start_matches('$'), value.clone());
                Ok(())
            }
            Value::Object(fields) if operation(fields).is_none() => {
                for (name, expected) in fields {
                    let place = format!("{place}.{name}");
                    self.compare(&place, expected, value.get(name).unwrap_or(&Value::Null))?;
                }
                let is_object = value.is_object();
                if is_object { Ok(()) } else { Err(mismatch(place, pattern, value)) }
            }
            Value::Object(fields) if fields.contains_key("$from") => {
                let bound = |name: &str| fields.get(name).map(|bound| self.fill(bound)).transpose();
                let (least, most) = (bound("$from")?, bound("$to")?);
                let found = value.as_u64();
                let within = found.is_some_and(|found| {
                    least.is_none_or(|least| least.as_u64().is_some_and(|least| least <= found))
                        && most.is_none_or(|most| most.as_u64().is_some_and(|most| found <= most))
                });
                if within { Ok(()) } else { Err(mismatch(place, pattern, value)) }
            }
            Value::Array(items) => {
                let found = value.as_array().filter(|found| found.len() == items.len());
                let found = found.ok_or_else(|| mismatch(place, pattern, value))?;
                items.iter().zip(found).try_for_each(|(item, found)| self.compare(&format!("{place}[]"), item, found))
            }
            _ => {
                let expected = self.fill(pattern)?;
                if expected == *value { Ok(()) } else { Err(mismatch(place, &expected, value)) }
            }
        }
    }

    fn operate(&self, name: &str, arguments: &Value) -> Result<Value, Mismatch> {
        let wrong = || mismatch(name, &json!("two arguments"), arguments);
        let [first, second] = arguments.as_array().map(Vec::as_slice).unwrap_or_default() else { return Err(wrong()) };
        let (first, second) = (self.fill(first)?, self.fill(second)?);
        match (name, &first, second.as_i64()) {
            ("$add", Value::Number(_), Some(second)) => {
                let sum = first.as_u64().and_then(|first| first.checked_add_signed(second));
                sum.map(Value::from).ok_or_else(wrong)
            }
            ("$repeat", Value::String(text), Some(times)) => {
                Ok(text.repeat(usize::try_from(times).map_err(|_| wrong())?).into())
            }
            ("$join", Value::String(_), _) | ("$join", _, _) => {
                Ok(format!("{}{}", plain(&first), plain(&second)).into())
            }
            _ => Err(wrong()),
        }
    }
}

/// The only field of an object, when it is an operation.
fn operation(fields: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, arguments) = fields.iter().next()?;
    name.starts_with('$').then_some((name, arguments))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn mismatch(place: &str, expected: &Value, found: &Value) -> Mismatch {
    let short = |value: &Value| value.to_string().chars().take(300).collect();
    Mismatch { place: place.to_owned(), expected: short(expected), found: short(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a pattern passes what it does not say, or a variable stands for two things.
    #[test]
    fn patterns_hold_values() {
        let mut bound = Bindings::default();
        bound.bind("last", 4);
        let value = json!({"seq": 5, "body": {"kind": "delta", "text": "ab"}, "parts": [1, 2]});
        for good in [
            json!({"seq": {"$add": ["$last", 1]}}),
            json!({"body": {"text": "$text"}}),
            json!({"body": {"text": {"$join": ["a", "b"]}}, "parts": ["$_", 2], "absent": null}),
            json!({"seq": {"$from": 5, "$to": 5}}),
            json!({"body": {"text": "$text"}, "parts": ["$one", "$two"]}),
        ] {
            assert_eq!(bound.matches(&good, &value), Ok(()), "{good}");
        }
        assert_eq!(bound.fill(&json!(["$text", "$two", {"$repeat": ["xy", 2]}])), Ok(json!(["ab", 2, "xyxy"])));
        assert_eq!(bound.write("/a/{last}?t={text}"), Ok("/a/4?t=ab".to_owned()));
        for bad in [
            json!({"seq": 4}),
            json!({"seq": {"$from": 6}}),
            json!({"seq": {"$from": 0, "$to": 4}}),
            json!({"seq": "$last"}),
            json!({"parts": [1]}),
            json!({"body": {"text": "$seq", "kind": "reply"}}),
            json!({"body": {"text": {"kind": "$_"}}}),
        ] {
            assert!(bound.matches(&bad, &value).is_err(), "{bad}");
        }
        assert!(bound.fill(&json!("$seq")).is_err(), "a pattern that failed has bound something");
    }
}
