//! Why bytes are not a frame.

use alloc::string::String;

use crate::close;

/// Why a frame cannot be sent: our own fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Larger than the protocol carries.
    #[error("the frame has {len} bytes of payload, the protocol carries {max}; send a shorter text")]
    TooLarge {
        /// Payload bytes.
        len: usize,
        /// The most that go in this direction.
        max: usize,
    },
    /// The frame has no JSON form.
    #[error("the frame cannot be written as JSON: {0}")]
    Json(String),
}

/// Why received bytes are not a frame: the peer's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than a header.
    #[error("{len} bytes are less than a BSP header (7)")]
    Short {
        /// Bytes there.
        len: usize,
    },
    /// The first two bytes are not `BS`.
    #[error("magic is {found:#06x}, expected 0x4253; is the peer speaking BSP?")]
    Magic {
        /// What is there.
        found: u16,
    },
    /// A version nobody negotiated.
    #[error("BSP version {found}, expected 1; negotiate it by subprotocol")]
    Version {
        /// What is there.
        found: u8,
    },
    /// A payload above the limit.
    #[error("a payload of {len} bytes is above the limit of {max}")]
    TooLarge {
        /// Declared or real bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// The header promises more payload than there is.
    #[error("the header promises {declared} bytes of payload, {actual} are there")]
    Truncated {
        /// Promised.
        declared: usize,
        /// There.
        actual: usize,
    },
    /// Bytes behind the frame.
    #[error("{extra} bytes follow the frame; one frame per WebSocket message")]
    Trailing {
        /// How many.
        extra: usize,
    },
    /// A size prefix that decompresses too far.
    #[error("{declared} decompressed bytes from {payload} are above the limit of {allowed}")]
    Bomb {
        /// The size prefix.
        declared: usize,
        /// Payload bytes.
        payload: usize,
        /// The limit for such a payload.
        allowed: usize,
    },
    /// The size prefix is not what the block decompresses to.
    #[error("the size prefix says {declared} bytes, the block holds {actual}")]
    LyingLength {
        /// The size prefix.
        declared: usize,
        /// What came out.
        actual: usize,
    },
    /// Not an LZ4 block.
    #[error("the payload is not an LZ4 block of the declared size: {0}")]
    Lz4(String),
    /// Not an `Envelope`.
    #[error("the payload is not a Protobuf envelope: {0}")]
    Protobuf(String),
    /// Not the JSON of a frame.
    #[error("the text is not a JSON frame: {0}")]
    Json(String),
    /// An envelope without a frame this version knows.
    #[error("this is no frame of the negotiated version")]
    UnknownFrame,
    /// An envelope with more than one frame.
    #[error("the envelope holds {found} frames; one frame per envelope")]
    Frames {
        /// How many.
        found: usize,
    },
    /// A client's frame where a server's belongs, or the other way round.
    #[error("a `{0}` frame goes in the other direction")]
    WrongDirection(&'static str),
    /// A field is missing or has a value this version does not know.
    #[error("field `{0}` is missing or has an unknown value")]
    Field(&'static str),
    /// A binary message on a JSON connection, or text on a BSP one.
    #[error("expected a {0} message, by the subprotocol")]
    Kind(&'static str),
}

impl DecodeError {
    /// The code to close the connection with.
    #[must_use]
    pub const fn close_code(&self) -> u16 {
        match self {
            Self::TooLarge { .. } | Self::Bomb { .. } => close::TOO_LARGE,
            Self::Version { .. } => close::BAD_VERSION,
            _ => close::BAD_FRAME,
        }
    }
}
