use std::fmt;
use std::time::Duration;

use crate::{AbiVersion, World};

/// Why a call gave no judgement. Each variant is a metric label ([`CallError::reason`]); messages
/// speak to the plugin's author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No such plugin.
    #[error("plugin {0} is not in force: put {0}.wasm into the plugin folder, or see in the log why it is refused")]
    Missing(String),
    /// The plugin is of another kind.
    #[error("plugin {plugin} does not implement the world {world}")]
    WrongWorld {
        /// The plugin.
        plugin: String,
        /// What was asked of it.
        world: World,
    },
    /// The plugin speaks a version of the ABI that does not have the function yet.
    #[error(
        "plugin {plugin} has no `{export}`: the version of rolecall:policy that it was built for does not know it; build it for {}",
        AbiVersion::V1
    )]
    Unsupported {
        /// The plugin.
        plugin: String,
        /// The function asked for.
        export: &'static str,
    },
    /// The plugin refuses its parameters.
    #[error("plugin {plugin} refuses the parameter `{param}`: {message}")]
    BadParams {
        /// The plugin.
        plugin: String,
        /// The parameter; empty when all of them are meant.
        param: String,
        /// Why.
        message: String,
    },
    /// What is to be judged is too large.
    #[error("plugin {plugin} was not asked: {what} has {got}; at most {limit} are passed on")]
    InputTooLarge {
        /// The plugin.
        plugin: String,
        /// The text, the stream or the window.
        what: &'static str,
        /// Its size.
        got: usize,
        /// The largest.
        limit: usize,
    },
    /// The guest ran too long.
    #[error("plugin {plugin}: `{export}` ran longer than {limit_ms} ms{}; do less per call, or raise the time limit of `{export}`", within(.frames))]
    Deadline {
        /// The plugin.
        plugin: String,
        /// The function called.
        export: &'static str,
        /// The limit, in ms of guest time.
        limit_ms: u64,
        /// Guest functions on the stack, innermost first.
        frames: Vec<String>,
    },
    /// The guest ran too many instructions, where these are counted instead of time.
    #[error("plugin {plugin}: `{export}` ran more than {limit} instructions, which stand for {limit_ms} ms{}; do less per call, or raise the time limit of `{export}`", within(.frames))]
    Fuel {
        /// The plugin.
        plugin: String,
        /// The function called.
        export: &'static str,
        /// The limit, in instructions of WebAssembly.
        limit: u64,
        /// The limit that they stand for, in ms.
        limit_ms: u64,
        /// Guest functions on the stack, innermost first.
        frames: Vec<String>,
    },
    /// The guest wanted too much memory.
    #[error("plugin {plugin}: `{export}` wanted {wanted} bytes of memory; {limit} are allowed{}; keep less, or raise the memory limit", within(.frames))]
    Memory {
        /// The plugin.
        plugin: String,
        /// The function called.
        export: &'static str,
        /// What it would have had.
        wanted: usize,
        /// The limit.
        limit: usize,
        /// Guest functions on the stack, innermost first.
        frames: Vec<String>,
    },
    /// The guest's calls are nested too deeply.
    #[error("plugin {plugin}: `{export}` overflowed its stack{}; recurse less deeply (the host allows 512 KiB, and a guest's own stack is set when it is linked)", within(.frames))]
    Stack {
        /// The plugin.
        plugin: String,
        /// The function called.
        export: &'static str,
        /// Guest functions on the stack, innermost first.
        frames: Vec<String>,
    },
    /// The guest panicked or did something impossible.
    #[error("plugin {plugin}: `{export}` failed: {message}{}", within(.frames))]
    Trap {
        /// The plugin.
        plugin: String,
        /// The function called.
        export: &'static str,
        /// The panic's message as far as the guest logged it, else the trap.
        message: String,
        /// Guest functions on the stack, innermost first.
        frames: Vec<String>,
    },
    /// The guest passed out too much data, as a result or in a log line.
    #[error(
        "plugin {plugin}: `{export}` passed more than {limit} bytes to the host; return less, or raise the result limit"
    )]
    ResultTooLarge {
        /// The plugin.
        plugin: String,
        /// The function called.
        export: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The policy itself says that it failed.
    #[error("plugin {plugin}: `{export}` reports: {message}")]
    Internal {
        /// The plugin.
        plugin: String,
        /// The function called.
        export: &'static str,
        /// In its words.
        message: String,
    },
    /// A span is not a part of the text.
    #[error(
        "plugin {plugin}: `{export}` returned a span that {why}: {start}..{end} of {len} bytes, in a violation of `{rule}`"
    )]
    BadSpan {
        /// The plugin.
        plugin: String,
        /// The function called.
        export: &'static str,
        /// What is wrong.
        why: BadSpan,
        /// Its beginning.
        start: usize,
        /// Its end.
        end: usize,
        /// The length of the text.
        len: usize,
        /// The violation's rule.
        rule: String,
    },
    /// The groups do not partition the window.
    #[error("plugin {plugin}: `merge` returned groups that do not fit the window of {window} messages: {why}")]
    BadGroups {
        /// The plugin.
        plugin: String,
        /// Messages in the window.
        window: usize,
        /// What is wrong.
        why: BadGroups,
    },
    /// Too many calls of this plugin wait, or this one has waited too long.
    #[error("plugin {plugin} is busy: {waiting} {what}, which is the limit; try again, or add workers")]
    Busy {
        /// The plugin.
        plugin: String,
        /// How many.
        waiting: usize,
        /// Of what: waiting calls, or milliseconds of waiting.
        what: &'static str,
    },
    /// The plugin failed too often lately.
    #[error("plugin {plugin} failed repeatedly and rests for {} ms more", .retry_in.as_millis())]
    BreakerOpen {
        /// The plugin.
        plugin: String,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// An earlier call on this stream failed or was dropped before its end.
    #[error("plugin {plugin}: this stream ended with an earlier call that failed or was cancelled; open a new one")]
    Poisoned {
        /// The plugin.
        plugin: String,
    },
    /// The host went away, or failed, before the call ended.
    #[error("plugin {plugin}: the plugin host ended before the call did")]
    Aborted {
        /// The plugin.
        plugin: String,
    },
}

