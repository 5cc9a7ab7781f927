//! What can be wrong with calls, the contract's rules aside: in English for people, in the role's language for
//! its model.

use rolecall_dsl::contract::Language;

use super::{MAX_ARGUMENT_BYTES, MAX_CALLS};

/// The id under which calls are reported that are none of the tools offered.
pub(super) const TOOLS: &str = "tools";

/// The id under which arguments are reported that the tool does not take.
pub(super) const ARGUMENTS: &str = "tool_arguments";

/// What is wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// More calls than are taken.
    TooMany,
    /// More arguments than are taken.
    TooLong { tool: String },
    /// No tool that may be called now; those that may.
    NotCallable { tool: String, callable: Vec<String> },
    /// There is no call, and there must be: of this tool, or of any.
    Wanted(Option<String>),
    /// No id could be made for it.
    Nameless(String),
    /// The arguments are no JSON.
    NotJson { tool: String, error: String, line: usize, column: usize },
    /// The arguments are another JSON value.
    NotAnObject { tool: String },
    /// The schema does not take them; why is the validator's own sentence.
    Misfit { tool: String, why: String },
    /// What they say is not the same for every reader.
    Unreadable { tool: String, why: String },
}

impl Wrong {
    /// The id under which it is reported.
    pub(super) fn id(&self) -> &'static str {
        match self {
            Self::TooMany | Self::TooLong { .. } | Self::NotCallable { .. } | Self::Wanted(_) | Self::Nameless(_) => {
                TOOLS
            }
            Self::NotJson { .. } | Self::NotAnObject { .. } | Self::Misfit { .. } | Self::Unreadable { .. } => {
                ARGUMENTS
            }
        }
    }

    /// One sentence.
    pub(super) fn say(&self, language: Language) -> String {
        match language {
            Language::Zh => self.say_zh(),
            Language::En => self.say_en(),
        }
    }

    fn say_en(&self) -> String {
        match self {
            Self::TooMany => format!("the reply calls more than {MAX_CALLS} tools"),
            Self::TooLong { tool } => {
                format!("the arguments of `{tool}` have more than {MAX_ARGUMENT_BYTES} bytes")
            }
            Self::NotCallable { tool, callable } if callable.is_empty() => {
                format!("the reply calls `{tool}`, and no tool may be called")
            }
            Self::NotCallable { tool, callable } => {
                format!("the reply calls `{tool}`, which is not one of the tools: {}", callable.join(", "))
            }
            Self::Wanted(Some(tool)) => format!("the reply must call the tool `{tool}`"),
            Self::Wanted(None) => "the reply must call a tool".to_owned(),
            Self::Nameless(why) => format!("the call cannot be given an id: {why}"),
            Self::NotJson { tool, error, .. } => {
                format!("the arguments of `{tool}` do not fit: they are not JSON: {error}")
            }
            Self::NotAnObject { tool } => format!("the arguments of `{tool}` do not fit: they are not a JSON object"),
            Self::Misfit { tool, why } => format!("the arguments of `{tool}` do not fit: {why}"),
            Self::Unreadable { tool, why } => format!("the arguments of `{tool}` cannot be read: {why}"),
        }
    }

    fn say_zh(&self) -> String {
        match self {
            Self::TooMany => format!("一次最多调用{MAX_CALLS}个工具。"),
            Self::TooLong { tool } => format!("`{tool}` 的参数超过了{MAX_ARGUMENT_BYTES}字节。"),
            Self::NotCallable { tool, callable } if callable.is_empty() => {
                format!("回复调用了 `{tool}`，但现在不得调用任何工具。")
            }
            Self::NotCallable { tool, callable } => {
                format!("回复调用了 `{tool}`，它不在可以调用的工具之中：{}。", callable.join("、"))
            }
            Self::Wanted(Some(tool)) => format!("回复必须调用工具 `{tool}`。"),
            Self::Wanted(None) => "回复必须调用一个工具。".to_owned(),
            Self::Nameless(why) => format!("无法为这次调用编号：{why}"),
            Self::NotJson { tool, line, column, .. } => {
                format!("`{tool}` 的参数不是合法的 JSON（第{line}行第{column}列）。")
            }
            Self::NotAnObject { tool } => format!("`{tool}` 的参数不是 JSON 对象。"),
            Self::Misfit { tool, why } => format!("`{tool}` 的参数不合要求：{why}"),
            Self::Unreadable { tool, why } => format!("`{tool}` 的参数无法读取：{why}"),
        }
    }
}
