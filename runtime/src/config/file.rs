//! The configuration file: TOML, one key per setting, and a table for each route.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::routes::{self, ROUTES};
use super::settings::{SETTINGS, Setting, Shape};
use super::values::nearest;
use super::{ConfigError, Place};

/// A value as a source gives it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) key: &'static str,
    pub(super) values: Vec<String>,
    pub(super) place: Place,
}

impl std::fmt::Debug for Given {
    /// Without the values, which may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} from {}", self.key, self.place)
    }
}

/// Reads a file's text. Whatever can be read is given even when other lines are wrong.
pub(super) fn read(path: &Path, text: &str) -> (Vec<Given>, Vec<routes::Entry>, Vec<ConfigError>) {
    let (table, problems) = DeTable::parse_recoverable(text);
    let mut errors: Vec<ConfigError> = problems
        .iter()
        .map(|problem| ConfigError::Syntax {
            path: path.to_owned(),
            line: line_of(text, problem.span().map_or(0, |span| span.start)),
            detail: problem.message().to_owned(),
        })
        .collect();
    let (mut given, mut entries) = (Vec::new(), Vec::new());
    if errors.is_empty() {
        for (key, value) in table.get_ref() {
            if key.get_ref() == ROUTES.key {
                let (found, problems) = routes::of_table(path, text, value.get_ref());
                entries.extend(found);
                errors.extend(problems);
                continue;
            }
            match entry(path, text, key, value) {
                Ok(found) => given.push(found),
                Err(error) => errors.push(error),
            }
        }
    }
    (given, entries, errors)
}

fn entry(
    path: &Path,
    text: &str,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<Given, ConfigError> {
    let line = line_of(text, key.span().start);
    let name = key.get_ref().as_ref();
    let Some(setting) = SETTINGS.iter().find(|setting| setting.key == name) else {
        return Err(ConfigError::UnknownKey {
            path: path.to_owned(),
            line,
            key: name.to_owned(),
            remedy: suggestion(name),
        });
    };
    let place = Place::File { path: path.to_owned(), line };
    match scalars(setting, value.get_ref()) {
        Some(values) => Ok(Given { key: setting.key, values, place }),
        None => Err(ConfigError::Value {
            place,
            key: setting.key.into(),
            shown: format!("({})", value.get_ref().type_str()),
            detail: "not a value of this setting's type".to_owned(),
            remedy: match setting.shape {
                Shape::List => "write an array of strings".to_owned(),
                Shape::Switch => "write true or false".to_owned(),
                Shape::Single => "write a string".to_owned(),
            },
        }),
    }
}

fn scalars(setting: &Setting, value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::Array(items) if setting.shape == Shape::List => {
            items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        }
        DeValue::String(text) => Some(vec![text.to_string()]),
        DeValue::Boolean(yes) if setting.shape == Shape::Switch => Some(vec![yes.to_string()]),
        DeValue::Integer(number) if setting.shape == Shape::Single && number.radix() == 10 => {
            Some(vec![number.as_str().to_owned()])
        }
        _ => None,
    }
}

/// The setting that was probably meant, as a key, a flag or a variable would be written.
pub(super) fn nearest_key(name: &str) -> Option<&'static str> {
    let normal = name.to_lowercase().replace('_', "-");
    nearest(&normal, SETTINGS.iter().chain([&ROUTES]).map(|setting| setting.key))
}

/// "did you mean" for a key that does not exist.
fn suggestion(name: &str) -> String {
    match nearest_key(name) {
        Some(key) => format!("did you mean `{key}`?"),
        None => "see `rolecall serve --help` for the settings".to_owned(),
    }
}

pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
