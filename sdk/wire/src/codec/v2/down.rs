//! Server to client.

use alloc::string::String;
use alloc::vec::Vec;

use super::super::DecodeError;
use super::super::proto::{outcome_from, outcome_to};
use super::bytes::{Reader, Writer};
use super::said::Said;
use super::{
    ACCEPTED, DELIVERY, DELTA, DELTAS, ERROR, FLAG_A, FLAG_B, GOAWAY, REPLY, RESUMED, SERVER_BEAT, SKIPPED, TOKEN,
    USER, WELCOME, kind_of,
};
use crate::frame::{Body, Hit, Message, Secret, ServerFrame};

/// A running reply beyond this many bytes is not kept: its end repeats it.
const MOST_RUNNING: usize = 64 * 1024;

/// Pieces in one frame.
const MOST_PIECES: usize = 1_024;

/// What the frames so far have said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Down {
    seq: u64,
    turn: u64,
    at_ms: u64,
    echo_ms: u64,
    heartbeat_ms: u32,
    /// The pieces of the running reply together, if all of them came on this connection.
    running: Option<String>,
}

impl Down {
    pub(super) fn encode(&self, frame: &ServerFrame, said: &Said) -> Writer {
        match frame {
            ServerFrame::Message(message) => self.message(message, said),
            ServerFrame::Accepted { id, client_seq, seq, duplicate } => {
                let number = said.number(|sent| sent.id == *id && sent.client_seq == *client_seq);
                let flags = (if *duplicate { FLAG_A } else { 0 }) | (if number.is_some() { FLAG_B } else { 0 });
                let mut writer = Writer::new(ACCEPTED | flags);
                match number {
                    Some(number) => writer.uint(number),
                    None => writer.string(id).uint(*client_seq),
                };
                writer.difference(*seq, self.seq);
                writer
            }
            ServerFrame::Beat { echo_ms, heartbeat_ms } => {
                let same = *heartbeat_ms == self.heartbeat_ms;
                let mut writer = Writer::new(SERVER_BEAT | if same { FLAG_A } else { 0 });
                writer.difference(*echo_ms, self.echo_ms);
                if !same {
                    writer.uint((*heartbeat_ms).into());
                }
                writer
            }
            ServerFrame::Error { code, message, id } => {
                let mut writer = Writer::new(ERROR | if id.is_some() { FLAG_A } else { 0 });
                writer.string(code).string(message);
                if let Some(id) = id {
                    writer.string(id);
                }
                writer
            }
            ServerFrame::Resumed { from, to } => pair(RESUMED, *from, *to),
            ServerFrame::Skipped { from, to } => pair(SKIPPED, *from, *to),
            ServerFrame::Goaway { after_ms } => {
                let mut writer = Writer::new(GOAWAY);
                writer.uint((*after_ms).into());
                writer
            }
            ServerFrame::Token { token } => {
                let mut writer = Writer::new(TOKEN);
                writer.string(token.reveal());
                writer
            }
            ServerFrame::Welcome {
                session_id,
                role,
                epoch,
                next_seq,
                resume_from,
                client_seq,
                heartbeat_ms,
                timeout_ms,
            } => {
                let mut writer = Writer::new(WELCOME);
                writer.string(session_id).string(role).uint((*epoch).into()).uint(*next_seq).uint(*resume_from);
                writer.uint(*client_seq).uint((*heartbeat_ms).into()).uint((*timeout_ms).into());
                writer
            }
        }
    }

