//! The three encodings, as a fuzzer draws them.

use arbitrary::Arbitrary;
use rolecall_wire::server::Encoding;

/// An encoding.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Wording {
    One,
    Two,
    Json,
}

impl From<Wording> for Encoding {
    fn from(wording: Wording) -> Self {
        match wording {
            Wording::One => Self::BspV1,
            Wording::Two => Self::BspV2,
            Wording::Json => Self::JsonV1,
        }
    }
}
