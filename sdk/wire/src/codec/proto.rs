//! Frames to Protobuf and back.

use alloc::string::ToString;
use alloc::vec::Vec;

use prost::Message as _;
use prost::encoding::{DecodeContext, decode_key, skip_field};

use super::schema::{CLIENT_FRAMES, Numbered, SERVER_FRAMES};
use super::{DecodeError, schema};
use crate::frame::{Body, ClientFrame, Hit, Message, Network, Outcome, Secret, ServerFrame};

pub(super) fn client_envelope(frame: &ClientFrame) -> Vec<u8> {
    let frame = match frame.clone() {
        ClientFrame::Send { id, client_seq, text } => schema::ClientFrame::Send(schema::Send { id, client_seq, text }),
        ClientFrame::Ack { seq } => schema::ClientFrame::Ack(schema::Ack { seq }),
        ClientFrame::Beat { ack, sent_ms, network } => {
            let network = network.map(|n| network_to(n) as i32);
            schema::ClientFrame::ClientBeat(schema::ClientBeat { ack, sent_ms, network })
        }
        ClientFrame::Cancel { turn } => schema::ClientFrame::Cancel(schema::Cancel { turn }),
    };
    schema::ClientEnvelope { frame: Some(frame) }.encode_to_vec()
}

pub(super) fn server_envelope(frame: &ServerFrame) -> Vec<u8> {
    use schema::ServerFrame as F;
    let frame = match frame.clone() {
        ServerFrame::Welcome {
            session_id,
            role,
            epoch,
            next_seq,
            resume_from,
            client_seq,
            heartbeat_ms,
            timeout_ms,
        } => F::Welcome(schema::Welcome {
            session_id,
            role,
            epoch,
            next_seq,
            resume_from,
            client_seq,
            heartbeat_ms,
            timeout_ms,
        }),
        ServerFrame::Resumed { from, to } => F::Resumed(schema::Resumed { from, to }),
        ServerFrame::Accepted { id, client_seq, seq, duplicate } => {
            F::Accepted(schema::Accepted { id, client_seq, seq, duplicate })
        }
        ServerFrame::Message(message) => F::Message(message.into()),
        ServerFrame::Beat { echo_ms, heartbeat_ms } => F::ServerBeat(schema::ServerBeat { echo_ms, heartbeat_ms }),
        ServerFrame::Error { code, message, id } => F::Error(schema::Error { code, message, id }),
        ServerFrame::Goaway { after_ms } => F::Goaway(schema::Goaway { after_ms }),
        ServerFrame::Skipped { from, to } => F::Skipped(schema::Skipped { from, to }),
        ServerFrame::Token { token } => F::Token(schema::Token { token: token.reveal().into() }),
    };
    schema::ServerEnvelope { frame: Some(frame) }.encode_to_vec()
}

pub(super) fn client_frame(envelope: &[u8]) -> Result<ClientFrame, DecodeError> {
    use schema::ClientFrame as F;
    Ok(
        match open::<schema::ClientEnvelope>(envelope, CLIENT_FRAMES, SERVER_FRAMES)?
            .frame
            .ok_or(DecodeError::UnknownFrame)?
        {
            F::Send(f) => ClientFrame::Send { id: f.id, client_seq: f.client_seq, text: f.text },
            F::Ack(f) => ClientFrame::Ack { seq: f.seq },
            F::ClientBeat(f) => {
                let network = f.network.map(network_from).transpose()?;
                ClientFrame::Beat { ack: f.ack, sent_ms: f.sent_ms, network }
            }
            F::Cancel(f) => ClientFrame::Cancel { turn: f.turn },
        },
    )
}

pub(super) fn server_frame(envelope: &[u8]) -> Result<ServerFrame, DecodeError> {
    use schema::ServerFrame as F;
    Ok(
        match open::<schema::ServerEnvelope>(envelope, SERVER_FRAMES, CLIENT_FRAMES)?
            .frame
            .ok_or(DecodeError::UnknownFrame)?
        {
            F::Welcome(f) => ServerFrame::Welcome {
                session_id: f.session_id,
                role: f.role,
                epoch: f.epoch,
                next_seq: f.next_seq,
                resume_from: f.resume_from,
                client_seq: f.client_seq,
                heartbeat_ms: f.heartbeat_ms,
                timeout_ms: f.timeout_ms,
            },
            F::Resumed(f) => ServerFrame::Resumed { from: f.from, to: f.to },
            F::Accepted(f) => {
                ServerFrame::Accepted { id: f.id, client_seq: f.client_seq, seq: f.seq, duplicate: f.duplicate }
            }
            F::Message(f) => ServerFrame::Message(f.try_into()?),
            F::ServerBeat(f) => ServerFrame::Beat { echo_ms: f.echo_ms, heartbeat_ms: f.heartbeat_ms },
            F::Error(f) => ServerFrame::Error { code: f.code, message: f.message, id: f.id },
            F::Goaway(f) => ServerFrame::Goaway { after_ms: f.after_ms },
            F::Skipped(f) => ServerFrame::Skipped { from: f.from, to: f.to },
            F::Token(f) => ServerFrame::Token { token: Secret::new(f.token) },
        },
    )
}

