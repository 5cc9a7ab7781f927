//! BSP version 2 (`PROTOCOL.md` §13): what both ends of a connection know already is not said again.
//!
//! The two ends of a connection keep the same small state, moved by the same frames in the same order, and each
//! frame says how it differs from what that state leads to expect. Whatever frame it is, its meaning is that of
//! version 1: nothing above the codec knows the version.

mod bytes;
mod down;
mod said;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;
mod up;

use alloc::vec::Vec;

use ::bytes::Bytes;

use self::bytes::{Reader, Writer};
use self::down::Down;
use self::said::Said;
use self::up::Up;
use super::{DecodeError, EncodeError};
use crate::frame::{ClientFrame, Message, ServerFrame};
use crate::limits::{MAX_PAYLOAD, MAX_SERVER_PAYLOAD};

// The low five bits of a frame's first byte.
const SEND: u8 = 1;
const ACK: u8 = 2;
const BEAT: u8 = 3;
const CANCEL: u8 = 4;
const WELCOME: u8 = 8;
const RESUMED: u8 = 9;
const ACCEPTED: u8 = 10;
const USER: u8 = 11;
const SERVER_BEAT: u8 = 12;
const ERROR: u8 = 13;
const GOAWAY: u8 = 14;
const SKIPPED: u8 = 15;
const TOKEN: u8 = 16;
const DELTA: u8 = 17;
const REPLY: u8 = 18;
const DELIVERY: u8 = 19;
const DELTAS: u8 = 20;

const KIND: u8 = 0x1f;
// What they mean depends on the frame.
const FLAG_A: u8 = 0x20;
const FLAG_B: u8 = 0x40;

/// The client's end of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientEnd {
    up: Up,
    down: Down,
    said: Said,
}

/// The server's end of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerEnd {
    up: Up,
    down: Down,
    said: Said,
}

impl Default for ClientEnd {
    fn default() -> Self {
        Self { up: Up::default(), down: Down::default(), said: Said::at_client() }
    }
}

impl Default for ServerEnd {
    fn default() -> Self {
        Self { up: Up::default(), down: Down::default(), said: Said::at_server() }
    }
}

impl ClientEnd {
    /// The bytes of the next frame to send.
    ///
    /// # Errors
    /// When the frame is larger than the protocol carries; it was not sent then.
    pub fn encode(&mut self, frame: &ClientFrame) -> Result<Bytes, EncodeError> {
        let bytes = finish(self.up.encode(frame), MAX_PAYLOAD)?;
        self.up.note(frame);
        self.said.note(frame);
        Ok(bytes)
    }

    /// The frames of the next bytes that came, at most `max_payload` of them: one frame, or the pieces of a reply.
    ///
    /// # Errors
    /// The sender's fault, typed. Nothing that follows can be read then.
    pub fn decode(&mut self, bytes: &[u8], max_payload: usize) -> Result<Vec<ServerFrame>, DecodeError> {
        limit(bytes, max_payload)?;
        let frames = self.down.decode(bytes, &self.said)?;
        frames.iter().for_each(|frame| self.down.note(frame));
        Ok(frames)
    }
}

impl ServerEnd {
    /// The bytes of the next frame to send.
    ///
    /// # Errors
    /// When the frame is larger than the protocol carries; it was not sent then.
    pub fn encode(&mut self, frame: &ServerFrame) -> Result<Bytes, EncodeError> {
        let bytes = finish(self.down.encode(frame, &self.said), MAX_SERVER_PAYLOAD)?;
        self.down.note(frame);
        Ok(bytes)
    }

    /// The bytes of pieces of one reply that follow each other, two or more, as the next frame to send. `None` when they are
    /// not that, or too large together; nothing was sent then.
    pub fn encode_pieces(&mut self, pieces: &[Message]) -> Option<Bytes> {
        let bytes = finish(self.down.pieces(pieces)?, MAX_SERVER_PAYLOAD).ok()?;
        for piece in pieces {
            self.down.note_message(piece);
        }
        Some(bytes)
    }

    /// The frame of the next bytes that came, at most `max_payload` of them.
    ///
    /// # Errors
    /// The sender's fault, typed. Nothing that follows can be read then.
    pub fn decode(&mut self, bytes: &[u8], max_payload: usize) -> Result<ClientFrame, DecodeError> {
        limit(bytes, max_payload)?;
        let frame = self.up.decode(bytes)?;
        self.up.note(&frame);
        self.said.note(&frame);
        Ok(frame)
    }
}

fn finish(writer: Writer, max: usize) -> Result<Bytes, EncodeError> {
    let len = writer.0.len();
    if len > max { Err(EncodeError::TooLarge { len, max }) } else { Ok(Bytes::from(writer.0)) }
}

const fn limit(bytes: &[u8], max: usize) -> Result<(), DecodeError> {
    if bytes.len() > max { Err(DecodeError::TooLarge { len: bytes.len(), max }) } else { Ok(()) }
}

/// A frame's kind, its flags, and its fields.
fn kind_of(bytes: &[u8]) -> Result<(u8, u8, Reader<'_>), DecodeError> {
    let (first, fields) = bytes.split_first().ok_or(DecodeError::Field("kind"))?;
    Ok((first & KIND, first & !KIND, Reader(fields)))
}
