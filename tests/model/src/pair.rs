//! Two of a kind, told apart by name, so that no index can miss.

use std::fmt;

/// Which of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// The first.
    A,
    /// The second.
    B,
}

impl Name {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// One for each name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair<T> {
    /// The first.
    pub a: T,
    /// The second.
    pub b: T,
}

impl<T> Pair<T> {
    /// The one with this name.
    pub const fn of(&self, name: Name) -> &T {
        match name {
            Name::A => &self.a,
            Name::B => &self.b,
        }
    }

    /// The same, to be changed.
    pub const fn of_mut(&mut self, name: Name) -> &mut T {
        match name {
            Name::A => &mut self.a,
            Name::B => &mut self.b,
        }
    }

    /// Both, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (Name, &T)> {
        [(Name::A, &self.a), (Name::B, &self.b)].into_iter()
    }
}
