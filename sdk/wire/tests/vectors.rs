//! The golden frames in `vectors/`: each JSON frame and its BSP bytes, which every implementation
//! must reproduce. `UPDATE_VECTORS=1` writes the bytes of new entries.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::fmt::Write;
use std::path::Path;

use rolecall_wire::codec::{self, ClientEnd, HEADER_LEN, ServerEnd};
use rolecall_wire::frame::{ClientFrame, Message, ServerFrame};
use rolecall_wire::limits::{MAX_PAYLOAD, MAX_SERVER_PAYLOAD};
use serde_json::Value;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        write!(text, "{b:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// Runs over a file's entries; returns how many there are.
fn each(name: &str, check: impl Fn(&Value) -> Vec<u8>, back: impl Fn(&[u8]) -> Value) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    let mut entries: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    if std::env::var("UPDATE_VECTORS").is_ok() {
        for entry in &mut entries {
            entry["bsp"] = hex(&check(&entry["frame"])).into();
        }
        std::fs::write(&path, serde_json::to_string_pretty(&entries).unwrap() + "\n").unwrap();
    }
    for entry in &entries {
        let (what, bytes) = (&entry["name"], unhex(entry["bsp"].as_str().unwrap()));
        assert_eq!(hex(&check(&entry["frame"])), hex(&bytes), "{what}: our bytes");
        assert_eq!(back(&bytes), entry["frame"], "{what}: our reading");
    }
    entries.len()
}

/// Fails if a field number, a type, the JSON names, the header or the compression ever changes.
#[test]
fn client_frames_are_golden() {
    let to = |frame: &Value| {
        let frame: ClientFrame = serde_json::from_value(frame.clone()).unwrap();
        codec::encode_client(&frame).unwrap().to_vec()
    };
    let back = |bytes: &[u8]| serde_json::to_value(codec::decode_client(bytes, MAX_PAYLOAD).unwrap()).unwrap();
    assert!(each("client.json", to, back) >= 6);
}

/// As above, for the server's frames.
#[test]
fn server_frames_are_golden() {
    let to = |frame: &Value| {
        let frame: ServerFrame = serde_json::from_value(frame.clone()).unwrap();
        codec::encode_server(&frame).unwrap().to_vec()
    };
    let back = |bytes: &[u8]| serde_json::to_value(codec::decode_server(bytes, MAX_SERVER_PAYLOAD).unwrap()).unwrap();
    assert!(each("server.json", to, back) >= 14);
}

/// Fails if a valid frame of another compressor is refused, or a broken one is taken: `error` is
/// the kind of the refusal.
#[test]
fn foreign_and_broken_frames_are_told_apart() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/decode.json");
    let entries: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for entry in &entries {
        let bytes = unhex(entry["bsp"].as_str().unwrap());
        let server = entry["side"] == "server_frame";
        let read = if server {
            codec::decode_server(&bytes, MAX_SERVER_PAYLOAD).map(|f| serde_json::to_value(f).unwrap())
        } else {
            codec::decode_client(&bytes, MAX_PAYLOAD).map(|f| serde_json::to_value(f).unwrap())
        };
        match read {
            Ok(frame) => assert_eq!(frame, entry["frame"], "{}", entry["name"]),
            Err(error) => {
                let kind = format!("{error:?}");
                let kind = kind.split([' ', '(']).next().unwrap();
                assert_eq!(kind, entry["error"].as_str().unwrap_or("no error"), "{}", entry["name"]);
            }
        }
    }
    assert!(entries.len() >= 12);
}

