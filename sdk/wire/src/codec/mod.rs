//! Frames to bytes and back (`PROTOCOL.md` §2, §4).
//!
//! Decoding never trusts a length: every declared size is held to a limit before memory is taken
//! for it, and to the bytes that are really there after.

mod bsp;
mod error;
mod proto;
mod schema;

use alloc::string::{String, ToString};

use bytes::Bytes;
pub use error::{DecodeError, EncodeError};

pub use bsp::{HEADER_LEN, MAGIC, Split, VERSION, split};

use crate::frame::{ClientFrame, ServerFrame};

/// A client's frame as one BSP frame.
///
/// # Errors
/// When the frame is larger than the protocol carries.
pub fn encode_client(frame: &ClientFrame) -> Result<Bytes, EncodeError> {
    bsp::pack(&proto::client_envelope(frame))
}

/// A server's frame as one BSP frame.
///
/// # Errors
/// When the frame is larger than the protocol carries.
pub fn encode_server(frame: &ServerFrame) -> Result<Bytes, EncodeError> {
    bsp::pack(&proto::server_envelope(frame))
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
pub fn to_json<F: serde::Serialize>(frame: &F) -> Result<String, EncodeError> {
    let text = serde_json::to_string(frame).map_err(|e| EncodeError::Json(e.to_string()))?;
    if text.len() > crate::limits::MAX_PAYLOAD {
        return Err(EncodeError::TooLarge { len: text.len() });
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
