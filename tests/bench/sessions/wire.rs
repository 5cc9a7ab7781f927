//! The protocols of the products, as a client speaks them: values without a socket. A wire keeps what a client must present to
//! go on after a lost connection.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::Session;
use rolecall_tests::ws;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Request;

use super::mqtt::Mqtt;
use super::product::Product;

/// How a connection begins.
#[derive(Debug)]
pub(crate) enum Opening {
    /// With the upgrade to a WebSocket, and a text that is said behind it.
    Upgrade(Box<Request<()>>, Option<&'static str>),
    /// With a packet over plain TCP.
    Packet(Vec<u8>),
}

/// What a frame asks of its reader, beside the messages in it.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Frames to answer with.
    pub(crate) answers: Vec<Vec<u8>>,
    /// Whether the session is connected now.
    pub(crate) ready: bool,
}

/// One session's side of a protocol.
pub(crate) trait Wire: Send {
    /// Begins a connection that goes on where the last one ended.
    fn open(&mut self, to: SocketAddr) -> Result<Opening>;

    /// Takes a frame in.
    fn read(&mut self, frame: &[u8]) -> Result<Reading>;

    /// The frame that acknowledges everything read, where the protocol has one for many messages.
    fn acknowledge(&self) -> Option<Vec<u8>> {
        None
    }
}

/// The wire of a new session.
pub(crate) fn new(product: Product, index: usize, session: Option<&Session>) -> Result<Box<dyn Wire>> {
    Ok(match product {
        Product::Rolecall => {
            let token = session.context("a session of rolecall has a token")?.token.clone();
            Box::new(Rolecall { token, epoch: 0, seq: 0 })
        }
        Product::Ws => Box::new(Plain { index }),
        Product::SocketIo => Box::new(SocketIo { index, pid: String::new(), offset: String::new() }),
        Product::Centrifuge => Box::new(Centrifuge { index, epoch: String::new(), offset: 0 }),
        Product::Mosquitto => Box::new(Mqtt::new(index)),
    })
}

/// `rolecall.json.v1`.
struct Rolecall {
    token: String,
    epoch: u64,
    seq: u64,
}

impl Wire for Rolecall {
    fn open(&mut self, to: SocketAddr) -> Result<Opening> {
        let url = format!("ws://{to}/v1/session?last_seq={}&epoch={}&network=4g", self.seq, self.epoch);
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("authorization", format!("Bearer {}", self.token).parse()?);
        request.headers_mut().insert("sec-websocket-protocol", ws::PROTOCOL.parse()?);
        Ok(Opening::Upgrade(Box::new(request), None))
    }

