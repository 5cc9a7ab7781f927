//! What must hold after every step.

use std::fmt;

macro_rules! properties {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A promise of the protocol. P1 to P10 are numbered as in the project's design.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Property {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Property {
            /// What it promises.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+),)+
                }
            }
        }
    };
}

properties! {
    /// What is committed is delivered, what is sent is accepted or refused, and nobody is stuck.
    P1,
    /// The application gets no message twice.
    P2,
    /// Messages come in the order of their sequence ids, as they were committed.
    P3,
    /// "Caught up" is never said with a hole, and a hole is never taken.
    P4,
    /// One live attachment per session and owner; who is replaced was replaced by another.
    P5,
    /// A sequence id is never used again within an epoch.
    P6,
    /// Acknowledgements follow what was processed, never go back, and come in time.
    P7,
    /// One client message id has one effect and one answer, and client numbers have no holes.
    P8,
    /// A store that went back is told to every client that saw what it lost.
    P9,
    /// Queues and rates are bounded.
    P10,
    /// Silence ends a connection in time, life does not, and round trips are what they were.
    P11,
    /// Attempts keep their pace: jitter under a doubling bound, and the time that a server named.
    P12,
    /// Whoever breaks the protocol is closed with the right code and has no other effect.
    P13,
}

/// A property that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub property: Property,
    /// What was seen instead.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:{} But: {}", self.property, self.property.text(), self.detail)
    }
}

/// Whether everything held.
pub(crate) type Held = Result<(), Violation>;

/// Returns a [`Violation`] from the function when the condition is false.
macro_rules! hold {
    ($condition:expr, $property:ident, $($detail:tt)+) => {
        if !$condition {
            return Err($crate::property::Violation {
                property: $crate::property::Property::$property,
                detail: format!($($detail)+),
            });
        }
    };
}
pub(crate) use hold;
