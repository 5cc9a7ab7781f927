//! Who owns a session, where several processes serve one store.
//!
//! A claim writes a fence that no other claim ever had, and every write of the owner names it; so ownership is safe without
//! any clock, whatever an owner that was taken for dead still believes. Rejected: to count claims. A store that lost a
//! tail counts on from before it, and two owners have the same number then.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::ids::random_digits;

/// The most bytes of a node's name.
const NODE_NAME_BYTES: usize = 64;

/// A process that serves sessions: the name of its node, and what tells it from every other process that ever had
/// that name. As text, `name/incarnation`. Cloning shares it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    text: Arc<str>,
    name: usize,
}

/// A text that names no node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a node")]
pub struct BadNode;

impl Node {
    /// A new process on a node of this name.
    ///
    /// # Errors
    /// [`BadNode`], or the system has no randomness to give.
    pub fn begin(name: &str) -> Result<Self, NodeError> {
        format!("{}/{}", checked(name)?, random_digits()?).parse().map_err(NodeError::Name)
    }

    /// A new process on a node whose name nobody chose.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn nameless() -> Result<Self, NodeError> {
        let digits = random_digits()?;
        Self::begin(&format!("n-{}", digits.get(..8).unwrap_or(&digits)))
    }

    /// Whether a node can have this name: 1 to 64 letters, digits, dots, hyphens and underscores.
    ///
    /// # Errors
    /// [`BadNode`].
    pub fn check(name: &str) -> Result<(), BadNode> {
        checked(name).map(|_| ())
    }

    /// The process that has a store to itself: nobody else ever reads its name.
    pub(super) fn only() -> Self {
        Self { text: "this/process".into(), name: 4 }
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.get(..self.name).unwrap_or_default()
    }

    /// What tells the process from all others of the name.
    #[must_use]
    pub fn incarnation(&self) -> &str {
        self.text.get(self.name.saturating_add(1)..).unwrap_or_default()
    }

    /// Both.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Why there is no new node.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NodeError {
    /// The name cannot be used.
    #[error(transparent)]
    Name(#[from] BadNode),
    /// No randomness.
    #[error("the system gave no randomness for this process's name: {0}")]
    Random(#[from] getrandom::Error),
}

fn checked(name: &str) -> Result<&str, BadNode> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=NODE_NAME_BYTES).contains(&name.len()) && name.bytes().all(fits) { Ok(name) } else { Err(BadNode) }
}

impl FromStr for Node {
    type Err = BadNode;

    fn from_str(text: &str) -> Result<Self, BadNode> {
        let (name, incarnation) = text.split_once('/').ok_or(BadNode)?;
        checked(incarnation)?;
        Ok(Self { name: checked(name)?.len(), text: text.into() })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What the writes of one claim are known by: 128 random bits, compared for equality alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence(u128);

impl Fence {
    /// One that nobody ever had.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0u8; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }

    /// A certain one, for tests.
    #[cfg(test)]
    pub(crate) const fn certain(number: u128) -> Self {
        Self(number)
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fence {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

/// An owner's hold on a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Whose.
    pub owner: Node,
    /// What its writes are known by.
    pub fence: Fence,
}

impl Hold {
    /// The hold that a claim makes of the present one, or who has the session. It takes from nobody, from `from`, and from
    /// the claimer itself, whose earlier holds end.
    pub(super) fn claimed(now: Option<&Self>, from: Option<&Node>, claim: Self) -> Result<Self, Node> {
        match now {
            Some(hold) if hold.owner != claim.owner && Some(&hold.owner) != from => Err(hold.owner.clone()),
            _ => Ok(claim),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when two processes of one name are one, or a name with what keys or messages are divided by is taken.
    #[test]
    fn nodes_are_told_apart() {
        let (one, other) = (Node::begin("a.b-c_1").unwrap(), Node::begin("a.b-c_1").unwrap());
        assert_ne!(one, other);
        assert_eq!((one.name(), one.to_string().parse::<Node>().unwrap()), ("a.b-c_1", one.clone()));
        assert_eq!(format!("{}/{}", one.name(), one.incarnation()), one.as_str());
        assert_ne!(Node::nameless().unwrap().name(), Node::nameless().unwrap().name());
        for wrong in ["", "a/b", "a b", "{a}", "ä", &"x".repeat(65)] {
            assert!(Node::begin(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "a", "/", "a/", "/b", "a/b/c"] {
            assert!(wrong.parse::<Node>().is_err(), "{wrong}");
        }
    }

    // Fails when a fence is another one on its way to the store and back, or two are alike.
    #[test]
    fn fences_are_read_as_they_are_written() {
        let fence = Fence::random().unwrap();
        assert_eq!(fence.to_string().parse::<Fence>().unwrap(), fence);
        assert_ne!(Fence::random().unwrap(), fence);
        assert_eq!(Fence::certain(7).to_string().len(), 32);
    }
}
