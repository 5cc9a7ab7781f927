//! Client to server.

use super::super::DecodeError;
use super::super::proto::{network_from, network_to};
use super::bytes::Writer;
use super::{ACK, BEAT, CANCEL, FLAG_A, SEND, kind_of};
use crate::frame::ClientFrame;

/// What the frames so far have said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Up {
    client_seq: u64,
    ack: u64,
    clock_ms: u64,
}

impl Up {
    pub(super) fn encode(&self, frame: &ClientFrame) -> Writer {
        match frame {
            ClientFrame::Send { id, client_seq, text } => {
                let packed = packed(id);
                let mut writer = Writer::new(SEND | if packed.is_some() { FLAG_A } else { 0 });
                match packed {
                    Some(id) => writer.0.extend_from_slice(&id.to_be_bytes()),
                    None => drop(writer.string(id)),
                }
                writer.difference(*client_seq, self.client_seq).text(text);
                writer
            }
            ClientFrame::Ack { seq } => {
                let mut writer = Writer::new(ACK);
                writer.difference(*seq, self.ack);
                writer
            }
            ClientFrame::Beat { ack, sent_ms, network } => {
                let mut writer = Writer::new(BEAT | if network.is_some() { FLAG_A } else { 0 });
                writer.difference(*ack, self.ack).difference(*sent_ms, self.clock_ms);
                if let Some(network) = network {
                    writer.number(network_to(*network) as i32);
                }
                writer
            }
            ClientFrame::Cancel { turn } => {
                let mut writer = Writer::new(CANCEL);
                writer.uint(*turn);
                writer
            }
        }
    }

    pub(super) fn decode(&self, bytes: &[u8]) -> Result<ClientFrame, DecodeError> {
        let (kind, flags, mut reader) = kind_of(bytes)?;
        let flagged = flags & FLAG_A != 0;
        let frame = match kind {
            SEND => {
                let id = if flagged {
                    let (id, rest) = reader.0.split_first_chunk().ok_or(DecodeError::Field("id"))?;
                    reader.0 = rest;
                    alloc::format!("{:032x}", u128::from_be_bytes(*id))
                } else {
                    reader.string("id")?
                };
                let client_seq = reader.difference(self.client_seq, "client_seq")?;
                ClientFrame::Send { id, client_seq, text: reader.text("text")? }
            }
            ACK if flags == 0 => ClientFrame::Ack { seq: reader.difference(self.ack, "seq")? },
            BEAT => {
                let ack = reader.difference(self.ack, "ack")?;
                let sent_ms = reader.difference(self.clock_ms, "sent_ms")?;
                let network = if flagged { Some(network_from(reader.number("network")?)?) } else { None };
                ClientFrame::Beat { ack, sent_ms, network }
            }
            CANCEL if flags == 0 => ClientFrame::Cancel { turn: reader.uint("turn")? },
            _ => return Err(DecodeError::UnknownFrame),
        };
        if flags & !FLAG_A != 0 {
            return Err(DecodeError::UnknownFrame);
        }
        reader.end()?;
        Ok(frame)
    }

    /// Takes note of a frame, at both ends in the same order.
    pub(super) const fn note(&mut self, frame: &ClientFrame) {
        match frame {
            ClientFrame::Send { client_seq, .. } => self.client_seq = *client_seq,
            ClientFrame::Ack { seq } => self.ack = *seq,
            ClientFrame::Beat { ack, sent_ms, .. } => (self.ack, self.clock_ms) = (*ack, *sent_ms),
            ClientFrame::Cancel { .. } => {}
        }
    }
}

/// An id of 32 hexadecimal digits in lower case, which is 128 bits.
fn packed(id: &str) -> Option<u128> {
    let digits = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u128::from_str_radix(id, 16).ok().filter(|_| digits)
}
