//! Frames to and from what the socket carries, at the server's end.

use super::{Input, Transmit};
use crate::codec::{self, Coder, DecodeError, EncodeError, ServerEnd};
use crate::frame::{ClientFrame, Message, ServerFrame};

impl Coder<ServerEnd> {
    pub(super) fn encode(&mut self, frame: &ServerFrame) -> Result<Transmit, EncodeError> {
        match self {
            Self::BspV1 => codec::encode_server(frame).map(Transmit::Binary),
            Self::BspV2(end) => end.encode(frame).map(Transmit::Binary),
            Self::JsonV1 => codec::to_json(frame).map(Transmit::Text),
        }
    }

    /// Pieces of a reply as one frame, where the encoding has that.
    pub(super) fn encode_pieces(&mut self, pieces: &[Message]) -> Option<Transmit> {
        match self {
            Self::BspV2(end) => end.encode_pieces(pieces).map(Transmit::Binary),
            Self::BspV1 | Self::JsonV1 => None,
        }
    }

    pub(super) fn decode(&mut self, input: &Input<'_>, max_payload: usize) -> Result<ClientFrame, DecodeError> {
        match (self, input) {
            (Self::BspV1, Input::Binary(bytes)) => codec::decode_client(bytes, max_payload),
            (Self::BspV2(end), Input::Binary(bytes)) => end.decode(bytes, max_payload),
            (Self::JsonV1, Input::Text(text)) => codec::from_json(text, max_payload),
            (Self::BspV1 | Self::BspV2(_), _) => Err(DecodeError::Kind("binary")),
            (Self::JsonV1, _) => Err(DecodeError::Kind("text")),
        }
    }
}
