//! Frames to bytes and back (`PROTOCOL.md` §2, §4).
//!
//! Decoding never trusts a length: every declared size is held to a limit before memory is taken
//! for it, and to the bytes that are really there after.

mod bsp;
mod coder;
mod error;
mod proto;
mod schema;
mod v2;

use alloc::string::{String, ToString};

use bytes::Bytes;
pub use error::{DecodeError, EncodeError};
pub use v2::{ClientEnd, ServerEnd};

pub(crate) use coder::Coder;

pub use bsp::{HEADER_LEN, MAGIC, Split, VERSION, split};

use crate::frame::{ClientFrame, ServerFrame};
use crate::limits::{MAX_PAYLOAD, MAX_SERVER_PAYLOAD};

/// Frames of one direction.
pub trait Frame: serde::Serialize {
    /// Most bytes of a payload or a JSON text.
    const MAX_PAYLOAD: usize;
}

impl Frame for ClientFrame {
    const MAX_PAYLOAD: usize = MAX_PAYLOAD;
}

impl Frame for ServerFrame {
    const MAX_PAYLOAD: usize = MAX_SERVER_PAYLOAD;
}

/// A client's frame as one BSP frame.
///
/// # Errors
/// When the frame is larger than the protocol carries.
pub fn encode_client(frame: &ClientFrame) -> Result<Bytes, EncodeError> {
    bsp::pack(&proto::client_envelope(frame), MAX_PAYLOAD)
}

/// A server's frame as one BSP frame.
///
/// # Errors
/// When the frame is larger than the protocol carries.
pub fn encode_server(frame: &ServerFrame) -> Result<Bytes, EncodeError> {
    bsp::pack(&proto::server_envelope(frame), MAX_SERVER_PAYLOAD)
}

/// A client's frame from exactly one BSP frame with at most `max_payload` bytes of payload.
///
/// # Errors
/// The sender's fault, typed.
pub fn decode_client(bytes: &[u8], max_payload: usize) -> Result<ClientFrame, DecodeError> {
    proto::client_frame(&bsp::unpack(bytes, max_payload)?)
}

/// A server's frame from exactly one BSP frame with at most `max_payload` bytes of payload.
///
/// # Errors
/// The sender's fault, typed.
pub fn decode_server(bytes: &[u8], max_payload: usize) -> Result<ServerFrame, DecodeError> {
    proto::server_frame(&bsp::unpack(bytes, max_payload)?)
}

/// Any frame as JSON text.
///
/// # Errors
/// When the text would be larger than the protocol carries.
pub fn to_json<F: Frame>(frame: &F) -> Result<String, EncodeError> {
    let text = serde_json::to_string(frame).map_err(|e| EncodeError::Json(e.to_string()))?;
    if text.len() > F::MAX_PAYLOAD {
        return Err(EncodeError::TooLarge { len: text.len(), max: F::MAX_PAYLOAD });
    }
    Ok(text)
}

/// A frame from JSON text of at most `max_payload` bytes.
///
/// # Errors
/// The sender's fault, typed.
pub fn from_json<F: serde::de::DeserializeOwned>(text: &str, max_payload: usize) -> Result<F, DecodeError> {
    if text.len() > max_payload {
        return Err(DecodeError::TooLarge { len: text.len(), max: max_payload });
    }
    serde_json::from_str(text).map_err(|e| DecodeError::Json(e.to_string()))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::frame::{Body, Hit, Message, Outcome};
    use crate::limits::MAX_MESSAGE;

    fn reply(text: String, hits: Vec<Hit>) -> Message {
        Message {
            seq: u64::MAX,
            turn: 1,
            at_ms: u64::MAX,
            body: Body::Reply { text, outcome: Outcome::Complete, hits },
        }
    }

    /// Fails if a message that may be committed cannot be sent in one of the encodings: its session
    /// could not be read any more.
    #[test]
    fn the_largest_message_fits_a_frame_in_both_encodings() {
        let hit = Hit { rule: "\u{1}".into(), action: "\u{1}".into(), message: "\u{1}".repeat(900) };
        for (filler, hits) in [("\u{1}", 64), ("\u{1}", 0), ("h", 64), ("字", 0), ("\"", 64)] {
            let hits = alloc::vec![hit.clone(); hits];
            let around = reply(String::new(), hits.clone()).to_bytes().len() + 8;
            let message = reply(filler.repeat((MAX_MESSAGE - around) / filler.len()), hits);
            let len = message.to_bytes().len();
            assert!(len <= MAX_MESSAGE && len > MAX_MESSAGE - 16, "{len}");
            let frame = ServerFrame::Message(message);
            let bsp = encode_server(&frame).unwrap();
            assert_eq!(decode_server(&bsp, MAX_SERVER_PAYLOAD).unwrap(), frame);
            let json = to_json(&frame).unwrap();
            assert_eq!(from_json::<ServerFrame>(&json, MAX_SERVER_PAYLOAD).unwrap(), frame);
        }
    }
}
