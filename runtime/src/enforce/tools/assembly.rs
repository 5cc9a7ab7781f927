//! The calls of one answer as they come, piece by piece.

use super::wrong::Wrong;
use super::{ToolCall, Tools};

/// Calls of one answer; an answer with more is stopped and broken.
pub const MAX_CALLS: usize = 32;

/// The arguments of one call, in bytes (64 KiB); an answer with more is stopped and broken.
pub const MAX_ARGUMENT_BYTES: usize = 64 << 10;

/// A piece of a call, as models stream them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallPiece {
    /// Which call; some servers do not say.
    pub index: Option<u64>,
    /// Comes with the first piece.
    pub id: Option<String>,
    /// Comes with the first piece.
    pub name: Option<String>,
    /// More of the arguments.
    pub arguments: String,
}

impl CallPiece {
    /// What it adds to an answer, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let length = |part: &Option<String>| part.as_ref().map_or(0, String::len);
        length(&self.id) + length(&self.name) + self.arguments.len() + 1
    }
}

/// The calls of one answer.
#[derive(Debug, Default)]
pub struct Calls {
    pub(super) tools: Tools,
    started: Vec<Started>,
    /// What makes every further word vain.
    pub(super) wrong: Option<Wrong>,
    /// A second call came where only one is wanted; it is left out.
    pub(super) surplus: bool,
}

#[derive(Debug, Default)]
struct Started {
    index: Option<u64>,
    id: Option<String>,
    name: String,
    arguments: String,
}

impl Calls {
    /// Collects calls of these tools.
    #[must_use]
    pub fn of(tools: &Tools) -> Self {
        Self { tools: tools.clone(), ..Self::default() }
    }

    /// Whether none came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.started.is_empty() && self.wrong.is_none()
    }

    /// Takes the next piece; says whether the model may go on.
    pub fn take(&mut self, piece: CallPiece) -> bool {
        if self.wrong.is_some() || self.surplus {
            return false;
        }
        let CallPiece { index, id, name, arguments } = piece;
        let (id, name) = (id.filter(|id| !id.is_empty()), name.filter(|name| !name.is_empty()));
        if self.begins(index, id.as_deref(), name.is_some()) {
            if self.tools.parallel == Some(false) && !self.started.is_empty() {
                self.surplus = true;
                return false;
            }
            self.started.push(Started { index, id, ..Started::default() });
        }
        let more = self.started.len() <= MAX_CALLS;
        if let Some(call) = self.started.iter_mut().rev().find(|call| index.is_none() || call.index == index) {
            if call.name.is_empty() {
                call.name = name.unwrap_or_default();
            }
            call.arguments.push_str(&arguments);
            self.wrong = if !more {
                Some(Wrong::TooMany)
            } else if call.arguments.len() > MAX_ARGUMENT_BYTES {
                Some(Wrong::TooLong { tool: call.name.clone() })
            } else if !call.name.is_empty() && self.tools.callable(&call.name).is_none() {
                Some(self.tools.not_callable(&call.name))
            } else {
                None
            };
        }
        self.wrong.is_none()
    }

    /// Whether a piece is the first of its call. Indices are not to be relied on: some servers give none,
    /// and some give several calls the same.
    fn begins(&self, index: Option<u64>, id: Option<&str>, named: bool) -> bool {
        let known = self.started.iter().rev().find(|call| call.index == index);
        match known {
            None => index.is_some() || id.is_some() || named || self.started.is_empty(),
            Some(call) => match (id, call.id.as_deref()) {
                (Some(id), Some(known)) => id != known,
                _ => index.is_none() && named,
            },
        }
    }

    /// Leaves out a last call that the model's token limit has cut; says whether it did.
    pub(super) fn drop_cut(&mut self) -> bool {
        let cut = |call: &mut Started| serde_json::from_str::<serde::de::IgnoredAny>(&call.arguments).is_err();
        self.started.pop_if(cut).is_some()
    }

    /// The calls, without ids: those of the model's server are its own words, and stay here.
    pub(super) fn into_calls(self) -> Vec<ToolCall> {
        let call = |call: Started| ToolCall { id: String::new(), name: call.name, arguments: call.arguments };
        self.started.into_iter().map(call).collect()
    }
}

impl Tools {
    /// Why there is no such call.
    pub(super) fn not_callable(&self, name: &str) -> Wrong {
        let names = self.offered.iter().map(super::Tool::name).filter(|name| self.callable(name).is_some());
        let callable = names.map(str::to_owned).collect();
        Wrong::NotCallable { tool: name.chars().take(super::MAX_NAME).collect(), callable }
    }
}