    /// Pieces of one reply, one after the other, as one frame. `None` when they are not that.
    pub(super) fn pieces(&self, pieces: &[Message]) -> Option<Writer> {
        let first = pieces.first().filter(|_| (2..=MOST_PIECES).contains(&pieces.len()))?;
        let mut writer = Writer::new(DELTAS | self.place(first));
        self.head(&mut writer, first);
        writer.uint(pieces.len() as u64);
        let (mut before, mut whole) = (first, String::new());
        for (at, piece) in pieces.iter().enumerate() {
            let Body::Delta { text } = &piece.body else { return None };
            let follows = piece.turn == first.turn && Some(piece.seq) == first.seq.checked_add(at as u64);
            if !follows || text.is_empty() {
                return None;
            }
            if at > 0 {
                writer.difference(piece.at_ms, before.at_ms);
            }
            writer.uint(text.encode_utf16().count() as u64);
            whole.push_str(text);
            before = piece;
        }
        writer.text(&whole);
        Some(writer)
    }

    fn message(&self, message: &Message, said: &Said) -> Writer {
        let place = self.place(message);
        match &message.body {
            Body::User { id, text } => {
                let number = said.number(|sent| sent.id == *id && sent.text.as_ref() == Some(text));
                let mut writer = Writer::new(USER | place | if number.is_some() { FLAG_B } else { 0 });
                self.head(&mut writer, message);
                match number {
                    Some(number) => writer.uint(number),
                    None => writer.string(id).text(text),
                };
                writer
            }
            Body::Delta { text } => {
                let mut writer = Writer::new(DELTA | place);
                self.head(&mut writer, message);
                writer.text(text);
                writer
            }
            Body::Reply { text, outcome, hits } => {
                let known = self.running.as_ref() == Some(text);
                let mut writer = Writer::new(REPLY | place | if known { FLAG_B } else { 0 });
                self.head(&mut writer, message);
                writer.number(outcome_to(*outcome) as i32);
                writer.uint(hits.len() as u64);
                for hit in hits {
                    writer.string(&hit.rule).string(&hit.action).string(&hit.message);
                }
                if !known {
                    writer.text(text);
                }
                writer
            }
            Body::Delivery { text, intent, parts } => {
                let mut writer = Writer::new(DELIVERY | place);
                self.head(&mut writer, message);
                writer.string(intent).uint(parts.len() as u64);
                for part in parts {
                    writer.string(part);
                }
                writer.text(text);
                writer
            }
        }
    }

    /// The turn that a message of this kind has when nothing is out of the ordinary.
    const fn usual_turn(&self, kind: u8) -> u64 {
        match kind {
            USER => self.turn.saturating_add(1),
            DELIVERY => 0,
            _ => self.turn,
        }
    }

    /// The flag of a message whose place needs no words.
    const fn place(&self, message: &Message) -> u8 {
        let kind = match message.body {
            Body::User { .. } => USER,
            Body::Delta { .. } => DELTA,
            Body::Reply { .. } => REPLY,
            Body::Delivery { .. } => DELIVERY,
        };
        let usual = message.seq == self.seq.wrapping_add(1) && message.turn == self.usual_turn(kind);
        if usual { FLAG_A } else { 0 }
    }

    fn head(&self, writer: &mut Writer, message: &Message) {
        if self.place(message) == 0 {
            writer.difference(message.seq, self.seq).difference(message.turn, self.turn);
        }
        writer.difference(message.at_ms, self.at_ms);
    }

    /// The frames of one WebSocket message: one, or the pieces of a reply.
    pub(super) fn decode(&self, bytes: &[u8], said: &Said) -> Result<Vec<ServerFrame>, DecodeError> {
        let (kind, flags, mut reader) = kind_of(bytes)?;
        let reader = &mut reader;
        let allowed = match kind {
            ACCEPTED | USER | REPLY => FLAG_A | FLAG_B,
            DELTA | DELTAS | DELIVERY | SERVER_BEAT | ERROR => FLAG_A,
            _ => 0,
        };
        if flags & !allowed != 0 {
            return Err(DecodeError::UnknownFrame);
        }
        let frames = match kind {
            USER | DELTA | REPLY | DELIVERY => Vec::from([ServerFrame::Message(self.read(kind, flags, reader, said)?)]),
            DELTAS => self.read_pieces(flags, reader)?,
            _ => Vec::from([self.read_other(kind, flags, reader, said)?]),
        };
        reader.end()?;
        Ok(frames)
    }