/// Fails if `rolecall.proto` names other numbers than the code writes: the fields of a golden
/// frame, read by the numbers of the file.
#[test]
fn the_proto_file_has_the_numbers_of_the_code() {
    let proto = include_str!("../rolecall.proto");
    let number = |message: &str, field: &str| -> u64 {
        let body = proto.split(&format!("message {message} {{")).nth(1).unwrap().split("\n}").next().unwrap();
        let line = body
            .lines()
            .find(|l| l.split([' ', ';']).any(|word| word == field))
            .unwrap_or_else(|| panic!("{message}.{field}"));
        line.split('=').nth(1).unwrap().split(';').next().unwrap().trim().parse().unwrap()
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut seen = 0;
    for file in ["client.json", "server.json"] {
        let entries: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path.join(file)).unwrap()).unwrap();
        for entry in entries {
            let frame = entry["frame"].as_object().unwrap();
            let (side, kind) = (file.trim_end_matches(".json"), frame["type"].as_str().unwrap());
            let name = if kind == "beat" { format!("{side}_beat") } else { kind.to_owned() };
            let message = camel(&name);
            let frame_bytes = unhex(entry["bsp"].as_str().unwrap());
            let envelope = lz4_flex::block::decompress_size_prepended(&frame_bytes[HEADER_LEN..]).unwrap();
            let [(tag, inner)] = &fields(&envelope)[..] else { panic!("one frame per envelope") };
            assert_eq!(*tag, number("Envelope", &name), "{name}");
            let written: Vec<u64> = fields(inner).into_iter().map(|(tag, _)| tag).collect();
            for (field, value) in frame {
                if field == "type" || *value == 0 || *value == "" || *value == false || value.is_null() {
                    continue;
                }
                let field = if field == "body" { value["kind"].as_str().unwrap() } else { field };
                assert!(written.contains(&number(&message, field)), "{message}.{field}");
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen}");
}

fn camel(name: &str) -> String {
    name.split('_').map(|w| w[..1].to_uppercase() + &w[1..]).collect()
}

/// The top-level fields of a Protobuf message: number, and the bytes of length-delimited ones.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let content = match key & 7 {
            0 => {
                varint(&mut bytes);
                Vec::new()
            }
            2 => {
                let len = usize::try_from(varint(&mut bytes)).unwrap();
                let (content, rest) = bytes.split_at(len);
                bytes = rest;
                content.to_vec()
            }
            other => panic!("wire type {other}"),
        };
        found.push((key >> 3, content));
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (&byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

/// Fails if what the store keeps cannot be read back, or a damaged entry is taken.
#[test]
fn stored_messages_come_back() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/server.json");
    let entries: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut kinds = 0;
    for entry in entries.iter().filter(|e| e["frame"]["type"] == "message") {
        let message: Message = serde_json::from_value(entry["frame"].clone()).unwrap();
        let bytes = message.to_bytes();
        assert_eq!(Message::from_bytes(&bytes), Ok(message));
        assert!(Message::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        kinds += 1;
    }
    assert!(kinds >= 4);
    assert!(Message::from_bytes(&[]).is_err());
}

/// Fails if a frame of version 2 changes, or what it takes for known. The frames are those of one connection, in order:
/// each depends on those before.
#[test]
fn the_conversation_of_version_2_is_golden() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/v2.json");
    let mut entries: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let (mut client, mut server) = (ClientEnd::default(), ServerEnd::default());
    for entry in &mut entries {
        let bytes = if entry["from"] == "client" {
            let frame: ClientFrame = serde_json::from_value(entry["frames"][0].clone()).unwrap();
            let bytes = client.encode(&frame).unwrap();
            assert_eq!(server.decode(&bytes, MAX_PAYLOAD).unwrap(), frame, "{}", entry["name"]);
            bytes
        } else {
            let frames: Vec<ServerFrame> = serde_json::from_value(entry["frames"].clone()).unwrap();
            let pieces: Vec<Message> = frames
                .iter()
                .filter_map(
                    |frame| if let ServerFrame::Message(message) = frame { Some(message.clone()) } else { None },
                )
                .collect();
            let together = frames.len() > 1;
            let bytes =
                if together { server.encode_pieces(&pieces).unwrap() } else { server.encode(&frames[0]).unwrap() };
            assert_eq!(client.decode(&bytes, MAX_SERVER_PAYLOAD).unwrap(), frames, "{}", entry["name"]);
            bytes
        };
        if std::env::var("UPDATE_VECTORS").is_ok() {
            entry["bsp"] = hex(&bytes).into();
        }
        assert_eq!(entry["bsp"], hex(&bytes), "{}: our bytes", entry["name"]);
    }
    assert!(entries.len() >= 36);
    if std::env::var("UPDATE_VECTORS").is_ok() {
        std::fs::write(&path, serde_json::to_string_pretty(&entries).unwrap() + "\n").unwrap();
    }
}
