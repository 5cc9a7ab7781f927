use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::plugin::{Context, MergedGroup, OfflineMessage, PluginHost, PolicyViolation, Severity};

/// A file of cases.
#[derive(Debug)]
pub(super) struct Cases {
    /// Parameters of every case that has none of its own.
    pub(super) params: Map<String, Value>,
    pub(super) cases: Vec<Case>,
}

/// The file as it is read first: which kind a case is shows in its keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    params: Map<String, Value>,
    cases: Vec<Map<String, Value>>,
}

/// What a policy is to say of an input.
#[derive(Debug)]
pub(super) enum Case {
    Judged(Judged),
    Merged(Merged),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Judged {
    name: String,
    params: Option<Map<String, Value>>,
    #[serde(default)]
    role: String,
    #[serde(default = "zh")]
    language: String,
    reply: String,
    violations: Vec<Expected>,
}

/// A violation, by what is written of it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spans: Option<Vec<(usize, usize)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Merged {
    name: String,
    params: Option<Map<String, Value>>,
    window: Vec<Message>,
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    id: String,
    #[serde(default)]
    role: String,
    intent: String,
    #[serde(default)]
    priority: u8,
    #[serde(default)]
    turn_id: u64,
    text: String,
    #[serde(default)]
    created_at_ms: u64,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Group {
    members: Vec<usize>,
    text: Option<String>,
}

fn zh() -> String {
    "zh".to_owned()
}

impl Cases {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let no_cases = || format!("{} is no file of cases: it has `cases`, a list, and `params`", path.display());
        let Written { params, cases } = serde_json::from_str(&text).with_context(no_cases)?;
        let cases = cases.into_iter().enumerate().map(|(at, case)| {
            let name =
                case.get("name").and_then(Value::as_str).map_or_else(String::new, |name| format!(", \"{name}\""));
            Case::of(case).with_context(|| format!("{}: case {}{name}, cannot be read", path.display(), at + 1))
        });
        Ok(Self { params, cases: cases.collect::<anyhow::Result<_>>()? })
    }
}

impl Case {
    fn of(written: Map<String, Value>) -> anyhow::Result<Self> {
        let merges = written.contains_key("window") || written.contains_key("groups");
        let written = Value::Object(written);
        Ok(if merges {
            Self::Merged(serde_json::from_value(written)?)
        } else {
            Self::Judged(serde_json::from_value(written)?)
        })
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Judged(case) => &case.name,
            Self::Merged(case) => &case.name,
        }
    }

    /// The text that is judged.
    pub(super) fn reply(&self) -> Option<&str> {
        match self {
            Self::Judged(case) => Some(&case.reply),
            Self::Merged(_) => None,
        }
    }

    /// What is not as written.
    pub(super) async fn try_on(&self, host: &PluginHost, plugin: &str, params: &Map<String, Value>) -> Option<String> {
        match self {
            Self::Judged(case) => {
                let context = Context { role: case.role.clone(), language: case.language.clone() };
                let params = case.params.as_ref().unwrap_or(params);
                match host.check(plugin, params, &context, &case.reply).await {
                    Ok(found) => case.differs(&found),
                    Err(error) => Some(error.to_string()),
                }
            }
            Self::Merged(case) => {
                let window: Vec<OfflineMessage> = case.window.iter().map(Message::offline).collect();
                match host.merge(plugin, case.params.as_ref().unwrap_or(params), &window).await {
                    Ok(found) => case.differs(&found),
                    Err(error) => Some(error.to_string()),
                }
            }
        }
    }
}

impl Judged {
    fn differs(&self, found: &[PolicyViolation]) -> Option<String> {
        let alike = self.violations.len() == found.len() && self.violations.iter().zip(found).all(|(a, b)| a.fits(b));
        (!alike).then(|| {
            let found: Vec<Expected> = found.iter().map(Expected::all_of).collect();
            differ(&self.violations, &found)
        })
    }
}

impl Expected {
    /// A violation as it would be written.
    fn all_of(found: &PolicyViolation) -> Self {
        Self {
            rule: Some(found.rule.clone()),
            message: Some(found.message.clone()),
            severity: Some(found.severity),
            spans: Some(found.spans.iter().map(|span| (span.start, span.end)).collect()),
            suggestion: found.suggestion.clone(),
        }
    }

    fn fits(&self, found: &PolicyViolation) -> bool {
        let spans = |expected: &Vec<(usize, usize)>| {
            expected.iter().copied().eq(found.spans.iter().map(|span| (span.start, span.end)))
        };
        self.rule.as_ref().is_none_or(|rule| *rule == found.rule)
            && self.message.as_ref().is_none_or(|message| *message == found.message)
            && self.severity.is_none_or(|severity| severity == found.severity)
            && self.spans.as_ref().is_none_or(spans)
            && self.suggestion.as_ref().is_none_or(|suggestion| found.suggestion.as_ref() == Some(suggestion))
    }
}

impl Merged {
    fn differs(&self, found: &[MergedGroup]) -> Option<String> {
        let alike = self.groups.len() == found.len()
            && self.groups.iter().zip(found).all(|(a, b)| a.members == b.members && a.text == b.text);
        (!alike).then(|| {
            let group = |found: &MergedGroup| Group { members: found.members.clone(), text: found.text.clone() };
            let found: Vec<Group> = found.iter().map(group).collect();
            differ(&self.groups, &found)
        })
    }
}

/// What was expected and what was found, each as it would stand in the file.
fn differ<T: Serialize>(expected: &[T], found: &[T]) -> String {
    let lines = |items: &[T]| {
        let lines = items.iter().map(|item| serde_json::to_string(item).unwrap_or_default());
        if items.is_empty() { "nothing".to_owned() } else { lines.collect::<Vec<_>>().join("\n  ") }
    };
    format!("expected\n  {}\nfound\n  {}", lines(expected), lines(found))
}

impl Message {
    fn offline(&self) -> OfflineMessage {
        OfflineMessage {
            biz_id: self.id.clone(),
            role: self.role.clone(),
            intent: self.intent.clone(),
            priority: self.priority,
            turn_id: self.turn_id,
            text: self.text.clone(),
            created_at_ms: self.created_at_ms,
        }
    }
}
