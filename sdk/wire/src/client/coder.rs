//! Frames to and from what the socket carries, at the client's end.

use alloc::vec::Vec;

use super::Transmit;
use crate::codec::{self, ClientEnd, Coder, DecodeError, EncodeError};
use crate::frame::{ClientFrame, ServerFrame};

impl Coder<ClientEnd> {
    pub(super) fn encode(&mut self, frame: &ClientFrame) -> Result<Transmit, EncodeError> {
        match self {
            Self::BspV1 => codec::encode_client(frame).map(Transmit::Binary),
            Self::BspV2(end) => end.encode(frame).map(Transmit::Binary),
            Self::JsonV1 => codec::to_json(frame).map(Transmit::Text),
        }
    }

    /// The frames of a binary message; version 2 may have several.
    pub(super) fn binary(&mut self, bytes: &[u8], max_payload: usize) -> Result<Vec<ServerFrame>, DecodeError> {
        match self {
            Self::BspV1 => codec::decode_server(bytes, max_payload).map(|frame| Vec::from([frame])),
            Self::BspV2(end) => end.decode(bytes, max_payload),
            Self::JsonV1 => Err(DecodeError::Kind("text")),
        }
    }

    /// The frame of a text message.
    pub(super) fn text(&self, text: &str, max_payload: usize) -> Result<Vec<ServerFrame>, DecodeError> {
        match self {
            Self::JsonV1 => codec::from_json(text, max_payload).map(|frame| Vec::from([frame])),
            Self::BspV1 | Self::BspV2(_) => Err(DecodeError::Kind("binary")),
        }
    }
}
