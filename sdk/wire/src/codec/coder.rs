//! The encoding that a connection negotiated, at one of its ends. What an end says and hears stands with its machine.

use alloc::boxed::Box;

use crate::server::Encoding;

/// Version 2 has a memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Coder<End> {
    BspV1,
    BspV2(Box<End>),
    JsonV1,
}

impl<End: Default> Coder<End> {
    pub(crate) fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::BspV1 => Self::BspV1,
            Encoding::BspV2 => Self::BspV2(Box::default()),
            Encoding::JsonV1 => Self::JsonV1,
        }
    }
}
