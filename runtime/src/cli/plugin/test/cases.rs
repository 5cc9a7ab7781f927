use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::plugin::{Context, MergedGroup, OfflineMessage, PluginHost, PolicyViolation, Severity};

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cases {
    /// Parameters of every case that has none of its own.
    #[serde(default)]
    pub(super) params: Map<String, Value>,
    pub(super) cases: Vec<Case>,
}

/// What a policy is to say of an input.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
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
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    rule: Option<String>,
    message: Option<String>,
    severity: Option<Severity>,
    spans: Option<Vec<(usize, usize)>>,
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

#[derive(Debug, Deserialize)]
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
        serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is no file of cases: a case has a name and either `reply` and `violations` or `window` and `groups`",
                path.display()
            )
        })
    }
}

impl Case {
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
            let shown: Vec<String> = found.iter().map(|found| format!("{found:?}")).collect();
            format!(
                "expected {} violations: {:?}\nfound {}:\n{}",
                self.violations.len(),
                self.violations,
                found.len(),
                shown.join("\n")
            )
        })
    }
}

impl Expected {
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
        (!alike).then(|| format!("expected {:?}\nfound {found:?}", self.groups))
    }
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