    fn read(&mut self, frame: &[u8]) -> Result<Reading> {
        let is = |kind: &str| contains(frame, format!(r#""type":"{kind}""#).as_bytes());
        if contains(frame, br#""type":"message""#) {
            let seq = number(frame, br#""seq":"#).context("a message without a sequence id")?;
            ensure!(seq == self.seq + 1, "sequence id {seq} behind {}", self.seq);
            self.seq = seq;
        } else if is("welcome") {
            let from = number(frame, br#""resume_from":"#).context("a welcome without a place")?;
            ensure!(from == self.seq + 1, "resumed from {from}, not behind {}", self.seq);
            self.epoch = number(frame, br#""epoch":"#).context("a welcome without an epoch")?;
        } else if is("resumed") {
            return Ok(Reading { ready: true, ..Reading::default() });
        } else {
            ensure!(is("beat") || is("token"), "unexpected: {}", String::from_utf8_lossy(frame));
        }
        Ok(Reading::default())
    }

    fn acknowledge(&self) -> Option<Vec<u8>> {
        Some(format!(r#"{{"type":"ack","seq":{}}}"#, self.seq).into_bytes())
    }
}

/// `ws` carries texts and nothing else: the server greets, then each text is a message.
struct Plain {
    index: usize,
}

impl Wire for Plain {
    fn open(&mut self, to: SocketAddr) -> Result<Opening> {
        upgrade(&format!("ws://{to}/?session={}", self.index), None)
    }

    fn read(&mut self, frame: &[u8]) -> Result<Reading> {
        Ok(Reading { ready: frame == b"hello", ..Reading::default() })
    }
}

/// Socket.IO 4 over Engine.IO 4, WebSocket alone. The server puts a private id into its answer to a connection and the id of the
/// packet behind the arguments of each event; a client that presents both gets what it missed.
struct SocketIo {
    index: usize,
    pid: String,
    offset: String,
}

impl Wire for SocketIo {
    fn open(&mut self, to: SocketAddr) -> Result<Opening> {
        upgrade(&format!("ws://{to}/socket.io/?EIO=4&transport=websocket"), None)
    }

    fn read(&mut self, frame: &[u8]) -> Result<Reading> {
        let text = std::str::from_utf8(frame)?;
        let answer = |text: String| Ok(Reading { answers: vec![text.into_bytes()], ready: false });
        if text == "2" {
            answer("3".to_owned())
        } else if text.starts_with('0') {
            let Self { index, pid, offset } = self;
            answer(if offset.is_empty() {
                format!(r#"40{{"session":{index}}}"#)
            } else {
                format!(r#"40{{"session":{index},"pid":"{pid}","offset":"{offset}"}}"#)
            })
        } else if let Some(connected) = text.strip_prefix("40") {
            let connected: serde_json::Value = serde_json::from_str(connected)?;
            let pid = connected["pid"].as_str().context("no private id: the state is not kept")?;
            ensure!(self.offset.is_empty() || self.pid == pid, "session {} was not recovered", self.index);
            pid.clone_into(&mut self.pid);
            Ok(Reading { ready: true, ..Reading::default() })
        } else {
            let arguments = text.strip_prefix("42").with_context(|| format!("unexpected: {text}"))?;
            let id = arguments.trim_end_matches("\"]").rsplit('"').next().unwrap_or_default();
            id.clone_into(&mut self.offset);
            Ok(Reading::default())
        }
    }
}

/// The JSON of version 1 of Centrifuge's protocol: several replies and pushes, a line each, may come in one frame.
struct Centrifuge {
    index: usize,
    epoch: String,
    offset: u64,
}

impl Wire for Centrifuge {
    fn open(&mut self, to: SocketAddr) -> Result<Opening> {
        upgrade(&format!("ws://{to}/connection/websocket"), Some(r#"{"id":1,"params":{}}"#))
    }

    fn read(&mut self, frame: &[u8]) -> Result<Reading> {
        let mut reading = Reading::default();
        ensure!(!contains(frame, br#""error":"#), "refused: {}", String::from_utf8_lossy(frame));
        if frame.starts_with(br#"{"id":1,"#) {
            let place = if self.epoch.is_empty() {
                String::new()
            } else {
                format!(r#","recover":true,"epoch":"{}","offset":{}"#, self.epoch, self.offset)
            };
            let subscribe = format!(r#"{{"id":2,"method":1,"params":{{"channel":"s{}"{place}}}}}"#, self.index);
            reading.answers.push(subscribe.into_bytes());
        } else if frame.starts_with(br#"{"id":2,"#) {
            let recovered = self.epoch.is_empty() || contains(frame, br#""recovered":true"#);
            ensure!(recovered, "session {} was not recovered", self.index);
            let epoch = find(frame, br#""epoch":""#).and_then(|at| frame.get(at..)).context("no epoch")?;
            let epoch = epoch.split(|byte| *byte == b'"').next().unwrap_or_default();
            self.epoch = String::from_utf8_lossy(epoch).into_owned();
            reading.ready = true;
        }
        // The last one counts; a stream that is empty has none.
        if let Some(line) = frame.rsplit(|byte| *byte == b',').find_map(|part| number(part, br#""offset":"#)) {
            self.offset = line;
        }
        Ok(reading)
    }
}

fn upgrade(url: &str, first: Option<&'static str>) -> Result<Opening> {
    Ok(Opening::Upgrade(Box::new(url.into_client_request()?), first))
}

/// Where what follows a key begins.
fn find(frame: &[u8], key: &[u8]) -> Option<usize> {
    frame.windows(key.len()).position(|window| window == key).map(|at| at + key.len())
}

fn contains(frame: &[u8], key: &[u8]) -> bool {
    find(frame, key).is_some()
}

/// The number behind a key.
fn number(frame: &[u8], key: &[u8]) -> Option<u64> {
    let rest = frame.get(find(frame, key)?..)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(product: Product) -> Box<dyn Wire> {
        let session = Session { id: "s".to_owned(), token: "t".to_owned() };
        new(product, 3, Some(&session)).unwrap()
    }

    fn said(reading: &Reading) -> Vec<&str> {
        reading.answers.iter().map(|answer| std::str::from_utf8(answer).unwrap()).collect()
    }

    // Fails when a client of rolecall comes back with another place than the last message's.
    #[test]
    fn rolecall_goes_on_behind_the_last_message() {
        let mut wire = session(Product::Rolecall);
        wire.read(br#"{"type":"welcome","epoch":2,"next_seq":1,"resume_from":1}"#).unwrap();
        assert!(wire.read(br#"{"type":"resumed","from":1,"to":0}"#).unwrap().ready);
        wire.read(br#"{"type":"message","seq":1,"body":{"kind":"delivery"}}"#).unwrap();
        assert!(wire.read(br#"{"type":"message","seq":3,"body":{"kind":"delivery"}}"#).is_err());
        let Opening::Upgrade(request, _) = wire.open(([127, 0, 0, 1], 1).into()).unwrap() else { panic!("no upgrade") };
        assert!(request.uri().query().unwrap().contains("last_seq=1&epoch=2"));
    }

    // Fails when the ids that a recovery needs are not kept, or a session that was not recovered passes for one.
    #[test]
    fn socket_io_presents_its_private_id_and_the_last_packet() {
        let mut wire = session(Product::SocketIo);
        assert_eq!(said(&wire.read(br#"0{"sid":"x"}"#).unwrap()), [r#"40{"session":3}"#]);
        assert!(wire.read(br#"40{"sid":"a","pid":"p1"}"#).unwrap().ready);
        wire.read(br#"42["m","text","PYxk3.1"]"#).unwrap();
        assert_eq!(said(&wire.read(b"2").unwrap()), ["3"]);
        let again = wire.read(br#"0{"sid":"y"}"#).unwrap();
        assert_eq!(said(&again), [r#"40{"session":3,"pid":"p1","offset":"PYxk3.1"}"#]);
        assert!(wire.read(br#"40{"sid":"b","pid":"other"}"#).is_err());
    }

    // Fails when a client of Centrifuge comes back with another place than the last publication's.
    #[test]
    fn centrifuge_goes_on_behind_the_last_publication() {
        let mut wire = session(Product::Centrifuge);
        wire.read(br#"{"id":1,"result":{}}"#).unwrap();
        let first = br#"{"id":2,"result":{"recoverable":true,"epoch":"ab","offset":4}}"#;
        assert!(wire.read(first).unwrap().ready);
        wire.read(br#"{"result":{"channel":"s3","data":{"data":"text","offset":5}}}"#).unwrap();
        let again = wire.read(br#"{"id":1,"result":{}}"#).unwrap();
        assert!(said(&again)[0].ends_with(r#""recover":true,"epoch":"ab","offset":5}}"#), "{again:?}");
        assert!(wire.read(first).is_err());
    }
}
