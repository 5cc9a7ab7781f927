//! Parameters against the plugin's own schema.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// Bytes of a schema.
const MAX_SCHEMA_BYTES: usize = 64 << 10;
/// Findings that are reported.
const MAX_FINDINGS: usize = 32;

/// Reads a schema. References stay inside it, and patterns run in linear time: a plugin must not
/// make the host fetch or burn anything.
pub(super) fn compile(text: &str) -> Result<(Value, Validator), String> {
    if text.len() > MAX_SCHEMA_BYTES {
        return Err(format!("the schema of the parameters is larger than {} KiB", MAX_SCHEMA_BYTES >> 10));
    }
    let schema: Value =
        serde_json::from_str(text).map_err(|error| format!("the schema of the parameters is no JSON: {error}"))?;
    if !schema.is_object() {
        return Err("the schema of the parameters is not a JSON object".into());
    }
    let validator = jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .build(&schema)
        .map_err(|error| format!("the schema of the parameters cannot be used: {error}"))?;
    Ok((schema, validator))
}

/// Parameters that do not fit, each by name where it has one.
pub(crate) fn findings(schema: &Validator, params: &Value) -> Vec<(String, String)> {
    schema.iter_errors(params).take(MAX_FINDINGS).flat_map(|error| named(&error)).take(MAX_FINDINGS).collect()
}

fn named(error: &ValidationError<'_>) -> Vec<(String, String)> {
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected }
            if error.instance_path().as_str().is_empty() =>
        {
            unexpected.iter().map(|name| (name.clone(), format!("there is no parameter `{name}`"))).collect()
        }
        ValidationErrorKind::Required { property } if error.instance_path().as_str().is_empty() => {
            let name = property.as_str().unwrap_or_default();
            vec![(name.to_owned(), format!("the parameter `{name}` is required"))]
        }
        _ => {
            let path = error.instance_path().as_str().trim_start_matches('/');
            let name = path.split('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
            let place = if path.contains('/') { format!("`{}`: ", path.replace('/', ".")) } else { String::new() };
            vec![(name, format!("{place}{error}"))]
        }
    }
}
