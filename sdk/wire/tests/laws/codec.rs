//! Laws of the codec: any bytes are a frame or a fault, and a frame survives being written and read.

use arbitrary::{Arbitrary, Unstructured};
use rolecall_wire::codec::{self, EncodeError, HEADER_LEN};
use rolecall_wire::frame::{ClientFrame, Message, ServerFrame};
use rolecall_wire::limits::{MAX_DECOMPRESSED, MAX_PAYLOAD, MAX_SERVER_PAYLOAD};

/// Any bytes: as they are, as what a header and an honest block carry, and as the choices of which frames are made.
pub fn bytes(input: &[u8]) {
    received(input);
    received(&enveloped(input));
    if let Ok(text) = std::str::from_utf8(input) {
        text_received(text);
    }
    if let Ok(message) = Message::from_bytes(input) {
        assert_eq!(Message::from_bytes(&message.to_bytes()), Ok(message));
    }
    streamed(input);
    let mut choices = Unstructured::new(input);
    if let Ok(frame) = ClientFrame::arbitrary(&mut choices) {
        client_frame(&frame);
    }
    if let Ok(frame) = ServerFrame::arbitrary(&mut choices) {
        server_frame(&frame);
    }
}

/// A binary message, at either side.
fn received(bytes: &[u8]) {
    let for_server = codec::decode_client(bytes, MAX_PAYLOAD);
    let for_client = codec::decode_server(bytes, MAX_SERVER_PAYLOAD);
    assert!(for_server.is_err() || for_client.is_err(), "a frame of both directions");
    if let Ok(frame) = for_server {
        client_frame(&frame);
    }
    if let Ok(frame) = for_client {
        server_frame(&frame);
    }
    for limit in [0, 16] {
        let large = bytes.len() > HEADER_LEN + limit;
        assert!(!large || codec::decode_client(bytes, limit).is_err(), "a frame above a limit of {limit}");
    }
}

/// A text message, at either side.
fn text_received(text: &str) {
    if let Ok(frame) = codec::from_json::<ClientFrame>(text, MAX_PAYLOAD) {
        client_frame(&frame);
    }
    if let Ok(frame) = codec::from_json::<ServerFrame>(text, MAX_SERVER_PAYLOAD) {
        server_frame(&frame);
    }
}

/// Frames back to back: what is split off is a header's frame, and nothing is lost between.
fn streamed(stream: &[u8]) {
    let mut rest = stream;
    while let Ok(Some((frame, behind))) = codec::split(rest, MAX_PAYLOAD) {
        assert!(frame.len() >= HEADER_LEN && frame.len() + behind.len() == rest.len());
        rest = behind;
    }
}

fn client_frame(frame: &ClientFrame) {
    match codec::encode_client(frame) {
        Ok(bsp) => {
            assert_eq!(codec::decode_client(&bsp, MAX_PAYLOAD).as_ref(), Ok(frame));
            assert_eq!(codec::split(&bsp, MAX_PAYLOAD), Ok(Some((&bsp[..], &b""[..]))));
        }
        Err(error) => assert!(matches!(error, EncodeError::TooLarge { .. }), "{error}"),
    }
    match codec::to_json(frame) {
        Ok(json) => assert_eq!(codec::from_json(&json, MAX_PAYLOAD).as_ref(), Ok(frame)),
        Err(error) => assert!(matches!(error, EncodeError::TooLarge { .. }), "{error}"),
    }
}

fn server_frame(frame: &ServerFrame) {
    match codec::encode_server(frame) {
        Ok(bsp) => assert_eq!(codec::decode_server(&bsp, MAX_SERVER_PAYLOAD).as_ref(), Ok(frame)),
        Err(error) => assert!(matches!(error, EncodeError::TooLarge { .. }), "{error}"),
    }
    match codec::to_json(frame) {
        Ok(json) => assert_eq!(codec::from_json(&json, MAX_SERVER_PAYLOAD).as_ref(), Ok(frame)),
        Err(error) => assert!(matches!(error, EncodeError::TooLarge { .. }), "{error}"),
    }
    if let ServerFrame::Message(message) = frame {
        assert_eq!(Message::from_bytes(&message.to_bytes()).as_ref(), Ok(message));
    }
}

/// The input as an envelope behind a true header, so that what is decoded behind the header and the block is
/// reached without finding an LZ4 block by chance.
pub fn enveloped(envelope: &[u8]) -> Vec<u8> {
    let content = envelope.get(..MAX_DECOMPRESSED).unwrap_or(envelope);
    let mut payload = u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    match content.len().checked_sub(15) {
        None => payload.push(u8::try_from(content.len() << 4).unwrap_or(0xf0)),
        Some(more) => {
            payload.push(0xf0);
            payload.extend(std::iter::repeat_n(255, more / 255));
            payload.push(u8::try_from(more % 255).unwrap_or(0));
        }
    }
    payload.extend_from_slice(content);
    let mut frame = vec![b'B', b'S', 1];
    frame.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend_from_slice(&payload);
    frame
}