impl Message {
    /// The message as Protobuf, uncompressed: how the store keeps it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        schema::Message::from(self.clone()).encode_to_vec()
    }

    /// A message from what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// When the bytes are not a message of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        schema::Message::decode(bytes).map_err(|e| DecodeError::Protobuf(e.to_string()))?.try_into()
    }
}

impl From<Message> for schema::Message {
    fn from(message: Message) -> Self {
        let body = match message.body {
            Body::User { id, text } => schema::Body::User(schema::User { id, text }),
            Body::Delta { text } => schema::Body::Delta(schema::Delta { text }),
            Body::Reply { text, outcome, hits } => {
                let hits = hits.into_iter().map(|h| schema::Hit { rule: h.rule, action: h.action, message: h.message });
                schema::Body::Reply(schema::Reply { text, outcome: outcome_to(outcome) as i32, hits: hits.collect() })
            }
            Body::Delivery { text, intent, parts } => schema::Body::Delivery(schema::Delivery { text, intent, parts }),
        };
        Self { seq: message.seq, turn: message.turn, at_ms: message.at_ms, body: Some(body) }
    }
}

impl TryFrom<schema::Message> for Message {
    type Error = DecodeError;

    fn try_from(message: schema::Message) -> Result<Self, DecodeError> {
        let body = match message.body.ok_or(DecodeError::Field("message.body"))? {
            schema::Body::User(b) => Body::User { id: b.id, text: b.text },
            schema::Body::Delta(b) => Body::Delta { text: b.text },
            schema::Body::Reply(b) => {
                let hits = b.hits.into_iter().map(|h| Hit { rule: h.rule, action: h.action, message: h.message });
                Body::Reply { text: b.text, outcome: outcome_from(b.outcome)?, hits: hits.collect() }
            }
            schema::Body::Delivery(b) => Body::Delivery { text: b.text, intent: b.intent, parts: b.parts },
        };
        Ok(Self { seq: message.seq, turn: message.turn, at_ms: message.at_ms, body })
    }
}

/// Decodes an envelope that holds exactly one frame, of the right direction. Both are looked at before anything is
/// decoded: in memory, a server's frame may take a hundred times what it took on the way, and no client may make
/// the server take that.
fn open<E: prost::Message + Default>(
    envelope: &[u8],
    ours: &[Numbered],
    others: &[Numbered],
) -> Result<E, DecodeError> {
    let malformed = |error: prost::DecodeError| DecodeError::Protobuf(error.to_string());
    let (mut rest, mut found) = (envelope, 0);
    while !rest.is_empty() {
        let (number, wire_type) = decode_key(&mut rest).map_err(malformed)?;
        skip_field(wire_type, number, &mut rest, DecodeContext::default()).map_err(malformed)?;
        if let Some((_, name)) = others.iter().find(|(other, _)| *other == number) {
            return Err(DecodeError::WrongDirection(name));
        }
        found += usize::from(ours.iter().any(|(own, _)| *own == number));
    }
    match found {
        0 => Err(DecodeError::UnknownFrame),
        1 => E::decode(envelope).map_err(malformed),
        _ => Err(DecodeError::Frames { found }),
    }
}

pub(super) fn network_to(network: Network) -> schema::Network {
    match network {
        Network::FourG => schema::Network::FourG,
        Network::ThreeG => schema::Network::ThreeG,
        Network::TwoG => schema::Network::TwoG,
        Network::SlowTwoG => schema::Network::SlowTwoG,
        Network::Other => schema::Network::Other,
    }
}

pub(super) fn network_from(value: i32) -> Result<Network, DecodeError> {
    Ok(match schema::Network::try_from(value) {
        Ok(schema::Network::FourG) => Network::FourG,
        Ok(schema::Network::ThreeG) => Network::ThreeG,
        Ok(schema::Network::TwoG) => Network::TwoG,
        Ok(schema::Network::SlowTwoG) => Network::SlowTwoG,
        Ok(schema::Network::Other) => Network::Other,
        Err(_) => return Err(DecodeError::Field("beat.network")),
    })
}

pub(super) fn outcome_to(outcome: Outcome) -> schema::Outcome {
    match outcome {
        Outcome::Complete => schema::Outcome::Complete,
        Outcome::Repaired => schema::Outcome::Repaired,
        Outcome::Fallback => schema::Outcome::Fallback,
        Outcome::Refused => schema::Outcome::Refused,
        Outcome::Cancelled => schema::Outcome::Cancelled,
        Outcome::Failed => schema::Outcome::Failed,
    }
}

pub(super) fn outcome_from(value: i32) -> Result<Outcome, DecodeError> {
    Ok(match schema::Outcome::try_from(value) {
        Ok(schema::Outcome::Complete) => Outcome::Complete,
        Ok(schema::Outcome::Repaired) => Outcome::Repaired,
        Ok(schema::Outcome::Fallback) => Outcome::Fallback,
        Ok(schema::Outcome::Refused) => Outcome::Refused,
        Ok(schema::Outcome::Cancelled) => Outcome::Cancelled,
        Ok(schema::Outcome::Failed) => Outcome::Failed,
        Ok(schema::Outcome::Unspecified) | Err(_) => return Err(DecodeError::Field("reply.outcome")),
    })
}
