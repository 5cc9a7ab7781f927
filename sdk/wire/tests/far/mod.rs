//! The end of a connection that is opposite to what is tried: it words frames, and reads them, in any encoding.

use bytes::Bytes;
use rolecall_wire::client;
use rolecall_wire::codec::{self, ClientEnd, EncodeError, ServerEnd};
use rolecall_wire::frame::{ClientFrame, ServerFrame};
use rolecall_wire::limits::{MAX_PAYLOAD, MAX_SERVER_PAYLOAD};
use rolecall_wire::server::{self, Encoding};

/// A message of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    /// A binary one.
    Binary(Bytes),
    /// A text.
    Text(String),
}

/// As a client's machine takes it.
impl<'a> From<&'a Payload> for client::Input<'a> {
    fn from(payload: &'a Payload) -> Self {
        match payload {
            Payload::Binary(bytes) => Self::Binary(bytes),
            Payload::Text(text) => Self::Text(text),
        }
    }
}

/// As a server's machine takes it.
impl<'a> From<&'a Payload> for server::Input<'a> {
    fn from(payload: &'a Payload) -> Self {
        match payload {
            Payload::Binary(bytes) => Self::Binary(bytes),
            Payload::Text(text) => Self::Text(text),
        }
    }
}

/// What a client's machine sent, unless it was no message.
impl TryFrom<client::Transmit> for Payload {
    type Error = client::Transmit;

    fn try_from(transmit: client::Transmit) -> Result<Self, client::Transmit> {
        match transmit {
            client::Transmit::Binary(bytes) => Ok(Self::Binary(bytes)),
            client::Transmit::Text(text) => Ok(Self::Text(text)),
            other => Err(other),
        }
    }
}

/// What a server's machine sent, unless it was no message.
impl TryFrom<server::Transmit> for Payload {
    type Error = server::Transmit;

    fn try_from(transmit: server::Transmit) -> Result<Self, server::Transmit> {
        match transmit {
            server::Transmit::Binary(bytes) => Ok(Self::Binary(bytes)),
            server::Transmit::Text(text) => Ok(Self::Text(text)),
            other => Err(other),
        }
    }
}

/// The server that a client talks to, on one connection.
#[derive(Debug)]
pub(crate) struct FarServer {
    encoding: Encoding,
    end: ServerEnd,
}

impl FarServer {
    /// At the beginning of a connection.
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self { encoding, end: ServerEnd::default() }
    }

    /// The message that says a frame.
    ///
    /// # Errors
    /// When no message can.
    pub(crate) fn say(&mut self, frame: &ServerFrame) -> Result<Payload, EncodeError> {
        match self.encoding {
            Encoding::JsonV1 => codec::to_json(frame).map(Payload::Text),
            Encoding::BspV1 => codec::encode_server(frame).map(Payload::Binary),
            Encoding::BspV2 => self.end.encode(frame).map(Payload::Binary),
        }
    }

    /// What the client said.
    ///
    /// # Errors
    /// When that was no frame of this connection.
    pub(crate) fn hear(&mut self, payload: Payload) -> Result<ClientFrame, String> {
        let heard = match (payload, self.encoding) {
            (Payload::Binary(bytes), Encoding::BspV1) => codec::decode_client(&bytes, MAX_PAYLOAD),
            (Payload::Binary(bytes), Encoding::BspV2) => self.end.decode(&bytes, MAX_PAYLOAD),
            (Payload::Text(text), Encoding::JsonV1) => codec::from_json(&text, MAX_PAYLOAD),
            (other, _) => return Err(format!("of the other encoding: {other:?}")),
        };
        heard.map_err(|fault| fault.to_string())
    }
}

/// The client that a server talks to, on one connection.
#[derive(Debug)]
pub(crate) struct FarClient {
    encoding: Encoding,
    end: ClientEnd,
}

impl FarClient {
    /// At the beginning of a connection.
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self { encoding, end: ClientEnd::default() }
    }

    /// The message that says a frame.
    ///
    /// # Errors
    /// When no message can.
    pub(crate) fn say(&mut self, frame: &ClientFrame) -> Result<Payload, EncodeError> {
        match self.encoding {
            Encoding::JsonV1 => codec::to_json(frame).map(Payload::Text),
            Encoding::BspV1 => codec::encode_client(frame).map(Payload::Binary),
            Encoding::BspV2 => self.end.encode(frame).map(Payload::Binary),
        }
    }

    /// What the server said: one frame, or in version 2 the pieces of a reply.
    ///
    /// # Errors
    /// When that was no frame of this connection.
    pub(crate) fn hear(&mut self, payload: Payload) -> Result<Vec<ServerFrame>, String> {
        let heard = match (payload, self.encoding) {
            (Payload::Binary(bytes), Encoding::BspV1) => {
                codec::decode_server(&bytes, MAX_SERVER_PAYLOAD).map(|frame| vec![frame])
            }
            (Payload::Binary(bytes), Encoding::BspV2) => self.end.decode(&bytes, MAX_SERVER_PAYLOAD),
            (Payload::Text(text), Encoding::JsonV1) => {
                codec::from_json(&text, MAX_SERVER_PAYLOAD).map(|frame| vec![frame])
            }
            (other, _) => return Err(format!("of the other encoding: {other:?}")),
        };
        heard.map_err(|fault| fault.to_string())
    }
}