    fn read_head(&self, kind: u8, flags: u8, reader: &mut Reader<'_>) -> Result<(u64, u64, u64), DecodeError> {
        let (seq, turn) = if flags & FLAG_A != 0 {
            (self.seq.wrapping_add(1), self.usual_turn(kind))
        } else {
            (reader.difference(self.seq, "seq")?, reader.difference(self.turn, "turn")?)
        };
        Ok((seq, turn, reader.difference(self.at_ms, "at_ms")?))
    }

    fn read(&self, kind: u8, flags: u8, reader: &mut Reader<'_>, said: &Said) -> Result<Message, DecodeError> {
        let (seq, turn, at_ms) = self.read_head(kind, flags, reader)?;
        let known = flags & FLAG_B != 0;
        let body = match kind {
            USER if known => {
                let sent = said.get(reader.uint("send")?).ok_or(DecodeError::Field("send"))?;
                let text = sent.text.clone().ok_or(DecodeError::Field("send"))?;
                Body::User { id: sent.id.clone(), text }
            }
            USER => Body::User { id: reader.string("id")?, text: reader.text("text")? },
            REPLY => {
                let outcome = outcome_from(reader.number("outcome")?)?;
                let mut hits = Vec::new();
                for _ in 0..reader.uint("hits")? {
                    let (rule, action) = (reader.string("rule")?, reader.string("action")?);
                    hits.push(Hit { rule, action, message: reader.string("message")? });
                }
                let text = match &self.running {
                    Some(text) if known => text.clone(),
                    None if known => return Err(DecodeError::Field("text")),
                    _ => reader.text("text")?,
                };
                Body::Reply { text, outcome, hits }
            }
            DELIVERY => {
                let intent = reader.string("intent")?;
                let mut parts = Vec::new();
                for _ in 0..reader.uint("parts")? {
                    parts.push(reader.string("part")?);
                }
                Body::Delivery { text: reader.text("text")?, intent, parts }
            }
            _ => Body::Delta { text: reader.text("text")? },
        };
        Ok(Message { seq, turn, at_ms, body })
    }

    fn read_pieces(&self, flags: u8, reader: &mut Reader<'_>) -> Result<Vec<ServerFrame>, DecodeError> {
        let (seq, turn, mut at_ms) = self.read_head(DELTAS, flags, reader)?;
        let mut places = Vec::new();
        let count = reader.uint("pieces")?;
        if !(2..=MOST_PIECES as u64).contains(&count) {
            return Err(DecodeError::Field("pieces"));
        }
        for piece in 0..count {
            if piece > 0 {
                at_ms = reader.difference(at_ms, "at_ms")?;
            }
            places.push((at_ms, reader.uint("length")?));
        }
        let whole = reader.text("text")?;
        let mut rest = whole.as_str();
        let mut frames = Vec::new();
        for (at, (at_ms, length)) in places.into_iter().enumerate() {
            let (text, behind) = split(rest, length).ok_or(DecodeError::Field("length"))?;
            rest = behind;
            let (seq, body) = (seq.wrapping_add(at as u64), Body::Delta { text: text.into() });
            frames.push(ServerFrame::Message(Message { seq, turn, at_ms, body }));
        }
        if !rest.is_empty() {
            return Err(DecodeError::Field("length"));
        }
        Ok(frames)
    }

