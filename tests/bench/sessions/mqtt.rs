//! MQTT 3.1.1, as much as a subscriber with a persistent session and a publisher of QoS 1 say.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};

use super::wire::{Opening, Reading, Wire};

/// Kinds of packets, the upper half of their first byte.
const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const SUBACK: u8 = 9;

/// Seconds in which a client must say something: more than any run takes, so that none has to.
const KEEP_ALIVE: u16 = 3_600;

/// A session with one topic of its own, which outlives its connections.
pub(crate) struct Mqtt {
    index: usize,
    subscribed: bool,
}

impl Mqtt {
    pub(crate) fn new(index: usize) -> Self {
        Self { index, subscribed: false }
    }
}

impl Wire for Mqtt {
    fn open(&mut self, _: SocketAddr) -> Result<Opening> {
        Ok(Opening::Packet(connect(&format!("client{}", self.index), false)?))
    }

    fn read(&mut self, packet: &[u8]) -> Result<Reading> {
        let mut reading = Reading::default();
        let (kind, body) = parts(packet)?;
        match kind {
            CONNACK => {
                let present = connected(body)?;
                ensure!(present == self.subscribed, "session {} is there: {present}", self.index);
                reading.ready = present;
                if !present {
                    reading.answers.push(subscribe(&topic(self.index))?);
                }
            }
            SUBACK => {
                self.subscribed = true;
                reading.ready = true;
            }
            PUBLISH => {
                let topic = usize::from(short(body).context("a publication without a topic")?);
                let id = body.get(2 + topic..4 + topic).context("a publication without an id")?;
                reading.answers.push(packet_of(PUBACK << 4, id)?);
            }
            other => bail!("unexpected packet of kind {other}"),
        }
        Ok(reading)
    }
}

/// The topic of a session.
pub(crate) fn topic(index: usize) -> String {
    format!("s/{index}")
}

/// What a publisher of its own says first.
pub(crate) fn connect_publisher() -> Result<Vec<u8>> {
    connect("publisher", true)
}

/// A publication of QoS 1.
pub(crate) fn publish(id: u16, topic: &str, payload: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::with_capacity(topic.len() + payload.len() + 4);
    string(&mut body, topic)?;
    body.extend_from_slice(&id.to_be_bytes());
    body.extend_from_slice(payload);
    packet_of(PUBLISH << 4 | 0b10, &body)
}

/// Whether a packet to a publisher says that one more message was taken; the answer to its connection does not.
pub(crate) fn taken(packet: &[u8]) -> Result<bool> {
    match parts(packet)? {
        (PUBACK, _) => Ok(true),
        (CONNACK, body) => connected(body).map(|_| false),
        (other, _) => bail!("unexpected packet of kind {other}"),
    }
}

/// The length of the first packet in a buffer, when it is there as a whole.
pub(crate) fn whole(buffer: &[u8]) -> Option<usize> {
    let (length, head) = length(buffer)?;
    (buffer.len() >= head + length).then_some(head + length)
}

/// The length of a packet's body, and of what stands before it.
fn length(packet: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for at in 0..4 {
        let byte = *packet.get(at + 1)?;
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((length, at + 2));
        }
    }
    None
}

fn parts(packet: &[u8]) -> Result<(u8, &[u8])> {
    let first = packet.first().context("an empty packet")?;
    let (_, head) = length(packet).context("a packet without a length")?;
    Ok((first >> 4, packet.get(head..).unwrap_or_default()))
}

/// Whether the server knows the session.
fn connected(body: &[u8]) -> Result<bool> {
    let (flags, code) = (body.first().context("no flags")?, body.get(1).context("no code")?);
    ensure!(*code == 0, "refused with code {code}");
    Ok(flags & 1 == 1)
}

fn connect(client: &str, clean: bool) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    string(&mut body, "MQTT")?;
    body.extend_from_slice(&[4, u8::from(clean) << 1]);
    body.extend_from_slice(&KEEP_ALIVE.to_be_bytes());
    string(&mut body, client)?;
    packet_of(1 << 4, &body)
}

fn subscribe(topic: &str) -> Result<Vec<u8>> {
    let mut body = vec![0, 1];
    string(&mut body, topic)?;
    body.push(1);
    packet_of(8 << 4 | 0b10, &body)
}

fn string(body: &mut Vec<u8>, text: &str) -> Result<()> {
    body.extend_from_slice(&u16::try_from(text.len())?.to_be_bytes());
    body.extend_from_slice(text.as_bytes());
    Ok(())
}

fn short(body: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*body.first()?, *body.get(1)?]))
}

fn packet_of(first: u8, body: &[u8]) -> Result<Vec<u8>> {
    let mut packet = vec![first];
    let mut length = body.len();
    while length > 0x7f {
        packet.push(u8::try_from(length & 0x7f)? | 0x80);
        length >>= 7;
    }
    packet.push(u8::try_from(length)?);
    packet.extend_from_slice(body);
    Ok(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a packet is cut at the wrong place, or its acknowledgement names another.
    #[test]
    fn a_publication_is_acknowledged_by_its_id() {
        let packet = publish(0x0102, "s/3", &[b'x'; 300]).unwrap();
        assert_eq!(whole(&packet), Some(packet.len()));
        assert_eq!(whole(&packet[..packet.len() - 1]), None);
        let reading = Mqtt::new(3).read(&packet).unwrap();
        assert_eq!(reading.answers, [vec![0x40, 2, 1, 2]]);
        assert!(taken(&reading.answers[0]).unwrap());
    }

    // Fails when a session that the server has forgotten passes for one that it kept.
    #[test]
    fn a_forgotten_session_is_an_error() {
        let mut wire = Mqtt::new(3);
        assert!(!wire.read(&[0x20, 2, 0, 0]).unwrap().ready);
        assert!(wire.read(&[0x90, 3, 0, 1, 1]).unwrap().ready);
        assert!(wire.read(&[0x20, 2, 1, 0]).unwrap().ready);
        assert!(wire.read(&[0x20, 2, 0, 0]).is_err());
    }
}
