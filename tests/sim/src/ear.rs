//! What an observer on the line understands of a connection, by codecs of its own.

use rolecall_wire::codec::{self, ClientEnd, DecodeError, ServerEnd};
use rolecall_wire::frame::{ClientFrame, ServerFrame};
use rolecall_wire::limits::{MAX_PAYLOAD, MAX_SERVER_PAYLOAD};
use rolecall_wire::server::Encoding;

/// Listens to both directions at the client's end.
#[derive(Debug)]
pub(crate) struct Ear {
    encoding: Encoding,
    /// Understands the client.
    up: ServerEnd,
    /// Understands the server.
    down: ClientEnd,
}

impl Ear {
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self { encoding, up: ServerEnd::default(), down: ClientEnd::default() }
    }

    pub(crate) fn client(&mut self, bytes: &[u8]) -> Result<ClientFrame, DecodeError> {
        match self.encoding {
            Encoding::BspV1 => codec::decode_client(bytes, MAX_PAYLOAD),
            Encoding::JsonV1 => codec::from_json(&String::from_utf8_lossy(bytes), MAX_PAYLOAD),
            Encoding::BspV2 => {
                let frame = self.up.decode(bytes, MAX_PAYLOAD)?;
                // The server may refer to what the client said. A frame has one form.
                if self.down.encode(&frame).is_ok_and(|again| again == *bytes) {
                    Ok(frame)
                } else {
                    Err(DecodeError::Field("form"))
                }
            }
        }
    }

    pub(crate) fn server(&mut self, bytes: &[u8]) -> Result<Vec<ServerFrame>, DecodeError> {
        match self.encoding {
            Encoding::BspV1 => codec::decode_server(bytes, MAX_SERVER_PAYLOAD).map(|frame| vec![frame]),
            Encoding::JsonV1 => {
                codec::from_json(&String::from_utf8_lossy(bytes), MAX_SERVER_PAYLOAD).map(|frame| vec![frame])
            }
            Encoding::BspV2 => self.down.decode(bytes, MAX_SERVER_PAYLOAD),
        }
    }
}
