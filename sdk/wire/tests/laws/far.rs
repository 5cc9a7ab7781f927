//! The other end of a connection, as a law words it: in each of the three encodings.

use arbitrary::Arbitrary;
use rolecall_wire::client::{self, Client};
use rolecall_wire::codec::{self, ClientEnd, DecodeError, ServerEnd};
use rolecall_wire::frame::{ClientFrame, ServerFrame};
use rolecall_wire::limits::{MAX_PAYLOAD, MAX_SERVER_PAYLOAD};
use rolecall_wire::server::{self, Encoding, Server};

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

/// The server that a client talks to, on one connection.
#[derive(Debug)]
pub struct FarServer {
    wording: Wording,
    end: ServerEnd,
}

impl FarServer {
    pub fn new(wording: Wording) -> Self {
        Self { wording, end: ServerEnd::default() }
    }

    /// Says a frame, if it can be said.
    pub fn say(&mut self, now: u64, frame: &ServerFrame, client: &mut Client) {
        match self.wording {
            Wording::Json => {
                let Ok(text) = codec::to_json(frame) else { return };
                client.handle_input(now, client::Input::Text(&text));
            }
            Wording::One => {
                let Ok(bytes) = codec::encode_server(frame) else { return };
                client.handle_input(now, client::Input::Binary(&bytes));
            }
            Wording::Two => {
                let Ok(bytes) = self.end.encode(frame) else { return };
                client.handle_input(now, client::Input::Binary(&bytes));
            }
        }
    }

    /// What the client said. Whatever it heard, it says what its own frames lead to expect.
    pub fn hear(&mut self, transmit: &client::Transmit) -> Result<ClientFrame, DecodeError> {
        match (transmit, self.wording) {
            (client::Transmit::Binary(bytes), Wording::One) => codec::decode_client(bytes, MAX_PAYLOAD),
            (client::Transmit::Binary(bytes), Wording::Two) => self.end.decode(bytes, MAX_PAYLOAD),
            (client::Transmit::Text(text), Wording::Json) => codec::from_json(text, MAX_PAYLOAD),
            _ => panic!("the other encoding: {transmit:?}"),
        }
    }
}

/// The client that a server talks to.
#[derive(Debug)]
pub struct FarClient {
    wording: Wording,
    end: ClientEnd,
    /// Reads what somebody else says in the client's name: in version 2 the server may refer to it.
    others: ServerEnd,
    /// Bytes that were not the client's own were taken for a frame in another form than it would say.
    lost: bool,
}

impl FarClient {
    pub fn new(wording: Wording) -> Self {
        Self { wording, end: ClientEnd::default(), others: ServerEnd::default(), lost: false }
    }

    /// Says a frame, if it can be said.
    pub fn say(&mut self, now: u64, frame: &ClientFrame, server: &mut Server) {
        match self.wording {
            Wording::Json => {
                let Ok(text) = codec::to_json(frame) else { return };
                server.handle_input(now, server::Input::Text(&text));
            }
            Wording::One => {
                let Ok(bytes) = codec::encode_client(frame) else { return };
                server.handle_input(now, server::Input::Binary(&bytes));
            }
            Wording::Two => {
                let Ok(bytes) = self.end.encode(frame) else { return };
                assert_eq!(self.others.decode(&bytes, MAX_PAYLOAD).as_ref(), Ok(frame));
                server.handle_input(now, server::Input::Binary(&bytes));
            }
        }
    }

    /// Says any bytes.
    pub fn say_bytes(&mut self, now: u64, bytes: &[u8], server: &mut Server) {
        if let (Wording::Two, Ok(frame)) = (self.wording, self.others.decode(bytes, MAX_PAYLOAD)) {
            self.lost |= !self.end.encode(&frame).is_ok_and(|said| said == *bytes);
        }
        server.handle_input(now, server::Input::Binary(bytes));
    }

    /// Whether this end cannot follow any more.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// What the server said.
    pub fn hear(&mut self, transmit: &server::Transmit) -> Result<Vec<ServerFrame>, DecodeError> {
        match (transmit, self.wording) {
            (server::Transmit::Binary(bytes), Wording::One) => {
                codec::decode_server(bytes, MAX_SERVER_PAYLOAD).map(|frame| vec![frame])
            }
            (server::Transmit::Binary(bytes), Wording::Two) => self.end.decode(bytes, MAX_SERVER_PAYLOAD),
            (server::Transmit::Text(text), Wording::Json) => {
                codec::from_json(text, MAX_SERVER_PAYLOAD).map(|frame| vec![frame])
            }
            _ => panic!("the other encoding: {transmit:?}"),
        }
    }
}
