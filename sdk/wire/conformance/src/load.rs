//! Cases out of their files, one for each line of `each`.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{ClientCase, ServerCase};

/// A file of cases cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", file.display())]
pub struct Broken {
    file: PathBuf,
    what: String,
}

/// The cases for servers.
///
/// # Errors
/// When a file has another form than `README.md` describes; the error names it.
pub fn server_cases() -> Result<Vec<ServerCase>, Broken> {
    all("server")
}

/// The cases for clients.
///
/// # Errors
/// As [`server_cases`].
pub fn client_cases() -> Result<Vec<ClientCase>, Broken> {
    all("client")
}

fn all<C: DeserializeOwned>(side: &str) -> Result<Vec<C>, Broken> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let broken = |file: &Path, what: String| Broken { file: file.to_owned(), what };
    let entries = std::fs::read_dir(folder).map_err(|error| broken(folder, error.to_string()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with(&format!("{side}-")) && name.ends_with(".json")
    });
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|error| broken(&file, error.to_string()))?;
        let written: Vec<Value> = serde_json::from_str(&text).map_err(|error| broken(&file, error.to_string()))?;
        for case in written.into_iter().flat_map(expand) {
            let name = case.get("name").map(Value::to_string).unwrap_or_default();
            let case = serde_json::from_value(case).map_err(|error| broken(&file, format!("{name}: {error}")))?;
            cases.push(case);
        }
    }
    Ok(cases)
}

/// A case with `each` is a case for each of its lines, in which `@name` stands for the line's field `name`.
fn expand(mut case: Value) -> Vec<Value> {
    let each = case.as_object_mut().and_then(|case| case.remove("each"));
    let Some(Value::Array(lines)) = each else { return vec![case] };
    let empty = Map::new();
    let lines = lines.iter().map(|line| line.as_object().unwrap_or(&empty));
    lines.map(|line| insert(&case, line)).collect()
}

fn insert(template: &Value, line: &Map<String, Value>) -> Value {
    match template {
        Value::String(text) => match text.strip_prefix('@').and_then(|name| line.get(name)) {
            Some(value) => value.clone(),
            None => line.iter().fold(text.clone(), |text, (name, value)| replaced(&text, name, value)).into(),
        },
        Value::Array(items) => items.iter().map(|item| insert(item, line)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), insert(value, line))).collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    }
}

/// Within a longer text, `@{name}` is written out.
fn replaced(text: &str, name: &str, value: &Value) -> String {
    let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.replace(&format!("@{{{name}}}"), &plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // Fails when a line of `each` is lost, or one line's value ends up in another's case.
    #[test]
    fn each_line_is_a_case() {
        let case = json!({"name": "a @{n} b", "each": [{"n": 1}, {"n": "x"}], "steps": [{"code": "@n"}, "@m"]});
        let expected = [
            json!({"name": "a 1 b", "steps": [{"code": 1}, "@m"]}),
            json!({"name": "a x b", "steps": [{"code": "x"}, "@m"]}),
        ];
        assert_eq!(expand(case), expected);
    }
}