/// What is wrong with a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSpan {
    /// Its end is before its beginning.
    Reversed,
    /// It reaches beyond the text.
    OutOfRange,
    /// It cuts a character.
    InsideCharacter,
    /// It begins before the end of the one before it.
    OutOfOrder,
}

impl fmt::Display for BadSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reversed => "ends before it begins",
            Self::OutOfRange => "reaches beyond the text",
            Self::InsideCharacter => "cuts a character",
            Self::OutOfOrder => "begins before the end of the one before",
        })
    }
}

/// What is wrong with a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadGroups {
    /// A group without members.
    Empty,
    /// No message has this position.
    OutOfRange(u32),
    /// This position is in two groups, or twice in one.
    Twice(usize),
    /// This position is in no group.
    Left(usize),
    /// The group of this first member has several members and no text.
    NoText(usize),
}

impl fmt::Display for BadGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a group has no members"),
            Self::OutOfRange(at) => write!(f, "there is no message {at}"),
            Self::Twice(at) => write!(f, "message {at} is in two groups"),
            Self::Left(at) => write!(f, "message {at} is in no group"),
            Self::NoText(at) => write!(f, "the group that begins with message {at} merges several and has no text"),
        }
    }
}

impl CallError {
    /// The metric label.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::WrongWorld { .. } => "wrong_world",
            Self::Unsupported { .. } => "unsupported",
            Self::BadParams { .. } => "bad_params",
            Self::InputTooLarge { .. } => "input_too_large",
            Self::Deadline { .. } => "deadline",
            Self::Fuel { .. } => "fuel",
            Self::Memory { .. } => "memory",
            Self::Stack { .. } => "stack",
            Self::Trap { .. } => "trap",
            Self::ResultTooLarge { .. } => "result_too_large",
            Self::Internal { .. } => "internal",
            Self::BadSpan { .. } => "bad_span",
            Self::BadGroups { .. } => "bad_groups",
            Self::Busy { .. } => "busy",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::Poisoned { .. } => "poisoned",
            Self::Aborted { .. } => "aborted",
        }
    }

    /// Whether the plugin itself is to blame, which is what its breaker counts.
    #[must_use]
    pub fn is_plugin_fault(&self) -> bool {
        match self {
            Self::Deadline { .. }
            | Self::Fuel { .. }
            | Self::Memory { .. }
            | Self::Stack { .. }
            | Self::Trap { .. }
            | Self::ResultTooLarge { .. }
            | Self::Internal { .. }
            | Self::BadSpan { .. }
            | Self::BadGroups { .. } => true,
            Self::Missing(_)
            | Self::WrongWorld { .. }
            | Self::Unsupported { .. }
            | Self::BadParams { .. }
            | Self::InputTooLarge { .. }
            | Self::Busy { .. }
            | Self::BreakerOpen { .. }
            | Self::Poisoned { .. }
            | Self::Aborted { .. } => false,
        }
    }
}

/// " (in a ← b ← c)".
fn within(frames: &[String]) -> String {
    if frames.is_empty() { String::new() } else { format!(" (in {})", frames.join(" ← ")) }
}