    fn read_other(
        &self,
        kind: u8,
        flags: u8,
        reader: &mut Reader<'_>,
        said: &Said,
    ) -> Result<ServerFrame, DecodeError> {
        Ok(match kind {
            ACCEPTED => {
                let (id, client_seq) = if flags & FLAG_B != 0 {
                    let sent = said.get(reader.uint("send")?).ok_or(DecodeError::Field("send"))?;
                    (sent.id.clone(), sent.client_seq)
                } else {
                    (reader.string("id")?, reader.uint("client_seq")?)
                };
                let seq = reader.difference(self.seq, "seq")?;
                ServerFrame::Accepted { id, client_seq, seq, duplicate: flags & FLAG_A != 0 }
            }
            SERVER_BEAT => {
                let echo_ms = reader.difference(self.echo_ms, "echo_ms")?;
                let same = flags & FLAG_A != 0;
                let heartbeat_ms = if same { self.heartbeat_ms } else { reader.uint32("heartbeat_ms")? };
                ServerFrame::Beat { echo_ms, heartbeat_ms }
            }
            ERROR => {
                let (code, message) = (reader.string("code")?, reader.string("message")?);
                let id = if flags & FLAG_A != 0 { Some(reader.string("id")?) } else { None };
                ServerFrame::Error { code, message, id }
            }
            RESUMED => ServerFrame::Resumed { from: reader.uint("from")?, to: reader.uint("to")? },
            SKIPPED => ServerFrame::Skipped { from: reader.uint("from")?, to: reader.uint("to")? },
            GOAWAY => ServerFrame::Goaway { after_ms: reader.uint32("after_ms")? },
            TOKEN => ServerFrame::Token { token: Secret::new(reader.string("token")?) },
            WELCOME => ServerFrame::Welcome {
                session_id: reader.string("session_id")?,
                role: reader.string("role")?,
                epoch: reader.uint32("epoch")?,
                next_seq: reader.uint("next_seq")?,
                resume_from: reader.uint("resume_from")?,
                client_seq: reader.uint("client_seq")?,
                heartbeat_ms: reader.uint32("heartbeat_ms")?,
                timeout_ms: reader.uint32("timeout_ms")?,
            },
            _ => return Err(DecodeError::UnknownFrame),
        })
    }

    /// Takes note of a frame, at both ends in the same order.
    pub(super) fn note(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::Welcome { resume_from, heartbeat_ms, .. } => {
                (self.seq, self.heartbeat_ms) = (resume_from.saturating_sub(1), *heartbeat_ms);
            }
            ServerFrame::Message(message) => self.note_message(message),
            ServerFrame::Skipped { to, .. } => (self.seq, self.running) = (*to, None),
            ServerFrame::Beat { echo_ms, heartbeat_ms } => {
                (self.echo_ms, self.heartbeat_ms) = (*echo_ms, *heartbeat_ms);
            }
            ServerFrame::Resumed { .. }
            | ServerFrame::Accepted { .. }
            | ServerFrame::Error { .. }
            | ServerFrame::Goaway { .. }
            | ServerFrame::Token { .. } => {}
        }
    }

    pub(super) fn note_message(&mut self, message: &Message) {
        (self.seq, self.at_ms) = (message.seq, message.at_ms);
        match &message.body {
            Body::User { .. } => self.running = Some(String::new()),
            Body::Delta { text } => {
                self.running = self.running.take().filter(|running| running.len() + text.len() <= MOST_RUNNING);
                if let Some(running) = &mut self.running {
                    running.push_str(text);
                }
            }
            Body::Reply { .. } => self.running = None,
            // Between turns, and no part of one.
            Body::Delivery { .. } => return,
        }
        self.turn = message.turn;
    }
}

/// The first so many UTF-16 code units of a text, at least one, and what is behind them. `None` when there are fewer,
/// or they end within a character.
fn split(text: &str, units: u64) -> Option<(&str, &str)> {
    let mut left = units;
    for (at, character) in text.char_indices() {
        if left == 0 {
            return text.split_at_checked(at).filter(|_| units > 0);
        }
        left = left.checked_sub(character.len_utf16() as u64)?;
    }
    (left == 0 && units > 0).then_some((text, ""))
}

fn pair(kind: u8, from: u64, to: u64) -> Writer {
    let mut writer = Writer::new(kind);
    writer.uint(from).uint(to);
    writer
}
