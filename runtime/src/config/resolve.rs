//! Four sources, one result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::file::{self, Given, nearest_key};
use super::routes::{self, ROUTES};
use super::settings::{SETTINGS, Setting, Shape};
use super::values::masked;
use super::{Config, ConfigError, ConfigErrors, DEFAULT_FILE, ENV_PREFIX, Place, SettingFlags};

/// Where settings are looked for. Not `Debug`: the environment holds secrets.
#[derive(Clone, Default)]
pub struct Sources {
    /// The process's environment, or a test's.
    pub environment: Vec<(String, String)>,
    /// The command line.
    pub flags: SettingFlags,
    /// Where the default file is looked for.
    pub directory: PathBuf,
}

/// A configuration with the origin of each of its values.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The settings.
    pub config: Config,
    /// Each setting as it can be shown, in the order of declaration.
    pub shown: Vec<Shown>,
    /// What looks like a mistake and does not stop the start.
    pub warnings: Vec<String>,
}

/// One setting as it can be shown: secrets are asterisks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its key.
    pub key: String,
    /// Its value in TOML; `None` when it has none.
    pub value: Option<String>,
    /// Where it was written.
    pub origin: Place,
}

impl Sources {
    /// The process's environment and the given flags, with `rolecall.toml` of the working directory.
    #[must_use]
    pub fn process(flags: SettingFlags) -> Self {
        #[allow(clippy::disallowed_methods, reason = "this is where the environment is read")]
        // `vars_os`: a variable that is not Unicode must not end the process.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
            .collect();
        Self { environment, flags, directory: PathBuf::new() }
    }

    /// Reads every source, for serving.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place and remedy; also settings that do not go
    /// together.
    pub fn resolve(&self) -> Result<Resolved, ConfigErrors> {
        let mut resolved = self.read()?;
        let contradictions = resolved.config.contradictions();
        resolved.warnings.extend(resolved.config.doubts(&resolved.shown));
        if contradictions.is_empty() { Ok(resolved) } else { Err(ConfigErrors(contradictions)) }
    }

    /// Reads every source, for commands that serve nobody.
    ///
    /// # Errors
    /// Everything that is wrong with single values.
    pub fn read(&self) -> Result<Resolved, ConfigErrors> {
        let mut errors = Vec::new();
        let mut warnings = Vec::new();
        let mut chosen: BTreeMap<&'static str, Given> = BTreeMap::new();
        for setting in SETTINGS {
            let values = setting.default.iter().map(|&value| value.to_owned()).collect();
            chosen.insert(setting.key, Given { key: setting.key, values, place: Place::Default });
        }
        let (file, mut entries) = self.read_file(&mut errors);
        let environment = self.read_environment(&mut warnings);
        for given in file.into_iter().chain(environment).chain(self.flags.given.iter().cloned()) {
            if given.key == ROUTES.key {
                for word in &given.values {
                    routes::of_word(word, &given.place).map_or_else(|e| errors.push(e), |entry| entries.push(entry));
                }
            } else {
                chosen.insert(given.key, given);
            }
        }
        let raw = |key: &'static str| chosen.get(key).map_or(&[] as &[String], |given| &given.values);
        let config = Config::read(raw, |key, problem| {
            let given = chosen.get(key);
            errors.push(ConfigError::Value {
                place: given.map_or(Place::Default, |given| given.place.clone()),
                key: key.into(),
                shown: setting(key).and_then(|s| shown_value(s, raw(key))).unwrap_or_default(),
                detail: problem.detail,
                remedy: problem.remedy,
            });
        });
        let Some(mut config) = config else { return Err(ConfigErrors(errors)) };
        let (routes, shown_routes, problems) = routes::assemble(entries, &config.default_route(), &self.environment);
        errors.extend(problems);
        if !errors.is_empty() {
            return Err(ConfigErrors(errors));
        }
        config.routes = routes;
        let shown = SETTINGS
            .iter()
            .map(|setting| Shown {
                key: setting.key.to_owned(),
                value: shown_value(setting, raw(setting.key)),
                origin: chosen.get(setting.key).map_or(Place::Default, |given| given.place.clone()),
            })
            .chain(shown_routes)
            .collect();
        Ok(Resolved { config, shown, warnings })
    }

    fn read_file(&self, errors: &mut Vec<ConfigError>) -> (Vec<Given>, Vec<routes::Entry>) {
        let named = self.flags.config.clone().or_else(|| {
            self.environment.iter().find(|(name, _)| name == "ROLECALL_CONFIG").map(|(_, value)| PathBuf::from(value))
        });
        let path = named.clone().unwrap_or_else(|| self.directory.join(DEFAULT_FILE));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Default::default(),
            Err(error) => {
                errors.push(ConfigError::Unreadable { path, detail: error.to_string() });
                return Default::default();
            }
        };
        let shown_path = if named.is_some() { path.as_path() } else { Path::new(DEFAULT_FILE) };
        let (given, entries, problems) = file::read(shown_path, &text);
        errors.extend(problems);
        (given, entries)
    }

    fn read_environment(&self, warnings: &mut Vec<String>) -> Vec<Given> {
        let mut given = Vec::new();
        for (name, value) in &self.environment {
            let Some(rest) = name.strip_prefix(ENV_PREFIX) else { continue };
            let Some(setting) = SETTINGS.iter().chain([&ROUTES]).find(|setting| setting.environment() == *name) else {
                // A warning only: container platforms put variables such as ROLECALL_SERVICE_HOST there.
                // CONFIG is read above; API_KEY is the key that clients such as `rolecall chat` present.
                if !matches!(rest, "CONFIG" | "API_KEY") {
                    warnings.push(format!("environment {name}: there is no such setting; {}", meant(rest)));
                }
                continue;
            };
            let values = match setting.shape {
                Shape::List => value.split(',').map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect(),
                Shape::Single | Shape::Switch => vec![value.clone()],
            };
            given.push(Given { key: setting.key, values, place: Place::Environment(name.clone()) });
        }
        given
    }
}

/// "did you mean" for a variable that is none; `rest` is what stands behind the prefix.
fn meant(rest: &str) -> String {
    let environment = |key: &str| format!("{ENV_PREFIX}{}", key.to_uppercase().replace('-', "_"));
    match nearest_key(rest) {
        Some(key) => format!("did you mean `{}`?", environment(key)),
        None => "`rolecall serve --help` lists all".to_owned(),
    }
}

fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

fn shown_value(setting: &Setting, values: &[String]) -> Option<String> {
    let quoted = |value: &String| match setting {
        Setting { secret: true, .. } => "\"***\"".to_owned(),
        Setting { value_name: "URL", .. } => toml::Value::from(masked(value)).to_string(),
        _ => toml::Value::from(value.as_str()).to_string(),
    };
    match (setting.shape, values) {
        (_, []) => None,
        (Shape::Switch, [value, ..]) => Some(value.clone()),
        (Shape::Single, [value, ..]) => Some(quoted(value)),
        (Shape::List, _) => Some(format!("[{}]", values.iter().map(quoted).collect::<Vec<_>>().join(", "))),
    }
}
