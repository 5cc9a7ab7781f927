//! The proof that a value passed the contract.

/// A value that enforcement let through. Only `enforce` can make one, so code that forgets the
/// contract does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permitted<T>(T);

impl<T> Permitted<T> {
    /// Vouches for a value. Callable within `enforce` only.
    pub(super) fn new(value: T) -> Self {
        Self(value)
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The value, by move.
    pub fn into_inner(self) -> T {
        self.0
    }
}
