//! What the guesses for one schema may cost.

use serde_json::Value;

/// What may still be made. A small schema can ask for a very large value: three arrays inside each other with
/// 128 items each are two million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// Values made, those inside others counted.
    nodes: usize,
    /// Bytes of their texts and names.
    bytes: usize,
    /// Parts of the schema copied or compared, and bytes of patterns read.
    work: usize,
}

impl Budget {
    pub(super) const ALL: Self = Self { nodes: 4_000, bytes: 64 << 10, work: 200_000 };

    pub(super) const NONE: Self = Self { nodes: 0, bytes: 0, work: 0 };

    pub(super) fn half(self) -> Self {
        Self { nodes: self.nodes / 2, bytes: self.bytes / 2, work: self.work / 2 }
    }

    /// What is left, if it is enough.
    pub(super) fn spend(self, nodes: usize, bytes: usize, work: usize) -> Option<Self> {
        Some(Self {
            nodes: self.nodes.checked_sub(nodes)?,
            bytes: self.bytes.checked_sub(bytes)?,
            work: self.work.checked_sub(work)?,
        })
    }

    /// What is left when of a share that was given out only `rest` came back.
    pub(super) fn without(self, share: Self, rest: Self) -> Self {
        let less = |all: usize, share: usize, rest: usize| all.saturating_sub(share.saturating_sub(rest));
        Self {
            nodes: less(self.nodes, share.nodes, rest.nodes),
            bytes: less(self.bytes, share.bytes, rest.bytes),
            work: less(self.work, share.work, rest.work),
        }
    }
}

/// The number of values in a value, itself among them.
pub(super) fn weight(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(weight).sum::<usize>(),
        _ => 1,
    }
}

/// The bytes of a value, written out.
pub(super) fn length(value: &Value) -> usize {
    value.to_string().len()
}
