//! What is wrong with a request, in the terms of JSON and not of Rust: where, what is there, and what
//! should be.

use serde_json::Value;
use serde_path_to_error::Path;

/// What is repeated of a caller's own words, in characters.
const MAX_SHOWN: usize = 200;

/// Where an error lies within `field`, which is empty for a whole body; in the notation of
/// `messages[0].role`.
pub(super) fn place(field: &str, path: &Path) -> String {
    if path.iter().next().is_none() {
        return field.to_owned();
    }
    let path = shortened(&path.to_string());
    let dot = if field.is_empty() || path.starts_with('[') { "" } else { "." };
    format!("{field}{dot}{path}")
}

/// What an error says, without its line and column.
pub(super) fn words(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let said = said.strip_suffix(position.as_str()).unwrap_or(&said);
    let types = said.strip_prefix("invalid type: ").or_else(|| said.strip_prefix("invalid value: "));
    // From behind: what was found may hold these words itself.
    match types.and_then(|types| types.rsplit_once(", expected ")) {
        Some((found, wanted)) => format!("found {}, expected {}", shortened(there(found)), json(wanted)),
        None => shortened(said),
    }
}

/// What kind of value there is.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Whether a name is written as `meant` with a slip of the finger, or in another spelling such as
/// `maxTokens`. Stricter than for the names of a contract: many servers have parameters of their own that
/// look alike, and `min_tokens` is not meant to be `max_tokens`.
pub(super) fn slip(written: &str, meant: &str) -> bool {
    let most = if meant.len() > 10 { 2 } else { 1 };
    // A short name is near to everything, and a long one is not worth the comparison.
    meant.len() >= 4
        && written.len() <= meant.len() + most
        && strsim::damerau_levenshtein(&written.to_lowercase(), meant) <= most
}

fn there(found: &str) -> &str {
    match found {
        "sequence" => "an array",
        "map" => "an object",
        other => other,
    }
}

fn json(wanted: &str) -> &str {
    match wanted {
        "usize" | "u64" => "a whole number of 0 or more",
        "u32" => "a whole number from 0 to 4294967295",
        "i64" => "a whole number from -9223372036854775808 to 9223372036854775807",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a caller reads of Rust's types, or a long value comes back whole.
    #[test]
    fn types_are_told_in_jsons_terms() {
        let said = |error: Option<serde_json::Error>| words(&error.unwrap());
        let text = |json: &str| said(serde_json::from_str::<String>(json).err());
        assert_eq!(text("7"), "found integer `7`, expected a string");
        assert_eq!(text("[7]"), "found an array, expected a string");
        let number = said(serde_json::from_str::<usize>("\"two\"").err());
        assert_eq!(number, "found string \"two\", expected a whole number of 0 or more");
        assert_eq!(said(serde_json::from_str::<bool>("{}").err()), "found an object, expected true or false");
        let long = format!("\"{}\"", "x".repeat(5_000));
        assert!(said(serde_json::from_str::<f64>(&long).err()).ends_with("…, expected a number"));
    }

    // Fails when another server's parameter is taken for a slip, or a slip for nothing.
    #[test]
    fn slips_are_told_from_other_names() {
        for (written, meant) in [
            ("temprature", "temperature"),
            ("max_token", "max_tokens"),
            ("maxTokens", "max_tokens"),
            ("mesages", "messages"),
            ("parallelToolCalls", "parallel_tool_calls"),
        ] {
            assert!(slip(written, meant), "{written}");
        }
        for (written, meant) in [("min_tokens", "max_tokens"), ("k", "n"), ("top_k", "model"), ("", "seed")] {
            assert!(!slip(written, meant), "{written}");
        }
    }
}
